"""What the options of a batch say, and what they refuse."""

from __future__ import annotations

import pytest

from dbatch.batch.options import BatchOptions, MaxFailures, parse_runs
from dbatch.batch.planner import is_isolated
from dbatch.errors import UsageError
from dbatch.model import Limits


@pytest.mark.parametrize(
    ("text", "failed", "runs", "exceeded"),
    [("10", 10, 100, False), ("10", 11, 100, True), ("0", 1, 100, True), ("5%", 5, 100, False), ("5%", 6, 100, True)],
)
def test_there_are_too_many_failures_above_the_number_or_share(
    text: str, failed: int, runs: int, exceeded: bool
) -> None:
    assert MaxFailures.parse(text).exceeded(failed, runs) is exceeded


@pytest.mark.parametrize("text", ["", "ten", "-1", "5.5", "101%", "-1%", "%", "nan%"])
def test_other_numbers_of_failures_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must be a number of runs"):
        MaxFailures.parse(text)


@pytest.mark.parametrize("text", ["", "5", "7:3", "3:3", "-1:4", "a:b", "1:2:3"])
def test_a_range_that_names_no_runs_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="START:END"):
        parse_runs(text)


@pytest.mark.parametrize(
    ("fills", "runs", "kept"),
    [
        ("auto", 100, (True, 10)),
        ("auto", 101, (False, 10)),
        ("all", 5000, (True, 0)),
        ("none", 1, (False, 0)),
        ("top:3", 1, (False, 3)),
    ],
)
def test_whose_fills_are_kept(fills: str, runs: int, kept: tuple[bool, int]) -> None:
    assert BatchOptions(fills=fills).kept_fills(runs) == kept


@pytest.mark.parametrize("fills", ["top", "top:0", "top:x", "best", ""])
def test_other_fills_are_refused(fills: str) -> None:
    with pytest.raises(UsageError, match="--fills"):
        BatchOptions(fills=fills).kept_fills(1)


@pytest.mark.parametrize(
    ("isolate", "compiled", "limits", "isolated"),
    [
        ("auto", True, Limits(), False),
        ("auto", False, Limits(), True),
        ("auto", True, Limits(seconds=5.0), True),
        ("process", True, Limits(), True),
        ("worker", False, Limits(), False),
        ("none", False, Limits(), False),
    ],
)
def test_plain_handlers_and_whatever_has_limits_get_processes(
    isolate: str, compiled: bool, limits: Limits, isolated: bool
) -> None:
    assert is_isolated(BatchOptions(isolate=isolate), compiled, limits) is isolated


@pytest.mark.parametrize("isolate", ["worker", "none"])
def test_a_limit_that_nothing_could_enforce_is_refused(isolate: str) -> None:
    with pytest.raises(UsageError, match="--isolate process"):
        is_isolated(BatchOptions(isolate=isolate), True, Limits(memory=1))
