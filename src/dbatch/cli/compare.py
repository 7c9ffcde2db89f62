"""`dbatch compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dbatch.equivalence.compare import Comparison
    from dbatch.equivalence.results import ResultSet
    from dbatch.equivalence.side_by_side import Performance, SideBySide

_TITLES = ("trades", "pnl", "win rate", "drawdown")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("compare")
def compare(
    left: Annotated[Path, typer.Argument(metavar="A", help="A folder of results.")],
    right: Annotated[Path, typer.Argument(metavar="B", help="Another; either may be of a classic engine.")],
    on: Annotated[
        list[str] | None,
        typer.Option(help="Only these tables (fills, summary, metrics) or columns, separated by commas; repeatable."),
    ] = None,
    rtol: Annotated[float, typer.Option(min=0, help="Relative tolerance of floats.")] = 0.0,
    atol: Annotated[float, typer.Option(min=0, help="Absolute tolerance of floats.")] = 0.0,
    only_changed: Annotated[bool, typer.Option("--only-changed", help="Leave out what is equal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON on stdout.")] = False,
) -> None:
    """Compare two folders of results, row by row: exit code 0 when equal, 3 when not."""
    from dbatch.equivalence.columns import Tolerance
    from dbatch.equivalence.compare import compare_results
    from dbatch.equivalence.results import read_results
    from dbatch.equivalence.side_by_side import side_by_side

    names = [name.strip() for text in on or () for name in text.split(",") if name.strip()]
    sides = read_results(left), read_results(right)
    comparison = compare_results(*sides, on=names, tolerance=Tolerance(rtol, atol))
    asked = _what_differs(*sides)
    lines = side_by_side(*sides) if asked and not comparison.holds else []
    if as_json:
        _print_json(comparison, asked, lines, only_changed)
    else:
        _print_text(comparison, asked, lines, only_changed)
    raise typer.Exit(0 if comparison.holds else 3)


def _what_differs(left: ResultSet, right: ResultSet) -> str:
    """Return what the two were asked differently, in words; empty where that is the same, or not known."""
    if left.strategy is not None and right.strategy is not None and left.strategy != right.strategy:
        return f"strategies {left.strategy} and {right.strategy}"
    if left.request is None or right.request is None:
        return ""
    if left.request.get("code") != right.request.get("code"):
        return "the strategy's code"
    if left.request.get("window") != right.request.get("window"):
        return "dates or event types"
    jobs = left.request["jobs"], right.request["jobs"]
    changed = [name for name in jobs[0] if name in jobs[1] and jobs[0][name] != jobs[1][name]]
    return f"data or parameters of {', '.join(changed[:5])}" if changed else ""


def _print_text(comparison: Comparison, asked: str, lines: list[SideBySide], only_changed: bool) -> None:
    from dbatch.cli.comparison_text import print_comparison
    from dbatch.cli.strategies import print_table

    typer.echo(f"left   {comparison.left.origin}\nright  {comparison.right.origin}", err=True)
    if asked:
        typer.echo(f"note: they were asked differently: {asked}", err=True)
    print_comparison(comparison, only_changed=only_changed)
    if lines:
        typer.echo()
        titles = (f"{title} {side}" for title in _TITLES for side in ("left", "right"))
        header = ("security", *titles)
        print_table(header, [_cells(line) for line in lines])
    verdict = f"EQUAL: {comparison.rows:,} fills" if comparison.holds else f"NOT EQUAL: {comparison.reason}"
    typer.echo(f"\n{verdict}")


def _cells(line: SideBySide) -> tuple[str, ...]:
    left, right = _texts(line.left), _texts(line.right)
    return (line.security, *(cell for pair in zip(left, right, strict=True) for cell in pair))


def _texts(side: Performance | None) -> tuple[str, ...]:
    if side is None:
        return ("-",) * 4
    rate = "-" if side.win_rate is None else f"{side.win_rate:.1%}"
    return (f"{side.trades:,}", f"{side.realized_pnl:,.2f}", rate, f"{side.max_drawdown:,.2f}")


def _print_json(comparison: Comparison, asked: str, lines: list[SideBySide], only_changed: bool) -> None:
    import dataclasses

    from dbatch.cli.comparison_text import comparison_json, json_text

    document: dict[str, Any] = {"schema": "dbatch.compare/1", "asked_differently": asked or None}
    document |= comparison_json(comparison, only_changed=only_changed)
    document["side_by_side"] = [dataclasses.asdict(line) for line in lines]
    typer.echo(json_text(document))
