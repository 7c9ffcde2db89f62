"""The ordinary strategies against slow twins, over golden hours and random walks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dbatch.data.bars import BarBlock
from dbatch.engine.job import run_job

MODULES = {
    "sma_cross": "sma_cross",
    **dict.fromkeys(
        ("macd", "rsi_momentum", "adx_trend", "atr_breakout", "donchian", "keltner", "dual_momentum"), "trend"
    ),
    **dict.fromkeys(("rsi_reversal", "bollinger_reversal", "stochastic", "zscore_reversal"), "reversal"),
}
SELDOM = {"atr_breakout": 0.25}
"""Two true ranges beyond a channel come too seldom to test much; a quarter of one does not."""


def create(name: str) -> Any:
    module = importlib.import_module(f"dbatch_bars.{MODULES[name]}")
    return getattr(module, f"create_{name}_handler")({})


def fills_of(name: str, bars: BarBlock, section: Mapping[str, Any]) -> list[tuple[int, int, float]]:
    fills = run_job(create(name), "ABC", section, [bars]).fills
    rows = np.searchsorted(bars.timestamps, fills.timestamps)
    return list(zip(rows.tolist(), fills.quantities.tolist(), fills.prices.tolist(), strict=True))


def expected(name: str, bars: BarBlock, bar_twins: ModuleType, ordinary_twins: ModuleType, **more: Any) -> Any:
    frame = bar_twins.frame_of(bars)
    targets = ordinary_twins.TWINS[name](frame, **more)
    return ordinary_twins.trades_at_next_open(frame, targets, long_only=name == "dual_momentum")


@pytest.mark.parametrize("name", MODULES)
def test_each_trades_as_its_slow_twin_over_golden_hours(
    name: str, golden_bars: Callable[[str], BarBlock], bar_twins: ModuleType, ordinary_twins: ModuleType
) -> None:
    bars = golden_bars("eurusd_1h.csv").rows(slice(0, 1_500))
    found = fills_of(name, bars, {})
    assert found == expected(name, bars, bar_twins, ordinary_twins)
    assert found or name in SELDOM


@pytest.mark.parametrize("name", MODULES)
def test_each_trades_as_its_slow_twin_over_random_walks(
    name: str, random_bars: Callable[..., BarBlock], bar_twins: ModuleType, ordinary_twins: ModuleType
) -> None:
    section = {"multiple": SELDOM[name]} if name in SELDOM else {}
    traded = 0
    for seed in (1, 2):
        bars = random_bars(seed, 600)
        found = fills_of(name, bars, section)
        assert found == expected(name, bars, bar_twins, ordinary_twins, **section)
        traded += len(found)
    assert traded


@pytest.mark.parametrize("name", MODULES)
def test_bars_that_come_later_change_no_earlier_fill(name: str, random_bars: Callable[..., BarBlock]) -> None:
    bars = random_bars(3, 500)
    section = {"multiple": SELDOM[name]} if name in SELDOM else {}
    whole = fills_of(name, bars, section)
    for cut in (35, 260, 261, 400):
        assert fills_of(name, bars.rows(slice(0, cut)), section) == [fill for fill in whole if fill[0] < cut]


@pytest.mark.parametrize("name", MODULES)
def test_few_bars_and_prices_that_never_move_give_no_fill(name: str, bars_of: Callable[..., BarBlock]) -> None:
    for count in (1, 5, 300):
        assert fills_of(name, bars_of(*[(1.0716, 1.0716, 1.0716, 1.0716)] * count), {}) == []


def test_a_channel_that_held_the_current_bar_could_never_be_left(random_bars: Callable[..., BarBlock]) -> None:
    from dbatch_bars.indicators import highest_before

    bars = random_bars(4, 300)
    before = highest_before(bars.highs, 20)
    assert (bars.closes > before).any()
    including = np.fmax(before, bars.highs)  # the trap: such a channel is never below the close
    assert not (bars.closes > including).any()
