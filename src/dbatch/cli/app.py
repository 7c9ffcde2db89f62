"""The table of commands, and what becomes of the errors they raise."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from dbatch import __version__
from dbatch.cli.upkeep_text import escaped
from dbatch.errors import ClusterError, DataError, DbatchError, Interrupted, LockedError, StorageError, UsageError

_COMMANDS = {
    "run": ("dbatch.cli.run", "Run a strategy over every security, in parallel, and keep the results."),
    "batch": ("dbatch.cli.batch", "Carry out the runs of a batch file: a grid, random draws, runs written out."),
    "sweep": ("dbatch.cli.sweep", "Run a strategy over all combinations of values: a batch in one line."),
    "scan": ("dbatch.cli.scan", "Compute the metrics of all combinations of values in memory: only a table is kept."),
    "walk-forward": ("dbatch.cli.walk_forward", "Choose parameters on past days, apply them to the days that follow."),
    "resume": ("dbatch.cli.resume", "Go on with a batch that was stopped, or whose driver died."),
    "retry": ("dbatch.cli.retry", "Do the failed jobs of a batch once more."),
    "verify": ("dbatch.cli.verify", "Compute sequentially and distributed, and compare every row."),
    "compare": ("dbatch.cli.compare", "Compare two folders of results, row by row."),
    "check": ("dbatch.cli.check", "Check a strategy: does it look ahead, how much history does it need?"),
    "benchmark": ("dbatch.cli.benchmark", "Measure the work sequentially and with workers, side by side."),
    "replay": ("dbatch.cli.replay", "Carry out one security of a finished run again: is it the same, and why not?"),
    "status": ("dbatch.cli.status", "Show how far a batch is, how fast it goes and what failed."),
    "stats": ("dbatch.cli.stats", "Say how far the results of a batch can be believed: was it chance?"),
    "null-test": ("dbatch.cli.null_test", "How often would these statistics cry success without any skill?"),
    "show": (
        "dbatch.cli.show",
        "Show the runs of a batch, the best first: chosen, sorted, in the format you like.",
    ),
    "list": ("dbatch.cli.list", "List the batches below a folder, each with its best result and how that changed."),
    "sql": ("dbatch.cli.sql", "Ask a batch in SQL, over its runs, jobs, daily P&L and fills."),
    "export": ("dbatch.cli.export", "Take results away: CSV, JSON, Parquet, Excel, SQL databases, MLflow."),
    "unseal": ("dbatch.cli.unseal", "Open the holdout of a batch for the run that it chose."),
    "report": ("dbatch.cli.report", "Write a batch or a run as one HTML page: what is best, and is it to be believed?"),
    "plot": ("dbatch.cli.plot", "Draw the fills of a security, its position and P&L: a picture for a slide."),
    "logs": ("dbatch.cli.logs", "Print what runs of a batch said, while it runs too."),
    "cancel": ("dbatch.cli.cancel", "Ask the driver of a batch to stop, on whatever host it runs."),
    "doctor": ("dbatch.cli.doctor", "Check this machine, or a batch's folder; --repair mends it."),
    "health": ("dbatch.cli.health", "Judge the latest batch for monitoring: exit code 0, 1, 2, or 3 for not known."),
    "merge": ("dbatch.cli.merge", "Make one batch of parts made on several machines, or of a broken one."),
    "gc": ("dbatch.cli.gc", "Remove what no result needs: of batches' folders, of the cache."),
    "rm": ("dbatch.cli.rm", "Remove batches with all their results."),
    "strategies": ("dbatch.cli.strategies", "List the strategies that can be run, or show one's parameters."),
    "new-strategy": ("dbatch.cli.new_strategy", "Make a strategy to start from: code, tests, a package."),
    "convert-excel": ("dbatch.cli.convert_excel", "Convert a workbook to one Parquet file per security."),
    "resample": ("dbatch.cli.resample", "Make bars of trades, one Parquet file per security."),
    "data": ("dbatch.cli.data", "Look at data before it is used."),
}

_TRACEBACKS = "DBATCH_TRACEBACK"


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called; their one-line help stands in a table."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        command = get_command(import_module(_COMMANDS[cmd_name][0]).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in _COMMANDS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            import difflib

            close = difflib.get_close_matches(args[0], _COMMANDS, n=2)
            hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            ctx.fail(f"no command {args[0]!r}; {hint}there are {', '.join(_COMMANDS)}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dbatch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Batch backtests of strategies over ticks, bars or a universe on Dask: one security, one partition, one task."""


def run_app() -> None:
    """Run the command line; a fault dbatch can name is one line and an exit code, never a traceback.

    Set DBATCH_TRACEBACK=1 to see the traceback all the same.
    """
    try:
        app()
    except DbatchError as error:
        if os.environ.get(_TRACEBACKS):
            raise
        print(f"error: {escaped(str(error))}", file=sys.stderr)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Interrupted as stop:
        print("interrupted", file=sys.stderr)
        sys.exit(128 + stop.number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception:  # noqa: BLE001 - a fault that dbatch cannot name is a bug of its own
        traceback.print_exc()
        print("this is a bug in dbatch; what was finished is kept", file=sys.stderr)
        sys.exit(70)


def exit_code(error: DbatchError) -> int:
    """Return the exit code that stands for `error`."""
    codes: tuple[tuple[type[DbatchError], int], ...] = (
        (LockedError, 5),
        (StorageError, 4),
        (ClusterError, 4),
        (UsageError, 2),
        (DataError, 2),  # of a single security it is a named failure; here nothing was started
    )
    return next((code for kind, code in codes if isinstance(error, kind)), 1)
