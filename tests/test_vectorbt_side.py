"""The measurement beside vectorbt compares like with like, and says so when it does not; vectorbt is not needed."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dbatch.data.bars import bar_block

TOOLS = Path(__file__).resolve().parents[1] / "tools" / "bench"


@pytest.fixture
def side() -> Iterator[ModuleType]:
    """Import the script and its neighbours as Python does that runs it, and forget them afterwards."""
    sys.path.insert(0, str(TOOLS))
    try:
        yield importlib.import_module("vectorbt_side")
    finally:
        sys.path.pop(0)
        for name in ("vectorbt_side", "vectorbt_process", "bars_monolithic", "ticks"):
            sys.modules.pop(name, None)


def test_the_bare_loop_and_the_engine_give_the_same_answers(side: ModuleType) -> None:
    closes = 1.1 + np.cumsum(np.random.default_rng(5).normal(0.0, 0.001, 600))
    bars = bar_block(np.arange(600) * 3_600_000_000_000, closes, closes, closes, closes, np.zeros(600))
    sets = [(5, 75), (20, 80), (74, 140)]

    found = side.agreement(side.bare(bars, sets), side.columns(bars, sets))

    assert found.differ == 0
    assert found.largest < 1e-12
    assert side.bare(bars, sets)[0, 2] > 1  # it trades


def test_answers_that_lie_apart_are_counted_and_more_than_a_hundredth_is_too_many(side: ModuleType) -> None:
    wanted = np.zeros((100, 4))
    one, two, trades = wanted.copy(), wanted.copy(), wanted.copy()
    one[7, 0] = two[7, 0] = two[8, 1] = 2e-9
    trades[7, 2] = 1

    assert side.agreement(one, wanted) == side.Agreement(sets=100, largest=0.0, differ=1)
    assert side.agreement(one, wanted).holds
    assert not side.agreement(two, wanted).holds
    assert side.agreement(trades, wanted).differ == 1


def test_a_ratio_beyond_its_target_is_missed(side: ModuleType) -> None:
    assert str(side.Line("a / b", 1.4, most=1.3)).endswith("1.40  target <= 1.3: missed")
    assert str(side.Line("a / b", 49.9, least=50.0)).endswith("49.90  target >= 50: missed")
    assert side.Line("a / b", 49.9).holds
    assert not side.Line("a / b", math.nan, least=50.0).holds


def test_a_scan_is_judged_and_what_keeps_its_results_is_shown(side: ModuleType) -> None:
    seconds = {"bare loop": [1.0], "engine in columns": [1.2], "scan, a further set": [2.0]}
    lines = side.lines_of(seconds | {"sweep, a further set": [9.0], "vectorbt": [70.0]})

    assert [(line.name, line.holds) for line in lines] == [
        ("engine in columns / bare loop", True),
        ("scan, a further set / bare loop", False),
        ("sweep, a further set / bare loop", True),
        ("vectorbt / engine in columns", True),
        ("vectorbt / scan, a further set", False),
        ("vectorbt / sweep, a further set", True),
    ]


def test_where_vectorbt_is_not_installed_its_row_is_left_out(
    side: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(side, "find_spec", lambda name: None)

    assert side.interpreter(None) is None
    assert "vectorbt: left out" in capsys.readouterr().err
    assert side.interpreter("python3") == "python3"


def test_an_interpreter_without_vectorbt_ends_it_in_one_line(
    side: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vectorbt.py").write_text("raise ImportError('broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bars = bar_block(*np.ones((6, 3)))

    with pytest.raises(SystemExit, match="vectorbt ended with exit code 1"):
        side.Vectorbt(sys.executable, bars, {}, "numba")
