"""What is made works at once: its own tests, a run by its name, and the same fills of both kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.job import JobResult, run_job
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import declared_parameters, make_handler
from dbatch.scaffold.package import Kind, new_strategy
from dbatch.strategies.parameters import validate


def result_of(strategy: str, security: str, parameters: dict[str, object], rows: int) -> JobResult:
    ref = resolve(strategy).ref
    handler = make_handler(ref, {security: parameters})
    section = validate(declared_parameters(ref, handler), {security: parameters}, "test")[security]._asdict()
    found = open_market(str(sample_path())).select([security]).securities[0]
    return run_job(handler, security, section, read_events(found, rows))


def test_both_kinds_give_the_same_fills_to_the_last_bit(folder: Path) -> None:
    new_strategy("fast", "compiled")
    new_strategy("plain", "python")
    for security, parameters, rows in (
        ("ALFA", {}, 100_000),
        ("GAMA", {"size": 20_000, "max_position": 30_000}, 1_000),
        ("VETA", {"min_spread_pct": 0.2}, 777),
    ):
        fast, plain = (result_of(name, security, parameters, rows) for name in ("fast", "plain"))

        assert fast.fills.digest() == plain.fills.digest()
        assert (fast.position, len(fast.fills) > 100) == (0, True)


@pytest.mark.parametrize("kind", ["compiled", "python"])
def test_its_tests_pass_and_it_runs_from_the_folder_it_was_made_in(
    folder: Path, kind: Kind, dbatch: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    made = new_strategy("quoter", kind)

    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error"],
        cwd=made.folder, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout

    run = dbatch("run", "--strategy", "quoter", "--workers", "2", "--no-dashboard", "--json")
    assert run.returncode == 0, run.stderr
    assert "note: strategy 'quoter' from plugins/quoter\n" in run.stderr
    securities = json.loads(run.stdout)["securities"]
    assert [row["security"] for row in securities if row["trades"] > 100] == ["ALFA", "GAMA", "VETA"]
