"""What a plugin may observe of a run. All hooks are optional; none can change a result or stop a run.

    from dbatch import hookimpl

    @hookimpl
    def dbatch_run_finished(output_dir, counts): ...

Hooks are called in the driver's process only. A hook may leave out arguments it does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pluggy

PROJECT = "dbatch"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def dbatch_run_started(strategy: str, securities: Sequence[str], output_dir: str) -> None:
    """Nothing is computed yet; `securities` is in the order of the run."""


@hookspec
def dbatch_job_finished(security: str, status: str, receipt: Mapping[str, object]) -> None:
    """One job's receipt is in the ledger; jobs finish in any order."""


@hookspec
def dbatch_run_finished(output_dir: str, counts: Mapping[str, int]) -> None:
    """What could be written is written; `counts` is jobs by status."""
