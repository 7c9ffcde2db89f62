import json

import pytest
from typer.testing import CliRunner

from dbatch.cli.strategies import app

DECLARED = '''
"""Buys dips."""
from typing import Annotated, NamedTuple

from annotated_types import Ge


class Parameters(NamedTuple):
    size: Annotated[int, Ge(1), "shares", "size of an order"] = 500
    limit: Annotated[float | None, "currency", "no more than this"] = None


def create_dips_handler(config):
    return print
'''


@pytest.fixture
def dips(tmp_path, write):
    return str(write(tmp_path / "mine", {"dips.py": DECLARED}) / "dips.py")


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_the_list_has_one_line_a_strategy(dips):
    result = run("--strategy-path", dips)
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("dips")]
    assert line.split(maxsplit=3) == ["dips", "python", dips, "Buys dips."]


def test_the_list_as_json_has_every_strategy(dips):
    found = json.loads(run("--strategy-path", dips, "--json").stdout)
    (mine,) = [row for row in found if row["name"] == "dips"]
    assert mine.items() >= {"kind": "python", "origin": dips, "fault": None}.items()


def test_the_environment_names_strategy_paths(dips, monkeypatch):
    monkeypatch.setenv("DBATCH_STRATEGY_PATH", dips)
    assert "Buys dips." in run().stdout


def test_a_broken_strategy_is_listed_with_its_fault(tmp_path, write):
    write(tmp_path, {"bad/handler.py": "def create_bad_handler(:\n"})
    result = run("--strategy-path", str(tmp_path))
    assert result.exit_code == 0
    assert "FAULT: " in result.stdout


def test_show_prints_types_units_and_defaults(dips):
    lines = run("show", "dips", "--strategy-path", dips).stdout.splitlines()
    assert lines[0] == f"dips (python), from {dips}"
    assert lines[-2].split() == ["size", "int", ">=", "1", "shares", "500", "size", "of", "an", "order"]


def test_show_as_json_has_the_parameters(dips):
    document = json.loads(run("show", "dips", "--strategy-path", dips, "--json").stdout)
    assert document["parameters"][1] == {
        "name": "limit",
        "type": "float or none",
        "unit": "currency",
        "default": None,
        "description": "no more than this",
    }


def test_show_of_a_misspelt_name_is_one_line_and_exit_code_2(dips):
    result = run("show", "dpis", "--strategy-path", dips)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: unknown strategy 'dpis'; did you mean 'dips'?")
    assert result.stderr.count("\n") == 1


def test_what_a_strategy_prints_on_import_stays_out_of_the_data(tmp_path, write):
    write(tmp_path, {"loud.py": 'print("hello")\n\n\ndef create_loud_handler(config): ...\n'})
    result = run("show", "loud", "--strategy-path", str(tmp_path), "--json")
    assert json.loads(result.stdout)["parameters"] is None


def test_a_missing_path_is_exit_code_2(tmp_path):
    assert run("--strategy-path", str(tmp_path / "nowhere")).exit_code == 2
