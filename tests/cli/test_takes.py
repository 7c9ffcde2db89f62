"""Commands share options: one parameter of a command stands for all that a function takes."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from dbatch.cli.takes import takes


def made(
    where: Annotated[str, typer.Option()], *, size: int = 1, color: str = "red", shape: str = "round"
) -> dict[str, Any]:
    return {"where": where, "size": size, "color": color, "shape": shape}


def invoke(command: Any, *words: str) -> str:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(command)
    finished = CliRunner().invoke(app, words)
    assert finished.exit_code == 0, finished.output
    return finished.output


@takes("thing", made, without=["shape"], first=["color"])
def show(*, before: int = 0, thing: dict[str, Any], after: int = 0) -> None:
    typer.echo(f"{before} {thing} {after}")


def test_a_command_gets_what_is_made_of_the_options_and_its_own() -> None:
    said = invoke(show, "--where", "x", "--color", "blue", "--after", "3")

    assert said == "0 {'where': 'x', 'size': 1, 'color': 'blue', 'shape': 'round'} 3\n"


def test_options_stand_where_the_parameter_stood_and_positional_ones_before_all() -> None:
    shown = invoke(show, "--help").splitlines()

    options = [line.split()[0] for line in shown if line.startswith("  --")]
    assert options[:5] == ["--where", "--before", "--color", "--size", "--after"]


def test_an_annotation_can_be_replaced() -> None:
    named = takes("thing", made, instead={"where": Annotated[str, typer.Argument()]})

    @named
    def show_named(*, thing: dict[str, Any]) -> None:
        typer.echo(thing["where"])

    assert invoke(show_named, "there") == "there\n"


def test_a_command_without_the_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="thing"):

        @takes("thing", made)
        def lacking() -> None:
            pass
