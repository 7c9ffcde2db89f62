"""Every strategy that ships is in the table of docs/checks.md, with a reason where a check does not pass."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dbatch.batch import RunRequest
from dbatch.checks.check import check_lookahead
from dbatch.config.overrides import parse_overrides
from dbatch.config.sections import expand
from dbatch.plugins.discovery import list_strategies, resolve
from dbatch.testing.guard import check_contract

_GOOD = {"verify": "equal", "contract": "kept", "look-ahead": "sound"}


def _tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "check_strategies.py"
    spec = importlib.util.spec_from_file_location("dbatch_check_strategies", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
ROWS = TOOL.table()


def unlisted(rows: list[Any], shipped: set[str]) -> set[str]:
    return shipped - {row.strategy for row in rows}


def shipped() -> set[str]:
    return {each.name for each in list_strategies() if each.origin.startswith("dbatch ")}


def test_no_strategy_that_ships_is_left_out_of_the_checks() -> None:
    assert len(shipped()) >= 20
    assert unlisted(ROWS, shipped()) == set()
    assert {row.strategy for row in ROWS} <= shipped()


def test_one_that_is_left_out_is_found() -> None:
    assert unlisted(ROWS[1:], shipped()) == {"v1_baseline"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_what_does_not_pass_has_a_reason(row: Any) -> None:
    assert all(said in TOOL.CODES[what] for what, said in row.verdicts.items())
    assert row.reason or row.verdicts == _GOOD


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_a_strategy_keeps_its_contract_as_told(row: Any) -> None:
    parameters = expand({}, parse_overrides(row.settings), ["TEST"], "--set").mapping["TEST"]
    results = list(check_contract(resolve(row.strategy, []).ref, parameters, 300))
    assert all(result.is_good for result in results) == (row.verdicts["contract"] == "kept"), results


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_a_strategy_looks_ahead_as_told(row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over made-up bars or the sample, on which some decide nothing before a cut."""
    monkeypatch.chdir(tmp_path)
    report = check_lookahead(RunRequest(row.strategy, overrides=parse_overrides(row.settings)), cuts=5)
    assert report.verdict in (row.verdicts["look-ahead"], "nothing compared")
