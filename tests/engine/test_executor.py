"""What runs the jobs, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbatch.cli import options
from dbatch.engine.execute import Execution
from dbatch.errors import UsageError
from dbatch.model import RunContext, StrategyRef, Window

COMPILED = RunContext(
    run_id="0",
    strategy=StrategyRef("x", "make", "x", None, "here", "0"),
    compiled=True,
    sections={},
    window=Window(),
    chunk_rows=1,
    output_dir="out",
)
PLAIN = replace(COMPILED, compiled=False)
ISOLATED = replace(PLAIN, isolated=True)


@pytest.mark.parametrize(
    ("execution", "contexts", "said"),
    [
        (Execution(), [COMPILED], "threads, 2 at a time (auto: compiled loops run side by side)"),
        (Execution(), [PLAIN], "processes, 2 at a time (auto: Python handlers need an interpreter each)"),
        (Execution(), [COMPILED, PLAIN], "processes, 2 at a time (auto: Python handlers need an interpreter each)"),
        (Execution(), [ISOLATED], "threads, 2 at a time (auto: each job has a process of its own)"),
        (Execution(), [COMPILED, ISOLATED], "threads, 2 at a time (auto: compiled loops run side by side)"),
        (Execution(cluster="processes"), [COMPILED], "processes, 2 at a time (as asked for)"),
        (Execution(scheduler="tcp://a:1"), [PLAIN], "the cluster at tcp://a:1, 2 at a time (--scheduler)"),
    ],
)
def test_what_runs_the_jobs_is_said_with_the_reason(
    execution: Execution, contexts: list[RunContext], said: str
) -> None:
    assert execution.told(2, contexts) == f"executor: {said}"


def test_an_executor_asked_for_beside_another_is_refused() -> None:
    given = options.execution_of(2, options.ClusterKind.threads, serial=False, scheduler=None, dashboard=True)
    assert given == Execution(2, cluster="threads")
    for serial, scheduler in ((True, None), (False, "tcp://a:1")):
        with pytest.raises(UsageError, match="only one of them can say where jobs run"):
            options.execution_of(2, options.ClusterKind.threads, serial=serial, scheduler=scheduler, dashboard=True)
