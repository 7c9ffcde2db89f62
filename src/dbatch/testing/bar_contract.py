"""The contract of a strategy over bars as a test class: authors subclass it, and pytest collects its tests."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from dbatch.data.bars import BarBlock, bar_block
from dbatch.errors import MissingDataError
from dbatch.strategies.parameters import defaults_of, describe, validate
from dbatch.testing.fill_checks import price_fault, schema_fault, sum_fault
from dbatch.testing.outcome import Outcome, difference
from dbatch.testing.subject import Subject, subject_of

SECURITY = "TEST"
_HOUR = 3_600_000_000_000


def synthetic_bars(count: int = 900, seed: int = 1) -> BarBlock:
    """Return `count` hours of a made-up market, the same for the same `seed`: a random walk in cents, no weekends."""
    rng = np.random.default_rng(seed)
    hours = np.arange(count * 7 // 5 + 200)
    times = (hours[(hours // 24) % 7 < 5][:count] + 4 * 24) * _HOUR  # 1970-01-05 was a Monday
    closes = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count))), 2)
    opens = np.round(np.append(100.0, closes[:-1]) * np.exp(rng.normal(0.0, 0.002, count)), 2)
    spans = np.abs(rng.normal(0.0, 0.004, (2, count)))
    highs = np.maximum(np.maximum(opens, closes), np.round(closes * (1.0 + spans[0]), 2))
    lows = np.minimum(np.minimum(opens, closes), np.round(closes * (1.0 - spans[1]), 2))
    return bar_block(times, opens, highs, lows, closes, rng.integers(0, 1_000, count).astype(np.float64))


class BarStrategyContract:
    """What every strategy over bars owes dbatch; a subclass whose name begins with `Test` names the strategy.

    Set `strategy`, the name of one that is installed or lies in `strategy_path`, or `factory`, its
    `create_<name>_handler` (a `staticmethod`).
    `parameters` are those of the runs; `bars()` may be overridden to give bars on which the strategy trades. A test
    that does not apply is left out by setting it to None in the subclass.
    """

    strategy: ClassVar[str | None] = None
    factory: ClassVar[Any] = None
    strategy_path: ClassVar[str | os.PathLike[str] | None] = None
    parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def bars(self) -> BarBlock:
        """Return the bars of the tests: 900 hours of a made-up market."""
        return synthetic_bars()

    def subject(self) -> Subject:
        """Return the strategy."""
        paths = [] if self.strategy_path is None else [os.fspath(self.strategy_path)]
        return subject_of(self.strategy if self.strategy is not None else type(self).factory, paths)

    def run(self, *blocks: BarBlock, **more: Any) -> Outcome:
        """Return what a fresh handler does with `blocks`; `more` parameters replace those of the contract."""
        job: Any = self.subject().job({SECURITY: {**self.parameters, **more}}, SECURITY)
        outcome: Outcome = job(blocks)
        return outcome

    def at_close(self) -> dict[str, Any]:
        """Return the parameter that fills orders at the close that decides; nothing for a strategy without it."""
        subject = self.subject()
        declared: Any = subject.declared(subject.make({SECURITY: self.parameters}))
        return {"fill_at": "close"} if "fill_at" in getattr(declared, "_fields", ()) else {}

    def test_the_factory_has_its_name_and_makes_a_handler(self) -> None:
        """`create_<strategy>_handler(config)` returns a handler; a renamed strategy or a forgotten return breaks it."""
        subject = self.subject()
        assert subject.factory_name in (f"create_{subject.name}_handler", "create_handler"), subject.factory_name
        subject.bind(subject.make({SECURITY: self.parameters}), {SECURITY: self.parameters}, SECURITY)

    def test_declared_parameters_are_complete(self) -> None:
        """Defaults fit their own types and limits, each parameter has a unit and a description; edits forget them."""
        subject = self.subject()
        declared: Any = subject.declared(subject.make({SECURITY: self.parameters}))
        if declared is not None:
            validate(declared, {"default": {**self.parameters, **defaults_of(declared)}}, "Parameters")
            assert not [info.name for info in describe(declared) if not (info.unit and info.description)]

    def test_it_trades_on_these_bars(self) -> None:
        """There are fills, else the other tests compare nothing."""
        assert len(self.run(self.bars()).fills), "no fill: set parameters, or override bars(), so that it trades"

    def test_the_same_bars_give_the_same_result(self) -> None:
        """Two fresh handlers do the same; unseeded random numbers, the clock and module globals break it."""
        bars = self.bars()
        first = self.run(bars)
        self.run(bars.rows(slice(len(bars) // 3, None)))  # what it left in globals would show
        found = difference(first, self.run(bars))
        assert found is None, f"a second run over the same bars differs: {found}"

    def test_where_chunks_are_cut_changes_nothing(self) -> None:
        """Any chunk size gives the same result; what is not carried in the state breaks it."""
        bars = self.bars()
        for rows in (7, 100):
            chunks = [bars.rows(slice(begin, begin + rows)) for begin in range(0, len(bars), rows)]
            found = difference(self.run(bars), self.run(*chunks))
            assert found is None, f"all {len(bars)} bars at once, against chunks of {rows}: {found}"

    def test_bars_that_come_later_change_no_earlier_fill(self) -> None:
        """What is decided at a bar knows that bar and those before alone; a look ahead breaks it.

        Orders fill at the close that decides, where the strategy has that setting: at the next open the last decision
        before a cut, the only one that a look ahead by one bar can change, would not be seen. A look ahead that the
        strategy declares is left to `dbatch check lookahead`, which knows how far it may reach.
        """
        if getattr(self.subject().make({SECURITY: self.parameters}), "looks_ahead", None) is not None:
            return
        bars = self.bars()
        whole = self.run(bars, **self.at_close()).fills
        for cut in np.linspace(len(bars) // 3, len(bars) - 1, 7, dtype=int).tolist():
            found = self.run(bars.rows(slice(0, cut)), **self.at_close()).fills
            expected = whole[whole["timestamp"] <= bars.timestamps[cut - 1].view("datetime64[ns]")]
            assert found.equals(expected), f"the first {cut} bars alone give other fills than among {len(bars)}"

    def test_without_bars_nothing_is_filled(self) -> None:
        """No bar, or a few, give no fault."""
        bars = self.bars()
        for blocks in ([], [bars.rows(slice(0, 0))], [bars.rows(slice(0, 1))]):
            try:
                assert not len(self.run(*blocks).fills)
            except MissingDataError:
                assert blocks  # too few bars to warm up is an answer, too

    def test_fills_are_sound(self) -> None:
        """Quantities, prices, positions and running P&L follow from each other; each fill has the time of a bar."""
        bars = self.bars()
        outcome = self.run(bars)
        for check in (schema_fault, price_fault, sum_fault):
            found = check(outcome)
            assert found is None, found
        assert outcome.fills["timestamp"].isin(bars.timestamps.view("datetime64[ns]")).all()

    def test_the_result_pickles(self) -> None:
        """Results travel between processes."""
        outcome = self.run(self.bars())
        assert pickle.loads(pickle.dumps(outcome)) == outcome, "the result came back changed"  # noqa: S301 - own bytes
