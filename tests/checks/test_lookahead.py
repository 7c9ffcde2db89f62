"""What `dbatch check lookahead` finds, and what it names instead: faulty strategies ship with dbatch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dbatch
from dbatch.batch import RunRequest
from dbatch.checks.check import CheckReport, check_lookahead
from dbatch.checks.lookahead import JobCheck

FAULTY = Path(dbatch.__file__).parent / "sample" / "faulty"

CLOSES_LAST = """
def create_closes_last_handler(config):
    def handle(security, chunk, orderbook, state):
        if state or len(chunk) <= 20:
            return state
        fills, last = [], len(chunk) - 1
        for row, side in ((20, "buy"), (last, "sell")):
            fills.append({"timestamp": chunk["timestamp"][row], "side": side, "fill_price": 1.0, "fill_qty": 1,
                          "realized_pnl": 0.0, "position": int(side == "buy"), "pnl": 0.0})
        return {"trades": fills}
    return handle
"""
BREAKS = """
def create_breaks_handler(config):
    def handle(security, chunk, orderbook, state):
        chunk["close"][160]
        return {"trades": [{"timestamp": chunk["timestamp"][30], "side": "buy", "fill_price": 1.0, "fill_qty": 1,
                            "realized_pnl": 0.0, "position": 1, "pnl": 0.0}]}
    return handle
"""
BEYOND_THE_WEEK = """
from dbatch.sample.faulty import next_close
from dbatch.strategies import LookAhead, SignalStrategy, execution_of, with_execution

def create_beyond_handler(config):
    known = LookAhead("it says that it looks to the end of the week", "week")
    return SignalStrategy(with_execution(next_close.Own), next_close.signals, execution_of, looks_ahead=known)
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bars(tmp_path: Path) -> str:
    """200 hours of a close that rises and falls."""
    closes = 100 + np.sin(np.arange(200.0))
    times = pd.date_range("2024-01-01", periods=200, freq="h")
    frame = pd.DataFrame({"timestamp": times, "open": closes, "high": closes + 1, "low": closes - 1, "close": closes})
    frame.assign(volume=1.0).to_csv(tmp_path / "bars.csv", index=False)
    return str(tmp_path / "bars.csv")


def checked(strategy: str, *, cuts: int = 10, **request: Any) -> CheckReport[JobCheck]:
    return check_lookahead(RunRequest(strategy=strategy, **request), cuts=cuts)


def faulty(strategy: str, **request: Any) -> CheckReport[JobCheck]:
    return checked(strategy, strategy_paths=[str(FAULTY)], **request)


def written(folder: Path, name: str, text: str) -> list[str]:
    path = folder / f"{name}.py"
    path.write_text(text)
    return [str(path)]


@pytest.mark.parametrize("strategy", ["next_close", "centred_mean", "hindsight", "chunk_low"])
def test_a_faulty_strategy_of_each_kind_is_caught(strategy: str) -> None:
    report = faulty(strategy)

    assert report.verdict == "looks ahead"
    assert all(one.difference is not None for one in report.securities)


def test_a_plain_handler_over_bars_that_looks_ahead_is_caught(bars: str) -> None:
    assert faulty("chunk_low", data=bars).verdict == "looks ahead"


def test_the_first_difference_is_told_by_cut_number_and_both_sides(bars: str) -> None:
    report = faulty("next_close", data=bars)

    found = report.securities[0].difference
    assert found is not None
    assert found.what == "target position"
    assert found.number == found.place  # the last bar that was kept: its target needs the next close
    assert found.whole in (f"{found.last}: target 1", f"{found.last}: target -1")
    assert found.part == f"{found.last}: target 0"


def test_what_fails_where_the_data_end_is_a_difference(bars: str, tmp_path: Path) -> None:
    report = checked("breaks", data=bars, strategy_paths=written(tmp_path, "breaks", BREAKS), cuts=30)

    found = report.securities[0].difference
    assert report.verdict == "looks ahead"
    assert found is not None
    assert found.part == "fails: KeyError: 160"


def test_closing_at_the_end_of_the_data_is_named_and_no_fault(bars: str, tmp_path: Path) -> None:
    report = checked("closes_last", data=bars, strategy_paths=written(tmp_path, "closes_last", CLOSES_LAST))

    assert report.verdict == "sound"
    assert report.securities[0].notes == ("it closes its position at the end of the data: that fill alone differs",)


def test_bigbar_looks_ahead_within_a_week_and_not_beyond() -> None:
    report = checked("bigbar")

    assert report.verdict == "known"
    assert report.securities[0].notes == (
        "known to look ahead, within a week: which bars are the last six of an ISO week is known only when the week is "
        "over",
        "cut where a week ends, past decisions are the same",
    )


def test_a_look_ahead_beyond_the_declared_one_is_caught(bars: str, tmp_path: Path) -> None:
    report = checked("beyond", data=bars, strategy_paths=written(tmp_path, "beyond", BEYOND_THE_WEEK))

    assert report.verdict == "looks ahead"
    assert report.securities[0].notes[-1] == "cut where a week ends, past decisions are not the same either"


def test_an_order_of_events_that_depends_on_all_rows_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    seconds = rng.integers(0, 60, 3_000) + 60 * (np.arange(3_000) // 300)  # ten minutes, each in disorder
    times = pd.Timestamp("2024-01-02 10:00") + pd.to_timedelta(seconds, unit="s")
    prices = np.arange(3_000) / 100 + 10
    frame = pd.DataFrame({"timestamp": times, "type": "trade", "price": prices, "volume": 1})
    frame.to_csv(tmp_path / "TIES.csv", index=False)

    report = faulty("unstable_order", data=str(tmp_path / "TIES.csv"))

    assert report.verdict == "known"
    assert report.securities[0].difference is not None


@pytest.mark.parametrize("strategy", ["sma_cross", "rsi_reversal", "multifactor_long_short", "v1_baseline"])
def test_sound_strategies_of_each_kind_pass(strategy: str) -> None:
    report = checked(strategy, cuts=5)

    assert report.verdict == "sound"
    assert all(one.compared for one in report.securities)


def test_a_strategy_that_settles_its_days_is_cut_between_days_and_its_last_end_is_named() -> None:
    report = checked("closing_strategy", securities=["ALFA"])

    assert report.verdict == "sound"
    assert report.securities[0].notes[0].startswith("it settles its days, so data were cut between days; ")


def test_no_decision_is_no_proof(bars: str) -> None:
    report = checked("sma_cross", data=bars, overrides={"fraction": 0.0})

    assert report.verdict == "nothing compared"


def test_the_same_seed_cuts_at_the_same_places(bars: str) -> None:
    assert faulty("next_close", data=bars) == faulty("next_close", data=bars)


def test_the_command_exits_with_3_and_prints_json(dbatch: Callable[..., Any], bars: str) -> None:
    found = dbatch("check", "lookahead", "next_close", "--data", bars, "--strategy-path", FAULTY, "--cuts", 3, "--json")

    assert found.returncode == 3
    document = json.loads(found.stdout)
    assert (document["schema"], document["verdict"]) == ("dbatch.check_lookahead/1", "looks ahead")
    assert document["securities"][0]["difference"]["what"] == "target position"
    assert "LOOKS AHEAD" in found.stderr
