"""What a strategy did to some ticks, and where two such results part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dbatch.engine.fills import fill_table
from dbatch.engine.job import JobResult
from dbatch.schema import FILL_DTYPES


@dataclass(frozen=True)
class Outcome:
    """A strategy's result over one security.

    `fills` are our fills in order of execution, columns as in `schema.FILL_DTYPES`; `position` the shares held at
    the end, `realized_pnl` the running total after the last fill, in currency. `digest` is a hash of every value
    of `fills`, bit for bit: equal outcomes are those with the same digest, position and P&L.
    """

    fills: pd.DataFrame = field(compare=False, repr=False)
    position: int
    realized_pnl: float
    digest: str


def outcome_of(result: JobResult) -> Outcome:
    """Return the outcome that the engine's `result` stands for."""
    fills = fill_table(result.fills).to_pandas().astype(FILL_DTYPES)
    return Outcome(fills, result.position, result.realized_pnl, result.fills.digest())


def difference(first: Outcome, second: Outcome) -> str | None:
    """Return where two outcomes part, in one line: the first fill that is not the same; None where they are equal."""
    if first == second:
        return None
    counts = f"{len(first.fills)} fills against {len(second.fills)}"
    for row in range(max(len(first.fills), len(second.fills))):
        texts = (_fill_text(first.fills, row), _fill_text(second.fills, row))
        if texts[0] != texts[1]:
            return f"{counts}; the first that differs is fill {row}: {texts[0]}, against {texts[1]}"
    return (
        f"{counts}, the same; position {first.position} against {second.position}, "
        f"realized P&L {first.realized_pnl!r} against {second.realized_pnl!r}"
    )


def _fill_text(fills: pd.DataFrame, row: int) -> str:
    if row >= len(fills):
        return "none"
    fill: Any = fills.iloc[row]
    return (
        f"{fill['timestamp']} {fill['side']} {fill['fill_qty']} at {float(fill['fill_price'])!r} "
        f"(realized {float(fill['realized_pnl'])!r}, position {fill['position']}, pnl {float(fill['pnl'])!r})"
    )
