"""A home-made package of handlers, verified as it is: by itself, and against the built-in strategies."""

from __future__ import annotations

from pathlib import Path

from dbatch.batch import RunRequest
from dbatch.data.sample import sample_path
from dbatch.engine.execute import Execution
from dbatch.equivalence.verify import VerifyRequest, verify

TWO_WORKERS = Execution(workers=2, dashboard=False)


def request(strategy: str, *paths: Path) -> RunRequest:
    return RunRequest(strategy, data=str(sample_path()), strategy_paths=tuple(map(str, paths)), execution=TWO_WORKERS)


def test_its_parallel_run_equals_its_serial_one(handlers: Path) -> None:
    report = verify(VerifyRequest(request("v2_1_stop_loss", handlers)))

    assert report.holds, report
    assert report.rows > 1_000


def test_its_parallel_run_equals_the_built_in_strategys_serial_one(handlers: Path) -> None:
    report = verify(VerifyRequest(request("v1_baseline"), against=request("v1_baseline", handlers)))

    assert report.holds, report
    assert report.rows > 1_000


def test_another_strategy_is_not_equal_and_the_cause_is_that_it_is_another(handlers: Path) -> None:
    other = request("v2_1_stop_loss", handlers)

    report = verify(VerifyRequest(request("v1_baseline"), sample=1, against=other))

    assert not report.holds
    assert report.cause is not None
    assert report.cause.kind == "other_strategy"
