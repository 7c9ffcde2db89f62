"""Jobs over bars are replayed, too: compiled ones, signals and plain handlers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.data.bar_write import write_bars
from dbatch.errors import UsageError
from dbatch.replay import replay
from dbatch.testing.bar_contract import synthetic_bars

Run = Callable[..., Path]
PLAIN = """
def create_plain_handler(config):
    def handler(security, chunk, orderbook, state):
        first = chunk.iloc[0]
        if first["close"] < 0:
            raise ValueError
        trades = [{"timestamp": row.timestamp, "side": "buy", "fill_price": row.close, "fill_qty": 1,
                   "realized_pnl": 0.0, "position": held, "pnl": 0.0}
                  for held, row in enumerate(chunk[chunk["close"] > chunk["open"]].itertuples(), start=1)]
        return {"position": len(trades), "trades": trades}
    return handler
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """900 hours of a made-up market."""
    write_bars(synthetic_bars(), tmp_path / "made.parquet", {"security": "MADE"})
    return tmp_path / "made.parquet"


def differing(report: Any) -> list[str]:
    return [check.name for check in report.inputs if not check.same]


@pytest.mark.parametrize("strategy", ["sma_cross", "bigbar", "pool"])
def test_a_job_over_bars_is_equal_after_a_plain_run(ran: Run, bars: Path, strategy: str) -> None:
    overrides = {"k_atr_int": 12, "atr_period": 10} if strategy == "bigbar" else {}
    report = replay(ran(strategy, data=bars, overrides=overrides), "MADE")
    assert (report.verdict, differing(report), report.notes) == ("equal", [], ())
    assert report.now == report.then
    assert report.now.fills > 10


def test_a_plain_handler_over_bars_is_equal(ran: Run, bars: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(PLAIN)
    report = replay(ran("plain", paths=[tmp_path / "plain.py"], data=bars), "MADE")
    assert (report.verdict, report.now.fills > 100) == ("equal", True)


def test_bars_after_until_are_not_replayed(ran: Run, bars: Path) -> None:
    folder = ran("sma_cross", data=bars)
    whole, part = replay(folder, "MADE"), replay(folder, "MADE", until="1970-01-26")
    assert part.verdict == "equal"
    assert 0 < part.now.fills < whole.now.fills


def test_other_parameters_show_the_first_fill_that_differs(ran: Run, bars: Path) -> None:
    report = replay(ran("sma_cross", data=bars), "MADE", params={"fast": 3})
    assert (report.verdict, differing(report)) == ("differs", ["parameters"])
    assert report.difference is not None


@pytest.mark.parametrize("asked", [{"trace": "trace.csv"}, {"debug": True, "until": "1970-01-26"}])
def test_bars_are_not_traced(ran: Run, bars: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a strategy gets its bars at once"):
        replay(ran("sma_cross", data=bars), "MADE", **asked)


def test_until_before_the_first_bar_is_refused(ran: Run, bars: Path) -> None:
    with pytest.raises(UsageError, match="MADE has no event up to"):
        replay(ran("sma_cross", data=bars), "MADE", until="1969-12-31")
