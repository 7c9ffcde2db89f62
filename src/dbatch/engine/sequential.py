"""Jobs one after the other in this process: no Dask, no cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbatch.engine.isolate.parent import prepare, run_isolated
from dbatch.engine.ready import modules_left_alone
from dbatch.engine.unit import run_unit
from dbatch.model import Job, Receipt, RunContext


def run_sequential(context: RunContext, jobs: Sequence[Job]) -> Iterator[Receipt]:
    """Yield the receipts of `jobs` in their order; where there are limits, from a child process."""
    if context.limits:
        prepare()
        yield from run_isolated(context, jobs)
        return
    with modules_left_alone(context):
        for job in jobs:
            yield run_unit(context, job)
