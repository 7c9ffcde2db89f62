"""How fast a plain handler is, found by trying: rules of thumb are off by a factor of ten for one or the other."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from dbatch.errors import DataError
from dbatch.model import Job, Limits, RunContext, Source, Window

EVENTS: Final = 20_000
_PATIENCE_SEC: Final = 10.0


def seconds_an_event(context: RunContext, job: Job) -> float | None:
    """Return the seconds that `job` of a plain handler takes for one of the first events of its security.

    It is tried in a process of its own over `EVENTS` events, twice, for the first time is slower; what comes of it is
    dropped. At least as slow as that is a handler that is not through in time. None where it fails, where there are
    no events, and where a window of dates leaves out who knows how many.
    """
    if context.window != Window():
        return None
    with tempfile.TemporaryDirectory() as folder:
        beginning = Path(folder, "beginning.parquet")
        try:
            rows = _write_beginning(job, beginning)
        except DataError:
            return None
        seconds = _tried(replace(context, output_dir=folder), job, beginning) if rows else None
    return None if seconds is None else seconds / rows


def _tried(context: RunContext, job: Job, beginning: Path) -> float | None:
    """Return the seconds that `job` takes over the events in `beginning`, None where it fails."""
    from dbatch.engine.isolate.parent import run_isolated

    context = replace(context, limits=Limits(_PATIENCE_SEC, context.limits.memory), isolated=True, keep_fills=False)
    job = job._replace(security=replace(job.security, source=Source("parquet", (str(beginning),))), fingerprint="")
    seconds: float | None = None
    for outcome in run_isolated(context, [job, job]):
        if outcome.receipt.status == "timeout":
            return _PATIENCE_SEC
        seconds = outcome.receipt.runtime_sec if outcome.receipt.status == "success" else None
    return seconds


def _write_beginning(job: Job, path: Path) -> int:
    """Write the first events of the job's security, and return how many there are. Raises DataError."""
    from dbatch.data.read import read_events
    from dbatch.engine.plain import chunk_of

    block = next(iter(read_events(job.security, EVENTS)), None)
    if block is None:
        return 0
    chunk_of(block).to_parquet(path, index=False)
    return len(block)
