"""The library's face: run a strategy over a market and keep the results, or simulate lazily on Dask frames."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from dbatch.batch.defaults import default_config, default_data
from dbatch.batch.fees import FEE_NAMES, takes_costs, without_fees
from dbatch.batch.fit import check_fit
from dbatch.config.files import load_mapping
from dbatch.config.sections import ParameterSections, expand
from dbatch.data.market import Market
from dbatch.data.names import file_slug
from dbatch.data.read import DEFAULT_CHUNK_ROWS
from dbatch.data.securities import open_data, universe_of
from dbatch.engine.execute import Execution, execute
from dbatch.engine.observe import Observer, Silent
from dbatch.engine.plan import Request, code_hash, make_jobs
from dbatch.engine.units import FixedUnits
from dbatch.errors import ClusterError, Interrupted, StorageError, UsageError
from dbatch.model import UNIVERSE, FeeRules, Job, Limits, Receipt, RunContext, StrategyRef, Window
from dbatch.plugins.discovery import resolve, search_paths
from dbatch.plugins.loading import declared_needs, declared_parameters, make_handler
from dbatch.plugins.manager import load as load_observers
from dbatch.portfolio import PortfolioStrategy
from dbatch.results.journal import Journal
from dbatch.strategies import CompiledStrategy
from dbatch.strategies.parameters import validate

if TYPE_CHECKING:
    from dbatch.batch.opened import Batch


@dataclass(frozen=True)
class RunRequest:
    """What `dbatch run` was asked; every field has the option of its name.

    `commission_bps` (basis points of a fill's value), `commission_per_share` and `commission_min` (currency a fill) are
    fees taken off what fills earn; of a strategy with a parameter of that name, that parameter.
    """

    strategy: str
    data: str | None = None
    securities: Sequence[str] | None = None
    max_sheets: int | None = None
    header_row: int | None = None
    bars: str | None = None
    zone: str | None = None
    adjusted: bool = False
    config: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    strategy_paths: Sequence[str] = ()
    output_dir: str | None = None
    chunk_rows: int = DEFAULT_CHUNK_ROWS
    window: Window = field(default_factory=Window)
    commission_bps: float | None = None
    commission_per_share: float | None = None
    commission_min: float | None = None
    execution: Execution = field(default_factory=Execution)
    limits: Limits = field(default_factory=Limits)
    fail_fast: bool = False
    rerun: bool = False


@dataclass(frozen=True)
class Plan:
    """A run about to start: the strategy, its jobs in security order, and what the user should be told."""

    ref: StrategyRef
    compiled: bool
    market: Market
    sections: ParameterSections
    jobs: tuple[Job, ...]
    request: Request
    output_dir: Path
    notes: tuple[str, ...]
    fees: FeeRules | None = None


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: a receipt per security in security order, how many there are of each status.

    `interrupted` is the signal that stopped it, `fault` says why it could not go on (a full disk, a lost
    cluster); `computed` counts the jobs of this call, the others were done before.
    """

    output_dir: Path
    receipts: tuple[Receipt, ...]
    computed: int
    interrupted: int | None = None
    fault: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(receipt.status for receipt in self.receipts))


def make_plan(request: RunRequest) -> Plan:
    """Return the plan of `request`; the data is hashed but no event is looked at, and no result is touched.

    Raises UsageError (and its kinds) for a strategy, data, configuration or parameter that cannot be used.
    """
    output_dir = Path(request.output_dir or Path("output", request.strategy)).absolute()  # before users' code runs
    paths = search_paths(request.strategy_paths)
    resolved = resolve(request.strategy, paths)
    ref = dataclasses.replace(resolved.ref, name=request.strategy)  # an alias is the name as far as its user knows
    notes = list(resolved.notes)
    origin, note = (request.data, None) if request.data else default_data()
    if note:
        notes.append(note)
    market = open_data(
        origin, bars=request.bars, header_row=request.header_row, zone=request.zone, adjusted=request.adjusted
    )
    market = market.select(request.securities, request.max_sheets)
    names_of_data = [security.name for security in market.securities]
    fees, overrides = _charged(ref, request, names_of_data)
    sections, parameters, handler = _bind(ref, request.config, overrides, names_of_data)
    check_fit(ref, handler, market)
    if isinstance(handler, PortfolioStrategy):
        market = universe_of(market)
        sections, parameters, handler = _bind(ref, request.config, overrides, [UNIVERSE])
    if request.data and not (request.config or overrides or default_config(ref.name)):
        notes.append(f"no --config and no configs/{ref.name}_config.json here: the strategy's own defaults are used")
    code = code_hash(ref, handler)
    names = {security.name: sections.name_in_config(security.name) for security in market.securities}
    jobs = make_jobs(market.securities, code, request.window, names, parameters, fees)
    asked = Request(ref.name, code, request.window, {job.security.name: job.key for job in jobs})
    compiled = isinstance(handler, CompiledStrategy | PortfolioStrategy)
    return Plan(ref, compiled, market, sections, tuple(jobs), asked, output_dir, tuple(notes), fees)


@overload
def run(request: RunRequest, observer: Observer | None = None) -> RunOutcome: ...
@overload
def run(request: str, observer: Observer | None = None, **arguments: Any) -> Batch: ...
def run(request: RunRequest | str, observer: Observer | None = None, **arguments: Any) -> RunOutcome | Batch:
    """Run a strategy over every security of a market, keep the results and return how it ended.

    With the name of a strategy and `arguments`, those of `dbatch.batch.notebook.run`, it returns the results to look
    at: `run("v1_baseline", data="ticks/", parameters={"quote_size": 500})`.

    Into a folder that holds the same request's results only what is not finished is computed. Raises UsageError
    (and its kinds) when nothing was started; a failed security is a receipt, not an exception.
    """
    if isinstance(request, str):
        from dbatch.batch.notebook import run as run_strategy

        return run_strategy(request, observer=observer, **arguments)
    observer = observer or Silent()
    plan = make_plan(request)
    file_names = {job.security.name: file_slug(job.security.name) for job in plan.jobs}
    with Journal.open(plan.output_dir, plan.request.as_json(), file_names, rerun=request.rerun) as journal:
        return _execute(plan, request, journal, observer)


def _execute(plan: Plan, request: RunRequest, journal: Journal, observer: Observer) -> RunOutcome:
    plugins = load_observers()
    done = journal.successes([job.key for job in plan.jobs])
    todo = [job for job in plan.jobs if job.key not in done]
    receipts = dict(done)
    if not todo and journal.is_complete:
        observer.note(f"{plan.output_dir}: already done, nothing to compute (--rerun computes it again)")
        return RunOutcome(plan.output_dir, _ordered(plan, receipts, ""), 0)
    context = _context(plan, request)
    interrupted: int | None = None
    fault: str | None = None
    stopped = "not run: the run was stopped before it"

    def begin(slots: int, dashboard: str | None) -> None:
        for note in plan.notes:
            observer.note(note)
        if slots and not request.execution.serial:
            observer.note(request.execution.told(slots, [context]))
        journal.begin(_manifest(plan, request))
        plugins.run_started(plan.ref.name, [job.security.name for job in plan.jobs], str(plan.output_dir))
        observer.started(plan.ref.name, len(plan.jobs), len(done), slots, dashboard)

    try:
        with contextlib.closing(_receipts(context, request, todo, begin)) as arriving:
            for receipt in chain.from_iterable(arriving):
                journal.commit(receipt)
                receipts[receipt.key] = receipt
                observer.finished(receipt)
                plugins.job_finished(receipt.security, receipt.status, dataclasses.asdict(receipt))
                if request.fail_fast and receipt.status != "success":
                    stopped = f"not run: --fail-fast, {receipt.security} failed"
                    break
    except KeyboardInterrupt:
        interrupted = 2
    except Interrupted as signal:
        interrupted = signal.number
    except (StorageError, ClusterError) as error:
        fault = str(error)
    finally:
        observer.ended()
    ordered = _ordered(plan, receipts, stopped)
    outcome = RunOutcome(plan.output_dir, ordered, len(receipts) - len(done), interrupted, fault)
    try:
        journal.finish(ordered, outcome)
    except StorageError as error:
        outcome = dataclasses.replace(outcome, fault=fault or str(error))
    plugins.run_finished(str(plan.output_dir), outcome.counts)
    return outcome


def _context(plan: Plan, request: RunRequest) -> RunContext:
    return RunContext(
        run_id=f"{time.time_ns():x}",
        strategy=plan.ref,
        compiled=plan.compiled,
        sections=plan.sections.mapping,
        window=request.window,
        chunk_rows=request.chunk_rows,
        output_dir=str(plan.output_dir),
        limits=request.limits,
        isolated=bool(request.limits),
    )


def _receipts(
    context: RunContext, request: RunRequest, todo: Sequence[Job], begin: Callable[[int, str | None], None]
) -> Generator[list[Receipt], None, None]:
    if not todo:  # everything is computed, but files that people read are missing
        begin(0, None)
        return
    units = request.execution.units(context, todo)
    yield from execute(request.execution, [context], FixedUnits(units), at_most=len(units), on_start=begin)


def _ordered(plan: Plan, receipts: Mapping[str, Receipt], stopped: str) -> tuple[Receipt, ...]:
    return tuple(
        receipts.get(job.key) or Receipt(job.key, job.security.name, "cancelled", error=stopped) for job in plan.jobs
    )


def _charged(
    ref: StrategyRef, request: RunRequest, securities: Sequence[str]
) -> tuple[FeeRules | None, Mapping[str, Any]]:
    """Return the fees of `request`, and what is set by hand: fees too where the strategy takes costs itself.

    Raises UsageError for fees that are none.
    """
    given = {name: value for name in FEE_NAMES if (value := getattr(request, name)) is not None}
    if not given:
        return None, request.overrides
    source = request.config or default_config(ref.name)
    written = load_mapping(source) if source else {}
    handler = make_handler(ref, expand(written, request.overrides, securities, source or "--set").mapping)
    if takes_costs(handler, declared_parameters(ref, handler), written):
        return None, {**given, **request.overrides}
    return without_fees(given)[0], request.overrides


def _bind(
    ref: StrategyRef, config: str | None, overrides: Mapping[str, Any], securities: Sequence[str]
) -> tuple[ParameterSections, Mapping[str, Mapping[str, Any]], object]:
    """Return the sections of the configuration, the parameters by section, and a handler made of them."""
    source = config or default_config(ref.name)
    written = load_mapping(source) if source else {}
    expand(written, {}, securities, source or "--set")  # its own faults, under its own name
    sections = expand(written, overrides, securities, "--set")
    handler = make_handler(ref, sections.mapping)
    declared_needs(ref, handler)  # refuses what is none
    declared = declared_parameters(ref, handler)
    if declared is None:
        return sections, sections.mapping, handler
    checked = validate(declared, sections.mapping, source or "--set", overrides)
    if isinstance(handler, CompiledStrategy):
        return sections, {name: values._asdict() for name, values in checked.items()}, handler
    if isinstance(handler, PortfolioStrategy):
        return sections, {name: handler.prepare(values)._asdict() for name, values in checked.items()}, handler
    return sections, sections.mapping, handler


def _manifest(plan: Plan, request: RunRequest) -> dict[str, Any]:
    from dbatch.results.versions import versions

    return {
        "schema": "dbatch.run/1",
        "strategy": dataclasses.asdict(plan.ref) | {"compiled": plan.compiled},
        "data": {
            "origin": plan.market.origin,
            "securities": {
                job.security.name: {
                    "label": job.security.label,
                    "source": str(job.security.source),
                    "read_as": dataclasses.asdict(job.security.source),
                    "fingerprint": job.fingerprint,
                    "config_name": job.config_name,
                    "parameters": job.section,
                }
                for job in plan.jobs
            },
        },
        "config": plan.sections.mapping,
        "fees": None if plan.fees is None else vars(plan.fees),
        "execution": dataclasses.asdict(request.execution) | {"chunk_rows": request.chunk_rows},
        "notes": list(plan.notes),
        "versions": versions(),
    }


def simulate(
    ticks: Any,
    strategy: str,
    config: Mapping[str, Mapping[str, Any]] | str | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    strategy_path: str | Sequence[str] = (),
) -> Any:
    """Return the fills of `strategy` over `ticks` as a lazy Dask DataFrame with the same divisions.

    `ticks` is what `read_ticks` returns (one partition per security); `config` a mapping {security: parameters}
    with an optional `default` section, or a path to one. Columns are `schema.FILL_DTYPES`, the index `security`.
    Computing it gives exactly what `dbatch run` writes, on any scheduler; nothing is read before.
    """
    from dbatch.engine.frames import simulate_partitions

    paths = [strategy_path] if isinstance(strategy_path, str) else list(strategy_path)
    resolved = resolve(strategy, search_paths(paths))
    securities = [name for name in dict.fromkeys(ticks.divisions) if name is not None]
    if not securities:
        raise UsageError("simulate needs ticks with known divisions, one security a partition: see read_ticks")
    mapping = load_mapping(config) if isinstance(config, str) else dict(config or {})
    sections = expand(mapping, overrides or {}, securities, config if isinstance(config, str) else "config")
    handler = make_handler(resolved.ref, sections.mapping)
    declared_needs(resolved.ref, handler)
    declared = declared_parameters(resolved.ref, handler)
    if declared is not None:
        validate(declared, sections.mapping, config if isinstance(config, str) else "config")
    return simulate_partitions(ticks, resolved.ref, sections)


__all__ = ["Plan", "RunOutcome", "RunRequest", "make_plan", "run", "simulate"]
