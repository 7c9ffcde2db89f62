"""The contract of a portfolio strategy as a test class: authors subclass it, and pytest collects its tests."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from dbatch.data.bars import BarBlock, bar_block
from dbatch.errors import DataError
from dbatch.portfolio import PortfolioStrategy
from dbatch.portfolio.account import PortfolioResult, run_portfolio
from dbatch.portfolio.universe import security_days, universe_of
from dbatch.strategies.parameters import describe, validate
from dbatch.testing.bar_contract import synthetic_bars
from dbatch.testing.subject import Subject, subject_of

SECURITY = "TEST"
_DAY = 86_400_000_000_000
_FIRST_DAY = 18_000
"""2019-04-14."""


def synthetic_universe(securities: int = 9, days: int = 700) -> dict[str, BarBlock]:
    """Return daily bars of made-up securities by name, the same at every call: weekdays from 2019-04-15 on."""
    numbers = np.arange(_FIRST_DAY, _FIRST_DAY + days * 2)
    weekdays = numbers[(numbers + 3) % 7 < 5][:days]
    found = {}
    for number in range(1, securities + 1):
        bars = synthetic_bars(days, seed=number)
        found[f"MADE_UP_{number}"] = bar_block(weekdays * _DAY, *tuple(bars)[1:])
    return found


class PortfolioStrategyContract:
    """What every portfolio strategy owes dbatch; a subclass whose name begins with `Test` names the strategy.

    Set `strategy`, the name of one that is installed or lies in `strategy_path`, or `factory`, its
    `create_<name>_handler` (a `staticmethod`). `parameters` are those of the runs; `universe()` may be overridden to
    give bars on which the strategy trades. A test that does not apply is left out by setting it to None in the
    subclass.
    """

    strategy: ClassVar[str | None] = None
    factory: ClassVar[Any] = None
    strategy_path: ClassVar[str | os.PathLike[str] | None] = None
    parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def universe(self) -> Mapping[str, BarBlock]:
        """Return the daily bars of the tests by security: 700 days of nine made-up ones."""
        return synthetic_universe()

    def subject(self) -> Subject:
        """Return the strategy."""
        paths = [] if self.strategy_path is None else [os.fspath(self.strategy_path)]
        return subject_of(self.strategy if self.strategy is not None else type(self).factory, paths)

    def prepared(self) -> tuple[PortfolioStrategy, Any]:
        """Return a fresh strategy, and its parameters as a job has them."""
        handler = self.subject().make({SECURITY: self.parameters})
        assert isinstance(handler, PortfolioStrategy), f"the factory returned {type(handler).__name__}"
        checked: Any = validate(handler.parameters, {SECURITY: self.parameters}, "parameters")[SECURITY]
        return handler, handler.prepare(checked)

    def run(self, universe: Mapping[str, BarBlock]) -> PortfolioResult:
        """Return the account of a fresh strategy over `universe`."""
        strategy, parameters = self.prepared()
        securities = [security_days(name, bars, strategy, parameters) for name, bars in universe.items()]
        return run_portfolio(universe_of(securities, strategy.trading(parameters).rebalance), strategy, parameters)

    def test_the_factory_has_its_name_and_makes_a_portfolio_strategy(self) -> None:
        """`create_<strategy>_handler(config)` returns a `PortfolioStrategy`; a forgotten return breaks it."""
        subject = self.subject()
        assert subject.factory_name in (f"create_{subject.name}_handler", "create_handler"), subject.factory_name
        self.prepared()

    def test_declared_parameters_are_complete(self) -> None:
        """Defaults fit their own types and limits, each parameter has a unit and a description; edits forget them."""
        declared: Any = self.prepared()[0].parameters
        validate(declared, {"default": {**self.parameters, **declared._field_defaults}}, "Parameters")
        bare = [info.name for info in describe(declared) if not info.description]
        assert not bare, f"without description: {', '.join(bare)}"

    def test_prepared_parameters_are_all_there_is_to_know(self) -> None:
        """They come back from JSON, and preparing them again changes nothing; paths that `prepare` leaves break it."""
        strategy, parameters = self.prepared()
        read = strategy.parameters(**json.loads(json.dumps(parameters._asdict())))
        assert read == parameters, "prepared parameters come back from JSON changed; keep numbers and text in them"
        assert strategy.prepare(parameters) == parameters, "preparing prepared parameters changes them"

    def test_it_trades_on_this_universe(self) -> None:
        """There are orders, else the other tests compare nothing."""
        assert len(self.run(self.universe()).orders.days), "no order: set parameters, or override universe()"

    def test_the_same_bars_give_the_same_account(self) -> None:
        """Two fresh strategies do the same; unseeded random numbers, the clock and module globals break it."""
        universe = self.universe()
        first = self.run(universe)
        names = list(universe)
        self.run({name: universe[name] for name in names[: len(names) // 2]})  # what it left in globals would show
        found = _difference(first, self.run(universe))
        assert found is None, f"a second run over the same bars differs: {found}"

    def test_bars_are_left_as_they_are(self) -> None:
        """A feature changes no bar; sorting or filling in place breaks it."""
        universe = self.universe()
        before = {name: [np.array(column) for column in bars] for name, bars in universe.items()}
        self.run(universe)
        for name, bars in universe.items():
            same = all(np.array_equal(one, other) for one, other in zip(before[name], bars, strict=True))
            assert same, f"the bars of {name} were written to; work on a copy"

    def test_the_order_of_securities_changes_nothing(self) -> None:
        """Securities given in another order are the same universe."""
        universe = self.universe()
        found = _difference(
            self.run(universe), self.run(dict(sorted(universe.items(), key=lambda each: each[0], reverse=True)))
        )
        assert found is None, f"the same securities in another order: {found}"

    def test_days_that_come_later_change_no_earlier_weight(self) -> None:
        """Weights of a day know that day and those before alone; a look ahead breaks it."""
        universe = self.universe()
        whole = self.run(universe)
        signals = whole.signal_days
        for last in np.linspace(len(signals) // 2, len(signals) - 1, 5, dtype=int).tolist():
            end = int(signals[last]) + 1
            found = self.run({name: bars.rows(slice(0, _rows(bars, end))) for name, bars in universe.items()})
            same = np.array_equal(found.weights, whole.weights[: last + 1])
            assert same, f"the days to {_text(end - 1)} alone give other weights than among all"

    def test_a_few_bars_give_no_fault(self) -> None:
        """One security, or too few days for any feature, are no reason to fail."""
        universe = self.universe()
        name, bars = next(iter(universe.items()))
        self.run({name: bars})
        found = self.run({name: bars.rows(slice(0, 1)) for name, bars in universe.items()})
        assert not len(found.orders.days), "an order on the first day, before there could be a signal"

    def test_without_bars_there_is_no_account(self) -> None:
        """No bar at all is missing data and nothing else."""
        try:
            self.run({name: bars.rows(slice(0, 0)) for name, bars in self.universe().items()})
        except DataError:
            return
        raise AssertionError("a universe without bars gave an account")

    def test_the_account_adds_up(self) -> None:
        """Equity is cash and positions, all of it finite; a weight that is no number breaks it."""
        found = self.run(self.universe())
        total = found.cash + found.long_value + found.short_value
        assert np.isfinite(found.equity).all()
        assert np.isfinite(found.weights).all()
        assert np.allclose(total, found.equity, rtol=1e-9), "equity is not cash and what is held"


def _rows(bars: BarBlock, day: int) -> int:
    return int(np.searchsorted(bars.timestamps, day * _DAY))


def _text(day: int) -> str:
    return str(np.datetime64(int(day), "D"))


def _difference(first: PortfolioResult, second: PortfolioResult) -> str | None:
    """Return the first day on which two accounts part, in words; None where they are the same, bit for bit."""
    for what, days, mine, theirs in (
        ("weights", first.signal_days, first.weights, second.weights),
        ("equity", first.days, first.equity, second.equity),
    ):
        if mine.shape != theirs.shape:
            return f"{len(mine)} days of {what} against {len(theirs)}"
        differing = (mine != theirs).reshape(len(mine), -1).any(axis=1)
        if differing.any():
            return f"{what} of {_text(days[int(differing.argmax())])}"
    return None
