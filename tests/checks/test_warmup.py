"""From when on strategies decide alike when their data begin later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest
from dbatch.checks.check import check_warmup

MEMORY = '''
from typing import NamedTuple
import numpy as np
from dbatch.strategies import SignalStrategy, execution_of, with_execution

class Own(NamedTuple):
    """Nothing."""

def signals(bars, parameters):
    found = np.full(len(bars.closes), np.nan)
    found[7:] = np.sign(bars.closes[7:] - bars.closes[:-7])
    return found

def create_memory_handler(config):
    return SignalStrategy(with_execution(Own), signals, execution_of)
'''
COUNTS = MEMORY.replace("memory", "counts").replace(
    "np.sign(bars.closes[7:] - bars.closes[:-7])", "np.where(np.arange(7, len(bars.closes)) % 2, 1.0, -1.0)"
)


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """201 hours of a close that goes up and down."""
    monkeypatch.chdir(tmp_path)
    closes = 100 + np.sin(np.arange(201.0))
    times = pd.date_range("2024-01-01", periods=201, freq="h")
    frame = pd.DataFrame({"timestamp": times, "open": closes, "high": closes + 1, "low": closes - 1, "close": closes})
    frame.assign(volume=1.0).to_csv(tmp_path / "bars.csv", index=False)
    return str(tmp_path / "bars.csv")


def request(name: str, text: str, bars: str) -> RunRequest:
    path = Path(bars).with_name(f"{name}.py")
    path.write_text(text)
    return RunRequest(strategy=name, data=bars, strategy_paths=[str(path)], overrides={"fill_at": "close"})


def test_a_strategy_that_looks_back_seven_bars_needs_seven(bars: str) -> None:
    report = check_warmup(request("memory", MEMORY, bars), starts=4)

    assert report.verdict == "agrees"
    for start in report.securities[0].starts:
        assert start.needed is not None
        assert start.needed >= 7  # the targets agree after seven; a position from before may last until it changes
    assert min(start.needed or 0 for start in report.securities[0].starts) <= 8


def test_a_strategy_that_counts_bars_from_the_first_never_agrees(bars: str) -> None:
    report = check_warmup(request("counts", COUNTS, bars), starts=8)

    assert report.verdict == "differs"
    starts = report.securities[0].starts
    assert [start.needed is None for start in starts] == [start.place % 2 == 1 for start in starts]


def test_the_moving_averages_of_the_portfolio_need_their_longest_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    report = check_warmup(RunRequest(strategy="multifactor_long_short"), starts=2)

    assert report.verdict == "agrees"
    assert report.securities[0].needed is not None
    assert 200 <= report.securities[0].needed <= 252 + 23 + 1  # its longest factor, up to the next month's first day


def test_market_makers_that_go_flat_decide_alike_from_the_first_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    report = check_warmup(RunRequest(strategy="v1_baseline", securities=["ALFA"]), starts=2)

    assert report.verdict == "agrees"


def test_the_command_says_how_many_rows_are_needed(dbatch: Callable[..., Any], bars: str) -> None:
    path = request("memory", MEMORY, bars).strategy_paths[0]

    found = dbatch("check", "warmup", "memory", "--data", bars, "--strategy-path", path, "--starts", 2)

    assert found.returncode == 0
    assert "memory: decides alike after at most " in found.stderr
