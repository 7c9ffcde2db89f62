"""`dbatch strategies`: what can be named, what its parameters are, and whether it keeps the contract."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.errors import UsageError

if TYPE_CHECKING:
    from dbatch.plugins.discovery import Resolved
    from dbatch.strategies.parameters import ParameterInfo

app = typer.Typer(
    help="List the strategies that can be run, show their parameters, check them.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A strategy, as `dbatch strategies` calls it.")]

StrategyPath = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy-path",
        metavar="PATH",
        help="A strategy file, a folder of files or of packages, a project; repeatable (else DBATCH_STRATEGY_PATH).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def list_command(context: typer.Context, strategy_path: StrategyPath = None, as_json: AsJson = False) -> None:
    """List strategies: name, kind, where from, description."""
    context.obj = strategy_path
    if context.invoked_subcommand is not None:
        return
    from dbatch.plugins.discovery import list_strategies, search_paths

    with _usage_errors():
        listings = list_strategies(search_paths(strategy_path or ()))
    if as_json:
        keys = ("name", "kind", "origin", "description", "fault", "aliases")
        print(json.dumps([{key: getattr(listing, key) for key in keys} for listing in listings], indent=2))
        return
    rows = [
        (
            listing.name,
            listing.kind,
            listing.origin,
            f"FAULT: {listing.fault}" if listing.fault else listing.description,
        )
        for listing in listings
    ]
    print_table(("name", "kind", "from", "description"), rows)


@app.command("show")
def show_command(
    context: typer.Context,
    name: Name,
    strategy_path: StrategyPath = None,
    as_json: AsJson = False,
) -> None:
    """Print the parameters of strategy NAME: types, units, defaults."""
    from dbatch.plugins.discovery import resolve, search_paths

    with _usage_errors():
        resolved = resolve(name, search_paths([*(context.obj or ()), *(strategy_path or ())]))
        parameters = _parameters(resolved)
    for note in resolved.notes:
        print(note, file=sys.stderr)
    if as_json:
        print(json.dumps(_as_document(resolved, parameters), indent=2, default=str))
        return
    listing = resolved.listing
    print(f"{listing.name} ({listing.kind}), from {listing.origin}")
    if listing.description:
        print(listing.description)
    if parameters is None:
        print("declares no parameters: any key is accepted, unchecked")
        return
    rows = [
        (
            info.name,
            info.type,
            info.unit,
            "none" if info.default is None else str(info.default),
            info.description,
        )
        for info in parameters
    ]
    print()
    print_table(("parameter", "type", "unit", "default", "description"), rows)


@app.command("check")
def check_command(
    context: typer.Context,
    name: Name,
    strategy_path: StrategyPath = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the runs; repeatable.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time for all tests.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Test whether strategy NAME keeps the contract. It runs on made-up events, in a process of its own."""
    from contextlib import closing

    from dbatch.config.overrides import parse_overrides
    from dbatch.config.sections import expand
    from dbatch.plugins.discovery import resolve, search_paths
    from dbatch.testing.guard import check_contract

    results = []
    with _usage_errors():
        resolved = resolve(name, search_paths([*(context.obj or ()), *(strategy_path or ())]))
        parameters = expand({}, parse_overrides(assignments or []), ["TEST"], "--set").mapping["TEST"]
        for note in resolved.notes:
            print(note, file=sys.stderr)
        with closing(check_contract(resolved.ref, parameters, timeout)) as arriving:
            for result in arriving:
                results.append(result)
                status = result.status.upper() if result.status in ("failed", "error") else result.status
                print(f"{status:<8}{result.test}{': ' * bool(result.message)}{result.message}", file=sys.stderr)
    passed = all(result.is_good for result in results)
    if as_json:
        facts = {"schema": "dbatch.strategy-check/1", "strategy": resolved.ref.name, "origin": resolved.ref.origin}
        print(json.dumps({**facts, "passed": passed, "tests": [vars(result) for result in results]}))
    counts = Counter(result.status for result in results)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{resolved.ref.name}: {'keeps' if passed else 'does not keep'} the contract ({told})", file=sys.stderr)
    raise typer.Exit(0 if passed else 1)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows to stdout: a table on a terminal, else aligned text with one line a row."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for title in header:
            table.add_column(title, no_wrap=title == header[0], overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _parameters(resolved: Resolved) -> list[ParameterInfo] | None:
    from contextlib import redirect_stdout

    from dbatch.plugins.loading import declared_parameters, make_handler
    from dbatch.plugins.sources import COMPILED
    from dbatch.strategies.parameters import describe

    with redirect_stdout(sys.stderr):  # what a strategy prints while it is imported is not our data
        declared = declared_parameters(resolved.ref)
        if declared is None and resolved.listing.kind == COMPILED:
            declared = declared_parameters(resolved.ref, make_handler(resolved.ref, {}))
    return None if declared is None else describe(declared)


def _as_document(resolved: Resolved, parameters: list[ParameterInfo] | None) -> dict[str, Any]:
    listing = resolved.listing
    return {
        "name": listing.name,
        "kind": listing.kind,
        "origin": listing.origin,
        "description": listing.description,
        "source_hash": resolved.ref.source_hash,
        "parameters": None if parameters is None else [vars(info) for info in parameters],
    }


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
