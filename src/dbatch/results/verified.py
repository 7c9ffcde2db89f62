"""Parts looked at before anything of them is shown: each is hashed once, and the daily P&L in it read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dbatch.errors import StorageError
from dbatch.results.job_table import KeptJob, not_done, with_facts
from dbatch.results.part import file_hash, read_rows, receipts_in


class Daily(NamedTuple):
    """A job's P&L: `pnl` float64 currency on each of `days`, int32 days since 1970; equal days are one array."""

    days: np.ndarray
    pnl: np.ndarray


@dataclass(frozen=True)
class Verified:
    """Of each job, by key, what can be shown; of those successes that have it, the daily P&L.

    `damaged` are the keys of successes whose part is gone or does not hold what was published; they are shown as
    not done.
    """

    jobs: Mapping[str, KeptJob]
    daily: Mapping[str, Daily]
    damaged: tuple[str, ...]


def verify_parts(folder: Path, kept: Mapping[str, KeptJob]) -> Verified:
    """Return what can be shown of the jobs `kept`, by key; one part after the other is in memory."""
    by_part: dict[str, list[str]] = {}
    for key, job in kept.items():
        if job.part is not None:
            by_part.setdefault(job.part, []).append(key)
    jobs, daily, damaged = dict(kept), dict[str, Daily](), list[str]()
    same: dict[bytes, np.ndarray] = {}
    for part, keys in sorted(by_part.items()):
        sha256, rows = _contents(folder / part, {kept[key].sha256 for key in keys})
        for key in keys:
            job = kept[key]
            row = rows.get(job.row, {}) if job.sha256 == sha256 else {}
            if row.get("key") != key:
                state = "gone" if sha256 is None else "damaged"
                jobs[key] = not_done(f"its part {part} is {state}; 'dbatch resume' computes it again")
                damaged.append(key)
                continue
            jobs[key] = with_facts(job, row["receipt"])
            if row["days"] is not None and row["daily_pnl"] is not None:
                days = row["days"]
                daily[key] = Daily(same.setdefault(days.tobytes(), days), row["daily_pnl"])
    return Verified(jobs, daily, tuple(sorted(damaged)))


def _contents(path: Path, published: Collection[str]) -> tuple[str | None, dict[int | None, dict[str, Any]]]:
    """Return the hash of a part, None where there is none, and its rows where it is one of those `published`."""
    sha256 = file_hash(path)
    try:
        if sha256 not in published:
            return sha256, {}
        rows = read_rows(path, ["key", "days", "daily_pnl"])
        receipts = receipts_in(path.parent, path.name)
    except StorageError:  # taken away since, or published damaged
        return sha256, {}
    return sha256, {place: row | {"receipt": one} for place, (row, one) in enumerate(zip(rows, receipts, strict=True))}
