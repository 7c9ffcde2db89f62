"""`dbatch new-strategy`: a package to start from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbatch.scaffold.package import NewStrategy

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class KindName(StrEnum):
    """What is made: a strategy for the compiled loop, or a plain handler. Both give the same fills."""

    compiled = "compiled"
    python = "python"


@app.command("new-strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and '_'.")],
    kind: Annotated[
        KindName, typer.Option(help="compiled: fast on ticks. python: plain code, print and pandas work.")
    ] = KindName.compiled,
    directory: Annotated[
        str, typer.Option("--dir", help="The folder to make it in; 'plugins' is searched by itself.")
    ] = "plugins",
) -> None:
    """Make a strategy called NAME that runs at once: code to change, its tests, and what pip needs to install it."""
    from dbatch.scaffold.package import new_strategy as make

    for line in _report(make(name, kind.value, directory)):
        typer.echo(line, err=True)


def _report(made: NewStrategy) -> list[str]:
    path = [] if made.found_by_name else ["--strategy-path", str(made.directory)]
    commands = (
        ["dbatch", "run", "--strategy", made.name, *path],
        ["pytest", str(made.folder)],
        ["dbatch", "verify", "--strategy", made.name, *path],
    )
    lines = [f"made {file}" for file in made.files]
    if path:
        lines.append("only ./plugins is searched by itself, so name this folder with --strategy-path")
    return [*lines, "next:", *(f"  {_quoted(command)}" for command in commands)]


def _quoted(command: list[str]) -> str:
    """Return `command` as it is typed into this system's shell."""
    import os
    import shlex
    import subprocess

    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
