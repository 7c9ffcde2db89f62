"""The pool of 4,620 over bars: its systems, each template against a slow twin, its engine, what cannot run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

import dbatch
from dbatch.data.bars import BarBlock
from dbatch.engine.job import JobResult, run_job
from dbatch.errors import ConfigError, MissingDataError
from dbatch.testing import BarStrategyContract
from dbatch_pool.pool import create_pool_handler
from dbatch_pool.signals import MISSING, signals
from dbatch_pool.systems import TEMPLATES, number_of, system_at

PIP = 0.05
ALONE = tuple(template for template in TEMPLATES if template not in MISSING)


def run(bars: BarBlock, name: str, **settings: Any) -> JobResult:
    """Return what a system does, a lot being 200 units of a pip of 0.05."""
    return run_job(create_pool_handler({}), "ABC", {"system": number_of(name), "pip": PIP} | settings, [bars])


def round_trips(bars: BarBlock, result: JobResult, per_pip: float) -> list[tuple[int, int, int, float]]:
    """Return (entry row, exit row, side, pips) of what was closed, commission aside."""
    fills = result.fills
    rows = np.searchsorted(bars.timestamps, fills.timestamps).tolist()
    found: list[tuple[int, int, int, float]] = []
    entered, held = 0, 0
    for row, position, realized in zip(rows, fills.positions.tolist(), fills.realized.tolist(), strict=True):
        if held:
            found.append((entered, row, held, realized / per_pip))
        entered, held = row, int(np.sign(position))
    return found


@pytest.fixture(scope="module")
def walk(random_bars: Callable[..., BarBlock]) -> Callable[[int], BarBlock]:
    """Hours of a random walk whose prices are not rounded: no close lies exactly on a stop."""

    def make(seed: int, count: int = 400) -> BarBlock:
        rng = np.random.default_rng(seed)
        closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.006, count)))
        closes.flags.writeable = False
        times, opens, highs, lows, _, volumes = tuple(random_bars(seed, count))
        return BarBlock(times, opens, highs, lows, closes, volumes)

    return make


class TestPool(BarStrategyContract):
    strategy = "pool"
    parameters: ClassVar[dict[str, Any]] = {"system": number_of("MeanReverter_L20_T1.5_SL15_TP30"), "pip": PIP}


class TestPoolInsideBars(BarStrategyContract):
    strategy = "pool"
    parameters: ClassVar[dict[str, Any]] = {
        "system": number_of("BreakoutTrader_L10_T1.0_SL10_TP20"), "pip": PIP, "stops": "range",
    }  # fmt: skip


def test_the_systems_are_those_of_nested_loops_in_their_order() -> None:
    stops, targets = (10, 15, 20, 30), (20, 30, 40, 50)
    grid = product(TEMPLATES, (5, 10, 15, 20, 30), (0.5, 1.0, 1.5, 2.0, 2.5, 3.0), stops, targets)
    expected = [f"{t}_L{n}_T{x}_SL{s}_TP{p}" for t, n, x, s, p in grid if p >= 1.5 * s]
    assert len(expected) == 4_620
    assert [system_at(number).name for number in range(4_620)] == expected
    assert [number_of(name) for name in expected[::97]] == list(range(4_620))[::97]


def test_a_system_that_there_is_not_is_refused() -> None:
    with pytest.raises(IndexError, match="no system has the number 4620, they go from 0 to 4619"):
        system_at(4_620)
    with pytest.raises(KeyError, match="no system is called 'MeanReverter_L20_T2"):
        number_of("MeanReverter_L20_T2.0_SL20_TP20")


@pytest.mark.parametrize("template", ALONE)
def test_each_template_wants_what_its_slow_twin_wants(
    template: str, walk: Callable[[int], BarBlock], pool_twins: ModuleType
) -> None:
    acted = 0
    for seed, lookback, threshold in ((1, 5, 1.0), (2, 10, 0.5), (3, 20, 1.0), (4, 30, 1.5)):
        bars = walk(seed)
        found = signals(bars, template, lookback, threshold, PIP).tolist()
        twin = pool_twins.TWINS[template]
        assert found == [twin(bars, i, lookback, threshold, PIP) for i in range(len(bars))]
        acted += len([each for each in found if each])
    assert acted > 10


@pytest.mark.parametrize("template", ALONE)
def test_each_template_trades_as_the_slow_engine_does(
    template: str, walk: Callable[[int], BarBlock], pool_twins: ModuleType
) -> None:
    for seed, lot_size, spread in ((1, 0.1, 1.0), (2, 1.0, 4.0)):
        bars = walk(seed)
        result = run(
            bars, f"{template}_L10_T1.0_SL20_TP30", lot_size=lot_size, spread_pips=spread, commission_per_lot=0.0
        )
        wanted = signals(bars, template, 10, 1.0, PIP).tolist()
        expected = pool_twins.trades(bars.closes.tolist(), wanted, 20, 30, spread, PIP)
        found = round_trips(bars, result, 10.0 * lot_size)
        assert [each[:3] for each in found] == [each[:3] for each in expected]
        assert [each[3] for each in found] == pytest.approx([each[3] for each in expected], abs=1e-5)
        assert found


@pytest.mark.parametrize(("file", "pip"), [("gd5m.csv", 0.1), ("eurusd_1h.csv", 0.0001)])
@pytest.mark.parametrize("template", ALONE)
def test_each_template_trades_as_its_twin_over_golden_bars(
    template: str, file: str, pip: float, golden_bars: Callable[[str], BarBlock], pool_twins: ModuleType
) -> None:
    bars = golden_bars(file).rows(slice(0, 700))
    result = run(bars, f"{template}_L15_T1.0_SL15_TP40", pip=pip, lot_size=1.0, commission_per_lot=0.0)
    wanted = [pool_twins.TWINS[template](bars, i, 15, 1.0, pip) for i in range(len(bars))]
    expected = pool_twins.trades(bars.closes.tolist(), wanted, 15, 40, 1.0, pip)
    found = round_trips(bars, result, 10.0)
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    assert [each[3] for each in found] == pytest.approx([each[3] for each in expected], abs=1e-5)


def rows(*closes: float) -> list[tuple[float, float, float, float]]:
    """Return bars whose range reaches far beyond their close, to either side."""
    return [(close, close + 5.0, close - 5.0, close) for close in closes]


def test_a_stop_a_target_and_a_turn_worked_by_hand(bars_of: Callable[..., BarBlock]) -> None:
    # pip 0.05, spread 2 pips: bid and ask 0.05 from the close. One lot 200 units, 0.1 lots 20 units, a pip 1.00
    bars = bars_of(*rows(100.0, 100.1, 99.4, 99.4, 98.0, 98.1, 98.0))
    result = run(bars, "ScalpingStrategy_L5_T0.5_SL10_TP20", spread_pips=2.0)
    fills = result.fills
    assert list(zip(fills.quantities.tolist(), np.round(fills.prices, 9).tolist(), strict=True)) == [
        (20, 100.15),  # up 2 pips: bought at the ask
        (-20, 99.65),  # the bid, 99.35, is 16 pips below: booked at exactly 10
        (-20, 99.35),  # the same bar fell by 14 pips: sold at the bid
        (20, 98.35),  # the ask, 98.05, is 26 pips below: booked at exactly 20
        (-20, 97.95),  # and the same bar sells again
        (40, 98.15),  # up 2 pips: bought back at the ask, 4 pips lost, and turned
        (-40, 97.95),  # down 2 pips: sold at the bid, 4 pips lost, and turned
    ]
    side = 0.1 * 0.05  # commission of one side
    earned = [-side, -10 - side, -side, 20 - side, -side, -4 - 2 * side, -4 - 2 * side]
    assert fills.realized.tolist() == pytest.approx(earned)
    assert result.marked is not None
    assert result.marked.final == pytest.approx(10_000 + sum(earned) - 1.0)  # 20 units short, a pip below the close


def test_stops_may_look_inside_bars_instead(bars_of: Callable[..., BarBlock]) -> None:
    bars = bars_of((100.0, 100.0, 100.0, 100.0), (100.1, 100.1, 100.1, 100.1), (100.1, 100.2, 99.0, 100.1))
    name = "ScalpingStrategy_L5_T0.5_SL10_TP20"
    assert run(bars, name).fills.positions.tolist() == [20]
    assert run(bars, name, stops="range").fills.positions.tolist() == [20, 0]


def test_a_price_that_does_not_move_is_no_signal_of_any_template(bars_of: Callable[..., BarBlock]) -> None:
    bars = bars_of(*rows(*[0.1 + 0.2] * 60))
    assert not any(signals(bars, template, 10, 1.0, PIP).any() for template in ALONE)


@pytest.mark.parametrize(("template", "column"), MISSING.items())
def test_a_template_that_needs_other_columns_names_the_one_that_is_missing(
    template: str, column: str, bars_of: Callable[..., BarBlock]
) -> None:
    with pytest.raises(MissingDataError, match=f"^{template} needs a column '{column}', bars have none$"):
        run(bars_of(*rows(1.0, 2.0)), f"{template}_L5_T0.5_SL10_TP20")


def test_lots_that_are_no_whole_number_of_units_are_refused(bars_of: Callable[..., BarBlock]) -> None:
    with pytest.raises(ConfigError, match=r"0\.01 is 0\.1 units where a lot has 10, must be a whole number"):
        run(bars_of(*rows(1.0, 2.0)), "MeanReverter_L5_T0.5_SL10_TP20", pip=1.0, lot_size=0.01)


def test_in_a_batch_every_run_succeeds_or_is_skipped_with_the_column(tmp_path: Path) -> None:
    closes = np.round(100.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 0.3, 200)), 2)
    lines = [f"2024-01-01T{i // 60:02}:{i % 60:02},{c},{c + 1},{c - 1},{c},5" for i, c in enumerate(closes)]
    (tmp_path / "GOLD.csv").write_text("\n".join(["time,open,high,low,close,volume", *lines]))
    swept = dbatch.sweep(
        "pool",
        {"system": "100..4600:225", "lot_size": [0.01, 1.0]},
        data=tmp_path / "GOLD.csv",
        output_root=tmp_path / "out",
        serial=True,
        pip=PIP,
    )
    table = swept.summary()
    expected = [f"{system_at(number).template}" for number in range(100, 4_601, 225) for _ in range(2)]
    for template, status, error in zip(expected, table["status"], table["error"], strict=True):
        assert status == ("skipped" if template in MISSING else "success")
        assert (
            template not in MISSING or error == f"GOLD: {template} needs a column '{MISSING[template]}', bars have none"
        )
    assert set(table["status"]) == {"success", "skipped"}
