"""The contract of a strategy as a test class: authors subclass it, and pytest collects its tests.

Nothing here imports pytest. Each test stands for itself; its docstring says what it means, its failure what to do.
"""

from __future__ import annotations

import inspect
import os
import pickle
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import pandas as pd

from dbatch.errors import ConfigError, UsageError
from dbatch.strategies import CompiledStrategy
from dbatch.strategies.parameters import defaults_of, describe, validate
from dbatch.testing.bench import FIRST, SECOND, Bench, copy_of, empty, noting, same_events, seeded
from dbatch.testing.fill_checks import price_fault, schema_fault, sum_fault, time_fault
from dbatch.testing.market import synthetic_ticks
from dbatch.testing.outcome import difference
from dbatch.testing.single import block_of_ticks
from dbatch.testing.subject import subject_of
from dbatch.testing.watching import Watched

CHUNK_ROWS = (7, 1_000)


class StrategyContract:
    """What every strategy owes dbatch; a subclass whose name begins with `Test` names the strategy.

    Set either `strategy`, the name of one that is installed or lies in `strategy_path`, or `factory`, its
    `create_<name>_handler`. `parameters` are those of the runs; `ticks()` may be overridden to give events on which
    the strategy trades. A test that does not apply is left out by setting it to None in the subclass.
    """

    strategy: ClassVar[str | None] = None
    factory: ClassVar[Callable[..., object] | None] = None
    strategy_path: ClassVar[str | os.PathLike[str] | None] = None
    parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def ticks(self) -> pd.DataFrame:
        """Return the events of the tests: three made-up days with ties, steps back, volumes of 0, missing values."""
        return synthetic_ticks()

    def test_the_factory_has_its_name_and_makes_a_handler(self) -> None:
        """`create_<strategy>_handler(config)` returns a handler; a renamed strategy or a forgotten return breaks it."""
        bench = bench_of(self)
        found, right = bench.subject.factory_name, f"create_{bench.subject.name}_handler"
        assert found in (right, "create_handler"), f"the factory is called {found}, must be {right} or create_handler"
        handler = bench.subject.make(bench.sections)
        is_handler = callable(handler) or isinstance(handler, CompiledStrategy)
        assert is_handler, f"{found} returned {type(handler).__name__}, must be a handler function or an EventStrategy"
        bench.subject.bind(handler, bench.sections, FIRST)

    def test_declared_parameters_are_complete(self) -> None:
        """Defaults fit their own types and limits, each parameter has a unit and a description; edits forget them."""
        bench = bench_of(self)
        declared = bench.subject.declared(bench.subject.make(bench.sections))
        if declared is None:
            return
        fault = None
        try:
            validate(declared, {"default": {**bench.parameters, **defaults_of(declared)}}, "Parameters")
        except ConfigError as error:
            fault = str(error)
        assert fault is None, fault
        bare = [info.name for info in describe(declared) if not (info.unit and info.description)]
        right = "Annotated[int, Ge(1), 'shares', 'size of an order']"
        assert not bare, f"without unit or description: {', '.join(bare)}; declare each as {right}"

    def test_it_trades_on_these_events(self) -> None:
        """There are fills, else the other tests compare nothing; a session, size or threshold too far off breaks it."""
        bench = bench_of(self)
        told = f"no fill in {len(bench.events):,} events: set parameters, or override ticks(), so that it trades"
        assert len(bench.run().fills), told

    def test_the_same_events_give_the_same_result(self) -> None:
        """Two fresh handlers do the same; unseeded random numbers, the clock and module globals break it."""
        bench = bench_of(self)
        with seeded(1):
            first = bench.run()
        with seeded(2):
            second = bench.run()
        found = difference(first, second)
        hint = "seed random numbers from the security's name and a parameter; keep nothing in globals; ask no clock"
        assert found is None, f"a second run over the same events differs: {found}; {hint}"

    def test_events_are_left_as_they_are(self) -> None:
        """A handler changes no event of its chunk; sorting, filling or renaming in place breaks it."""
        bench = bench_of(self)
        events, watched = copy_of(bench.events), Watched()
        bench.run(rows=1_000, watch=watched)
        found = watched.changed_event()
        assert found is None, f"{found}; work on a copy (chunk = chunk.copy()); new columns are welcome"
        assert same_events(bench.events, events), "the arrays of events were written to; read them only"

    def test_without_usable_events_nothing_is_filled(self) -> None:
        """No event, or rows without time or price alone, give no fill; trading at a price of NaN or 0 breaks it."""
        bench = bench_of(self)
        for told, blocks in (
            ("no chunk at all", []),
            ("a chunk without rows", empty(bench.events)),
            ("rows without time or price", [bench.without_prices()]),
        ):
            with noting(f"it was given {told}"):
                outcome = bench.job()(blocks)
            found = f"{told}: {len(outcome.fills)} fills, position {outcome.position}"
            right = "must be none; ask `price > 0` first"
            assert (len(outcome.fills), outcome.position) == (0, 0), f"{found}; {right}"

    def test_any_event_may_come_first(self) -> None:
        """Data may begin with a bid, an ask, a trade or a row without type; a book with one empty side breaks it."""
        bench = bench_of(self)
        starts = list(bench.starts())
        for most in (1, len(bench.events)):
            for kind, events in starts:
                rows = min(most, len(events))
                told = f"the first of {rows} events was a {kind}"
                with noting(told):
                    found = price_fault(bench.run(events.rows(slice(rows))))
                assert found is None, f"{told}: {found}"

    def test_where_chunks_are_cut_changes_nothing(self) -> None:
        """Any chunk size gives the same result; what is not carried in the state breaks it, and a look ahead."""
        bench = bench_of(self)
        few = bench.around_midnight()
        for events, rows in ((few, 1), *((bench.events, rows) for rows in CHUNK_ROWS)):
            with noting(f"in chunks of {rows} rows"):
                found = difference(bench.run(events), bench.run(events, rows))
            hint = "carry in `state` what the next chunk needs; the first and last row of a chunk mean nothing"
            assert found is None, f"all {len(events):,} rows at once, against chunks of {rows}: {found}; {hint}"

    def test_runs_after_each_other_do_not_touch(self) -> None:
        """Another security before it changes nothing; what a run leaves in globals, classes or defaults breaks it."""
        bench = bench_of(self)
        other = bench.second_half()
        before = bench.run(), bench.run(other, security=SECOND)
        after = bench.run(), bench.run(other, security=SECOND)
        for security, first, second in zip((FIRST, SECOND), before, after, strict=True):
            found = difference(first, second)
            hint = "make what belongs to a security inside the factory, or keep it in `state`"
            assert found is None, f"{security} again, after another security: {found}; {hint}"

    def test_runs_at_the_same_time_do_not_touch(self) -> None:
        """Two securities by turns, chunk for chunk, give what each gives alone; shared globals break it."""
        bench = bench_of(self)
        other = bench.second_half()
        alone = bench.alone(bench.events, FIRST), bench.alone(other, SECOND)
        together = bench.side_by_side(other)
        for security, first, second in zip((FIRST, SECOND), alone, together, strict=True):
            found = difference(first, second)
            hint = "make what belongs to a security inside the factory, or keep it in `state`"
            assert found is None, f"{security} alone, against by turns with another security: {found}; {hint}"

    def test_fills_follow_the_schema(self) -> None:
        """Sides are buy or sell, quantities above zero, all numbers finite; a division by zero breaks it."""
        found = schema_fault(bench_of(self).run())
        assert found is None, found

    def test_fills_add_up(self) -> None:
        """Positions follow from quantities, the P&L is the sum of `realized_pnl`; a forgotten sign breaks it."""
        found = sum_fault(bench_of(self).run())
        assert found is None, f"{found}; start flat and book every fill, `dbatch.sim.execute` does"

    def test_fills_happen_at_the_times_of_events(self) -> None:
        """Each fill has the time of an event; the clock of the machine, or a rounded time, breaks it."""
        bench = bench_of(self)
        found = time_fault(bench.run(), bench.events)
        assert found is None, f"{found}; give a fill the timestamp of the event that made it"

    def test_the_result_pickles(self) -> None:
        """Result and last state travel between processes; functions, locks and open files in the state break it."""
        bench = bench_of(self)
        watched = Watched()
        outcome = bench.run(watch=watched)
        found = watched.unpicklable()
        assert found is None, f"{found}; keep numbers, text, lists, dicts and DataFrames in the state"
        assert pickle.loads(pickle.dumps(outcome)) == outcome, "the result came back changed"  # noqa: S301 - own bytes


def bench_of(contract: StrategyContract) -> Bench:
    """Return what the tests of `contract` work with; raises UsageError unless it names one strategy."""
    kind = type(contract).__name__
    factory: Any = inspect.getattr_static(contract, "factory")  # a bare function would come back as a method
    if isinstance(factory, staticmethod):
        factory = factory.__func__
    name: Any = inspect.getattr_static(contract, "strategy")
    if (name is None) is (factory is None):
        raise UsageError(f"{kind}: set strategy = 'name', or factory = create_..._handler; one of the two")
    if name is not None and not isinstance(name, str):
        raise UsageError(f"{kind}: strategy is {type(name).__name__}, must be a name; a function goes into factory")
    paths = [] if contract.strategy_path is None else [os.fspath(contract.strategy_path)]
    subject = subject_of(factory if name is None else name, paths)
    return Bench(subject, contract.parameters, block_of_ticks(contract.ticks()))


def contract_tests(contract: type = StrategyContract) -> dict[str, str]:
    """Return the names of the tests of `contract` in their order, each with its title in words."""
    names = [name for name in vars(contract) if name.startswith("test_")]
    return {name: name.removeprefix("test_").replace("_", " ") for name in names}
