"""The frozen values that cross the borders between rooms: small, picklable, names and numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


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


SourceKind = Literal["parquet", "csv", "excel"]
Status = Literal["success", "failed", "timeout", "crashed", "oom", "invalid_data", "cancelled"]


@dataclass(frozen=True)
class Source:
    """Where one security's events lie, in the order they are to be replayed.

    `paths` are files (or fsspec URLs); `sheets` the sheets of a workbook, `header_row` its header (1-based) when
    given; `only` the values of the security column to keep where a file holds several securities.
    """

    kind: SourceKind
    paths: tuple[str, ...]
    sheets: tuple[str, ...] = ()
    header_row: int | None = None
    only: tuple[str, ...] = ()

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
class Job:
    """One strategy with one parameter set over one security.

    `config_name` is the security's name as the configuration spells it, `section` its parameters, `key` the
    hash of all that its result depends on.
    """

    key: str
    security: Security
    fingerprint: str
    config_name: str
    section: Mapping[str, Any]


@dataclass(frozen=True)
class Limits:
    """What one job may use: `seconds` of wall time, bytes of `memory` of its process; None is no limit."""

    seconds: float | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory is not None


@dataclass(frozen=True)
class RunContext:
    """What all jobs of a run share; it travels to each worker once.

    `compiled` says which kind of strategy it is, so that workers load beforehand what it needs; `sections` is the
    whole configuration, for plain Python handlers that look their security up themselves. Where there are `limits`,
    jobs get processes of their own.
    """

    run_id: str
    strategy: StrategyRef
    compiled: bool
    sections: Mapping[str, Mapping[str, Any]]
    window: Window
    chunk_rows: int
    output_dir: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Receipt:
    """What a finished job sends back: a few hundred bytes; its fills are already on disk in `part`.

    Result facts: trades (fills), realized_pnl in currency, position in shares, market_dates and strategy_dates
    (days with prints, days with fills), the metrics of `schema.METRIC_COLUMNS`, digest of the fills. The rest are
    measurements.
    """

    key: str
    security: str
    status: Status
    error: str = ""
    details: str = ""
    part: str = ""
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
    rows: int = 0
    rows_skipped: int = 0
    notes: tuple[str, ...] = field(default=())
    runtime_sec: float = 0.0
    peak_rss_mb: float = 0.0
