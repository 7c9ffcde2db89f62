"""The library's face: run a strategy over a market, many runs of it as a batch, or simulate lazily on Dask frames.

The names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbatch.batch.carry_out import BatchOutcome, carry_out
    from dbatch.batch.notebook import scan, sweep
    from dbatch.batch.opened import Batch
    from dbatch.batch.options import BatchOptions
    from dbatch.batch.orchestrator import Orchestrator
    from dbatch.batch.plan import BatchPlan, plan_batch
    from dbatch.batch.single import Plan, RunOutcome, RunRequest, make_plan, run, simulate
    from dbatch.batch.stored import stored_batch

__all__ = [
    "Batch",
    "BatchOptions",
    "BatchOutcome",
    "BatchPlan",
    "Orchestrator",
    "Plan",
    "RunOutcome",
    "RunRequest",
    "carry_out",
    "make_plan",
    "plan_batch",
    "run",
    "scan",
    "simulate",
    "stored_batch",
    "sweep",
]

_HOMES = {
    "Batch": "opened",
    "BatchOptions": "options",
    "BatchOutcome": "carry_out",
    "BatchPlan": "plan",
    "Orchestrator": "orchestrator",
    "carry_out": "carry_out",
    "plan_batch": "plan",
    "scan": "notebook",
    "stored_batch": "stored",
    "sweep": "notebook",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dbatch.batch' has no attribute {name!r}")
    return getattr(import_module(f"dbatch.batch.{_HOMES.get(name, 'single')}"), name)
