"""Jobs that failed, then or now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dbatch.cli.replay import exit_code, report_lines
from dbatch.replay import replay

Run = Callable[..., Path]


@pytest.fixture
def failed(ran: Run, crossing: Path) -> Path:
    """A run of crossing that failed on QUEUE, at the fifth event that its handler saw."""
    return ran("crossing", paths=[crossing], overrides={"breaks_on": "QUEUE"})


def test_a_job_that_fails_again_is_shown_with_its_traceback(failed: Path, crossing: Path) -> None:
    report = replay(failed, "QUEUE")

    assert (report.verdict, exit_code(report)) == ("failed again", 1)
    text = "\n".join(report_lines(report))
    assert "Traceback" in text
    assert "json.loads(f\"{state['desk'].seen}!\")" in text
    assert text.splitlines()[-1].startswith(f"failed again, in the same way: failed: {crossing}:")


def test_a_failure_is_the_same_wherever_in_the_file_its_line_stands(failed: Path, crossing: Path) -> None:
    crossing.write_text("# one line more\n" + crossing.read_text())

    report = replay(failed, "QUEUE")

    assert report.verdict == "failed again"
    assert report.now.error != report.then.error


def test_a_job_that_failed_and_does_not_any_more_differs(failed: Path, crossing: Path) -> None:
    crossing.write_text(crossing.read_text().replace("give_up(state)\n            held", "pass\n            held"))

    report = replay(failed, "QUEUE")

    assert (report.verdict, exit_code(report)) == ("differs", 3)
    assert (report.then.status, report.now.status) == ("failed", "success")


def test_a_job_that_fails_otherwise_differs(failed: Path, crossing: Path) -> None:
    crossing.write_text(crossing.read_text().replace("json.loads(", "int("))

    report = replay(failed, "QUEUE")

    assert (report.verdict, exit_code(report)) == ("differs", 3)
    lines = report_lines(report)
    assert "JSONDecodeError" in lines[-2]
    assert "ValueError" in lines[-1]


def test_a_job_that_succeeded_and_fails_now_differs(ran: Run, crossing: Path) -> None:
    folder = ran("crossing", paths=[crossing])

    report = replay(folder, "QUEUE", params={"breaks_on": "QUEUE"})

    assert (report.verdict, exit_code(report)) == ("differs", 3)
    assert "JSONDecodeError" in report.now.details


def test_data_that_could_not_be_used_fails_again(ran: Run, ticks: Path) -> None:
    pd.DataFrame({"timestamp": ["x"], "colour": ["red"]}).to_parquet(ticks / "odd.parquet")

    report = replay(ran("v1_baseline"), "ODD")

    assert (report.verdict, report.now.status) == ("failed again", "invalid_data")


def test_a_source_without_events_fails_again(ran: Run, ticks: Path) -> None:
    pd.read_parquet(ticks / "aaa.parquet").iloc[:0].to_parquet(ticks / "void.parquet")

    report = replay(ran("v1_baseline"), "VOID")

    assert report.verdict == "failed again"
    assert "the source is empty" in report.now.error


def test_a_handler_that_calls_exit_fails_again_after_a_warning(ran: Run, crossing: Path) -> None:
    crossing.write_text(crossing.read_text().replace("json.loads(", "raise SystemExit("))
    folder = ran("crossing", paths=[crossing], overrides={"breaks_on": "QUEUE"})
    said: list[str] = []

    report = replay(folder, "QUEUE", say=said.append)

    assert (report.verdict, report.now.status) == ("failed again", "crashed")
    assert "here it may take this one along" in said[0]


def test_a_failure_that_comes_after_until_is_not_reached(failed: Path) -> None:
    report = replay(failed, "QUEUE", until="2025-04-14 10:00:03")

    assert (report.verdict, exit_code(report)) == ("not reached", 0)
    assert report_lines(report)[-1].startswith("no failure up to 2025-04-14 10:00:03; the run's came later: failed: ")
    assert replay(failed, "QUEUE", until="2025-04-14 10:00:04").verdict == "failed again"
