"""What a replay found."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

InputName = Literal["data", "code", "parameters", "versions"]
Verdict = Literal["equal", "differs", "failed again", "not reached"]


@dataclass(frozen=True)
class InputCheck:
    """One input of a job, then and now, in words; `why` says more about a difference."""

    name: InputName
    same: bool
    then: str
    now: str
    why: str = ""


@dataclass(frozen=True)
class FillRow:
    """One fill as `schema.FILL_COLUMNS` has it."""

    timestamp: str
    side: str
    fill_price: float
    fill_qty: int
    realized_pnl: float
    position: int
    pnl: float

    def __str__(self) -> str:
        after = f"realized {self.realized_pnl!r}, position {self.position}, pnl {self.pnl!r}"
        return f"{self.timestamp} {self.side} {self.fill_qty} @ {self.fill_price!r}, {after}"


@dataclass(frozen=True)
class FillDifference:
    """The first fill that is not the same, counted from 1; None on the side that has no such fill."""

    number: int
    then: FillRow | None
    now: FillRow | None

    @property
    def place(self) -> str:
        return f"fill {self.number}"


@dataclass(frozen=True)
class RowDifference:
    """The first row of an account's `table` that is not the same, counted from 1; None where there is no such row."""

    table: str
    number: int
    then: str | None
    now: str | None

    @property
    def place(self) -> str:
        return f"row {self.number} of {self.table}"


@dataclass(frozen=True)
class Outcome:
    """How the job ended, then or now: its fills (of a portfolio: its orders), or its `error` in a line, the traceback.

    With an `until` the fills are those up to it, then as now.
    """

    status: str
    fills: int = 0
    digest: str = ""
    error: str = ""
    details: str = ""


@dataclass(frozen=True)
class TraceOutcome:
    """Where the trace is and how many rows it has; `equal` when the traced job ended as the replayed one did."""

    path: str
    rows: int
    equal: bool


@dataclass(frozen=True)
class ReplayReport:
    """A job of a run, then and now.

    `verdict` is "equal" when the fills are, bit for bit; "failed again" when the job failed in the same way, "not
    reached" when it failed then and does not up to `until`; else "differs". `inputs` are what a result depends on.
    """

    run_dir: Path
    started_at: str
    strategy: str
    security: str
    until: str | None
    inputs: tuple[InputCheck, ...]
    then: Outcome
    now: Outcome
    verdict: Verdict
    difference: FillDifference | RowDifference | None = None
    trace: TraceOutcome | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report as a `dbatch.replay/1` document."""
        return {"schema": "dbatch.replay/1", **dataclasses.asdict(self), "run_dir": str(self.run_dir)}
