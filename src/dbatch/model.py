"""The frozen values that cross the borders between rooms: small, picklable, names and numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import is_
from typing import Any, Final, Literal, NamedTuple

from dbatch.errors import UsageError

UNIVERSE: Final = "UNIVERSE"
"""The security of a portfolio's job, which stands for all that it looks at; no security has this name."""


@dataclass(frozen=True)
class StrategyRef:
    """Where a strategy's factory is found, on this machine or on a worker.

    `module` is the dotted name to import. `root` is the absolute path that the user gave, or None for an
    installed strategy. `origin` says to people where it is from: a distribution and its version, or the path.
    `source_hash` covers every Python file that the strategy is made of.
    """

    name: str
    factory: str
    module: str
    root: str | None
    origin: str
    source_hash: str


SourceKind = Literal["parquet", "csv", "excel", "universe"]
Status = Literal["success", "failed", "timeout", "crashed", "oom", "invalid_data", "skipped", "cancelled"]


@dataclass(frozen=True)
class Source:
    """Where one security's events or bars lie, in the order they are to be replayed.

    `paths` are files (or fsspec URLs); `sheets` the sheets of a workbook, `header_row` its header (1-based) when
    given; `only` the values of the security column to keep where a file holds several securities.

    `bars` is empty for events, "rows" where each row is a bar, and an interval such as "5min" where bars of that
    length are made of the trades. Of rows that are bars, `column` names the one with the closes of this security in a
    panel (a column per security), `zone` the clock that times with an offset are turned to (empty: UTC), and
    `adjusted` scales prices to the adjusted close. A "universe" stands for the securities `only` of the market at its
    path.
    """

    kind: SourceKind
    paths: tuple[str, ...]
    sheets: tuple[str, ...] = ()
    header_row: int | None = None
    only: tuple[str, ...] = ()
    bars: str = ""
    column: str = ""
    zone: str = ""
    adjusted: bool = False

    def __str__(self) -> str:
        sheets = f" [{', '.join(self.sheets)}]" if self.sheets else ""
        return ", ".join(self.paths) + sheets


@dataclass(frozen=True)
class Security:
    """One instrument: its ticker, the label its source gives it, and where its events lie."""

    name: str
    label: str
    source: Source


@dataclass(frozen=True)
class Window:
    """Which rows of a security a run is asked to look at: dates inclusive (days since 1970), trades only or all."""

    start_day: int | None = None
    end_day: int | None = None
    only_trades: bool = False


@dataclass(frozen=True)
class FeeRules:
    """What a fill costs: `commission_bps` of its value in basis points, `commission_per_share` in currency, together
    at least `commission_min` in currency. Raises UsageError, naming the field, for what is no number of 0 or more."""

    commission_bps: float = 0.0
    commission_per_share: float = 0.0
    commission_min: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            problem = fee_fault(value)
            if problem is not None:
                raise UsageError(f"{name}: {problem}")


def fee_fault(value: Any) -> str | None:
    """Return what is wrong with a value of `FeeRules`, None for nothing.

    >>> fee_fault(2), fee_fault(-0.5)
    (None, 'must be a number of 0 or more, is -0.5')
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and 0.0 <= value < math.inf else f"must be a number of 0 or more, is {value!r}"


class Job(NamedTuple):
    """One strategy with one parameter set over one security.

    `config_name` is the security's name as the configuration spells it, `section` its parameters, `key` the
    hash of all that its result depends on. `fees` are taken off what it earned; None where none are configured, or the
    strategy takes costs itself.
    """

    key: str
    security: Security
    fingerprint: str
    config_name: str
    section: Mapping[str, Any]
    fees: FeeRules | None = None


@dataclass(frozen=True)
class Limits:
    """What one job may use: `seconds` of wall time, bytes of `memory` of its process; None is no limit."""

    seconds: float | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory is not None


@dataclass(frozen=True)
class RunContext:
    """What many jobs share; it travels to each worker once, under its `run_id`.

    `compiled` says which kind of strategy it is, so that workers load beforehand what it needs; `sections` is the
    whole configuration, for plain Python handlers that look their security up themselves (empty: a handler gets the
    section of its job alone). `isolated` jobs run in processes of their own, where alone there can be `limits`.
    Of a `sweep` many jobs run over the same events: these are held in memory, and the daily metrics are computed.
    `keep_fills` keeps fills in the parts; `digests` of fills tell results apart where results are kept. `seed` is
    where random numbers of every job begin, None for wherever.
    """

    run_id: str
    strategy: StrategyRef
    compiled: bool
    sections: Mapping[str, Mapping[str, Any]]
    window: Window
    chunk_rows: int
    output_dir: str
    limits: Limits = field(default_factory=Limits)
    isolated: bool = False
    sweep: bool = False
    keep_fills: bool = True
    digests: bool = True
    seed: int | None = None


@dataclass(frozen=True)
class Unit:
    """What one task runs: `jobs` one after the other under the context called `run_id`, best of one security.

    It is pickled by columns, what is equal in all jobs once: a unit of 200 jobs stays below 10 kB.
    """

    run_id: str
    jobs: tuple[Job, ...]
    priority: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _unit_of, (self.run_id, self.priority, _columns(self.jobs))


_Columns = list[tuple[Security, str, str, list[bytes], dict[str, Any], dict[str, list[Any]], list[FeeRules | None]]]


def _columns(jobs: tuple[Job, ...]) -> _Columns:
    """Return the jobs of each run of alike ones: what they share, their keys, and what of their sections differs."""
    columns: _Columns = []
    for (security, fingerprint, config_name, names), some in groupby(jobs, _alike):
        block = list(some)
        sections = [job.section for job in block]
        common = dict(sections[0])
        varying = {}
        for name in names:
            values = [section[name] for section in sections]
            if not (all(map(is_, values, repeat(common[name]))) or all(map(_same, values, repeat(common[name])))):
                varying[name] = values
        keys = [bytes.fromhex(job.key) for job in block]
        columns.append((security, fingerprint, config_name, keys, common, varying, [job.fees for job in block]))
    return columns


def _alike(job: Job) -> tuple[Security, str, str, tuple[str, ...]]:
    return job.security, job.fingerprint, job.config_name, tuple(job.section)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and repr(one) == repr(other))  # 1 is not True, 0.0 is not -0.0


def _unit_of(run_id: str, priority: int, columns: _Columns) -> Unit:
    jobs: list[Job] = []
    for security, fingerprint, config_name, packed, common, varying, fees in columns:
        keys = map(bytes.hex, packed)
        sections = [dict(common) for _ in packed]
        for name, values in varying.items():
            for section, value in zip(sections, values, strict=True):
                section[name] = value
        jobs += map(Job, keys, repeat(security), repeat(fingerprint), repeat(config_name), sections, fees)
    return Unit(run_id, tuple(jobs), priority)


@dataclass(frozen=True)
class Receipt:
    """What a finished job sends back: a few hundred bytes; its daily P&L and fills lie in row `row` of `part`.

    Result facts: trades (fills), realized_pnl in currency, position in shares, market_dates and strategy_dates
    (days with prints, days with fills), the metrics of `schema.METRIC_COLUMNS`, in `metrics` the others of
    `metrics.names.JobMetrics` (of a sweep's jobs), digest of the fills. `output` is what the job printed, its end
    at least. `capital` in currency is what its percentages are of, where its equity is marked to market, else None.
    The rest are measurements.
    """

    key: str
    security: str
    status: Status
    error: str = ""
    details: str = ""
    output: str = ""
    part: str = ""
    row: int = 0
    sha256: str = ""
    digest: str = ""
    trades: int = 0
    realized_pnl: float = 0.0
    position: int = 0
    market_dates: int = 0
    strategy_dates: int = 0
    win_rate: float | None = None
    max_drawdown: float = 0.0
    turnover: float = 0.0
    fees: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    capital: float | None = None
    first_day: int | None = None
    last_day: int | None = None
    rows: int = 0
    rows_skipped: int = 0
    notes: tuple[str, ...] = field(default=())
    runtime_sec: float = 0.0
    peak_rss_mb: float = 0.0
