"""pdb, driven by commands on standard input."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.replay import replay

Run = Callable[..., Path]
Typed = Callable[..., None]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Make these lines what is typed into pdb."""

    def lines(*commands: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{command}\n" for command in commands)))

    return lines


def test_a_job_that_fails_is_looked_at_where_the_strategy_broke(
    ran: Run, crossing: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ran("crossing", paths=[crossing], overrides={"breaks_on": "QUEUE"})
    typed("p state['desk'].seen * 1000", "up", "p row.volume * 1000", "q")
    said: list[str] = []

    report = replay(folder, "QUEUE", debug=True, say=said.append)

    shown = capsys.readouterr().out
    assert report.verdict == "failed again"
    assert "crossing.py" in shown
    assert "5000" in shown
    assert "700000" in shown
    assert "JSONDecodeError" in said[0]


def test_a_plain_handler_is_stopped_at_before_the_events_at_until(
    ran: Run, crossing: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ran("crossing", paths=[crossing])
    typed("p len(chunk) * 1000", "p chunk.volume.tolist()", "p state['desk'].seen * 1000", "c")

    report = replay(folder, "QUEUE", debug=True, until="2025-04-14 10:00:04")

    shown = capsys.readouterr().out
    assert (report.verdict, report.now.fills) == ("equal", 2)
    assert "handle()" in shown
    assert "1000" in shown
    assert "[700]" in shown
    assert "4000" in shown


def test_a_compiled_strategy_is_stopped_before_the_event_with_its_state_at_hand(
    ran: Run, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ran("v1_baseline")
    typed("p events.volume.tolist()", "p state['bid.order.remaining'], state['bid.order.ahead']", "c")

    report = replay(folder, "QUEUE", debug=True, until="2025-04-14 10:00:04")

    shown = capsys.readouterr().out
    assert (report.verdict, report.now.fills) == ("equal", 1)
    assert "[700]" in shown
    assert "(50000, 0)" in shown


@pytest.mark.parametrize("strategy", ["v1_baseline", "crossing"])
def test_leaving_the_debugger_ends_the_replay(ran: Run, crossing: Path, typed: Typed, strategy: str) -> None:
    folder = ran(strategy, paths=[] if strategy == "v1_baseline" else [crossing])
    typed("q")

    with pytest.raises(KeyboardInterrupt):
        replay(folder, "QUEUE", debug=True, until="2025-04-14 10:00:04")


def test_a_job_that_succeeds_opens_no_debugger(ran: Run, typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed()

    assert replay(ran("v1_baseline"), "QUEUE", debug=True).verdict == "equal"
    assert capsys.readouterr().out == ""
