"""What is taken away of a batch: its tables, and the fills that were chosen, still where they lie."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dbatch.errors import UsageError
from dbatch.looking.fills import JobFills, kept_fills
from dbatch.looking.query import Choice, choose, runs_table
from dbatch.looking.tables import Tables, read_tables

_FACTS = ("description", "run_tag", "seed", "config_hash")


@dataclass(frozen=True)
class Parcel:
    """A batch to take away: its id, `runs` and `jobs` as `dbatch show` has them, and the chosen `fills`.

    `batch_id` names the carrying out of one batch, however often it went on; with another start it is another.
    """

    batch_id: str
    tables: Tables
    runs: pa.Table
    fills: tuple[JobFills, ...]

    @property
    def jobs(self) -> pa.Table:
        return self.tables.jobs

    @property
    def fill_count(self) -> int:
        return sum(job.count for job in self.fills)

    def about(self) -> dict[str, Any]:
        """Return what is to be said of the batch as a whole: plain values, in the order in which people read them."""
        facts = self.tables.facts
        batch = facts.get("batch") or {}
        git = (facts.get("environment") or {}).get("git") or {}
        return {
            "batch_id": self.batch_id,
            "batch_name": self.tables.name,
            **{name: batch.get(name) for name in _FACTS},
            "state": facts.get("state"),
            "started_at": facts.get("started_at"),
            "finished_at": facts.get("finished_at"),
            "git_commit_hash": git.get("commit"),
            "runs": len(self.runs),
            "jobs": len(self.jobs),
            **{f"runs_{name}": n for name, n in sorted(Counter(self.runs.column("status").to_pylist()).items())},
        }


def make_parcel(folder: Path, fills: str = "top:1", securities: Sequence[str] | None = None) -> Parcel:
    """Return what is taken away of `folder`; no fill is read yet.

    `fills` is "all" that were kept, "none", "top:N" of the best runs, or ids of runs with commas; of these
    `securities` only. Raises OutputError for a folder without a batch, UsageError for a choice that it cannot make.
    """
    tables = read_tables(folder)
    runs = runs_table(tables)
    kind, colon, number = fills.partition(":")
    if fills == "none":
        kept = []
    elif fills == "all":
        kept = kept_fills(folder, None, securities)
    elif colon and kind == "top" and number.isdecimal() and int(number) > 0:
        kept = _of_best(runs, kept_fills(folder, None, securities), int(number))
    elif colon:
        raise UsageError(f"--fills {fills}: must be all, none, top:N or ids of runs")
    else:
        kept = kept_fills(folder, [name.strip() for name in fills.split(",")], securities)
    return Parcel(batch_id(tables), tables, runs, tuple(kept))


def batch_id(tables: Tables) -> str:
    """Return the id of a batch: its name and 12 hex digits of a hash of its configuration and when it began."""
    batch = tables.facts.get("batch")
    if batch is None:  # a plain run: its jobs say what it is
        identity: list[Any] = [tables.name, sorted(tables.jobs.column("key").to_pylist())]
    else:
        identity = [tables.name, batch.get("config_hash"), tables.facts.get("started_at")]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", tables.name)[:80]
    return f"{plain}-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}"


def best_runs(runs: pa.Table, most: int) -> list[str]:
    """Return the ids of the `most` best runs: by deflated Sharpe ratio if there is one, else by Sharpe ratio."""
    order = [f"-{name}" for name in ("dsr", "sharpe") if name in runs.column_names]
    best, _ = choose(runs, Choice("status = 'success'", order, most, ["run_id"]))
    return list(best.column("run_id").to_pylist())


def _of_best(runs: pa.Table, kept: Sequence[JobFills], most: int) -> list[JobFills]:
    """Return those of `kept` that belong to the `most` best runs among those whose fills are kept."""
    there = {job.run_id for job in kept}
    best = [run_id for run_id in best_runs(runs, len(runs)) if run_id in there][:most]
    return [job for job in kept if job.run_id in best]
