"""Comparisons for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from dbatch.equivalence.compare import Comparison, Difference, SecurityComparison


def print_comparison(comparison: Comparison, *, only_changed: bool = False) -> None:
    """Print a line per security, and the fills around the first difference."""
    from dbatch.cli.strategies import print_table

    shown = [item for item in comparison.securities if not only_changed or item.verdict != "equal"]
    if shown:
        header = ("security", "verdict", "fills", "digest", "why")
        print_table(header, [_line(item) for item in shown])
    first = next((item for item in shown if item.difference is not None and item.difference.row is not None), None)
    if first is not None and first.difference is not None:
        typer.echo()
        print_difference(first.security, first.difference)


def _line(item: SecurityComparison) -> tuple[str, ...]:
    digests = [digest[:12] for digest in item.digests if digest]
    digest = " / ".join(dict.fromkeys(digests))
    return (item.security, item.verdict, f"{item.rows:,}", digest, item.reason)


def print_difference(security: str, difference: Difference) -> None:
    """Print the fills around a difference, from both sides."""
    typer.echo(f"{security}: first difference at {difference}")
    for side, rows in (("left", difference.left_rows), ("right", difference.right_rows)):
        for number, values in rows.items():
            mark = ">" if number == difference.row else " "
            typer.echo(f"  {mark} {side:<5} {number:>8}  {_cells(values)}")
        if difference.row is not None and difference.row not in rows:
            typer.echo(f"  > {side:<5} {difference.row:>8}  no such fill")


def print_events(security: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Print the events around a difference."""
    if events:
        typer.echo(f"{security}: events at that time, as they stand in the source")
    for event in events:
        values = {key: value for key, value in event.items() if key != "row"}
        typer.echo(f"    event {event['row']:>8}  {_cells(values)}")


def json_text(document: Mapping[str, Any]) -> str:
    """Return `document` as strict JSON: times as text, and NaN and infinities too, for JSON has no such numbers."""
    import json

    return json.dumps(_finite(document), default=str, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def comparison_json(comparison: Comparison, *, only_changed: bool = False) -> dict[str, Any]:
    """Return a comparison as JSON can hold it."""
    return {
        "left": str(comparison.left.origin),
        "right": str(comparison.right.origin),
        "holds": comparison.holds,
        "reason": comparison.reason,
        "rows": comparison.rows,
        "columns": {"fills": list(comparison.columns.fills), "summary": list(comparison.columns.summary)},
        "rtol": comparison.tolerance.rtol,
        "atol": comparison.tolerance.atol,
        "counts": comparison.counts,
        "securities": list(_securities(comparison.securities, only_changed)),
    }


def _securities(items: Iterable[SecurityComparison], only_changed: bool) -> Iterable[dict[str, Any]]:
    for item in items:
        if only_changed and item.verdict == "equal":
            continue
        difference = item.difference
        yield {
            "security": item.security,
            "verdict": item.verdict,
            "reason": item.reason,
            "rows": item.rows,
            "differing": item.differing,
            "values": item.values,
            "digests": list(item.digests),
            "difference": None
            if difference is None
            else {
                "table": difference.table,
                "column": difference.column,
                "row": difference.row,
                "left": difference.left,
                "right": difference.right,
                "left_rows": [{"row": number, **values} for number, values in difference.left_rows.items()],
                "right_rows": [{"row": number, **values} for number, values in difference.right_rows.items()],
            },
        }


def _cells(values: Mapping[str, Any]) -> str:
    return "  ".join(str(value) if not isinstance(value, float) else repr(value) for value in values.values())
