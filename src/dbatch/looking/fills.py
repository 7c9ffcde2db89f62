"""The fills that a batch kept, job by job, each verified before it is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dbatch.errors import StorageError, UsageError
from dbatch.model import Receipt
from dbatch.results.part import each_fills, file_hash, is_lean
from dbatch.upkeep.subject import reading

_KEPT = """
select u.run_id, p.security, p.key, json_extract(u.spec, '$.strategy')
from planned p join runs u on u.run = p.run join receipts r on r.key = p.key
where r.status = 'success' and r.part not like '%-lean.parquet' order by p.run, p.security
"""


@dataclass(frozen=True)
class JobFills:
    """The fills of one job, still in its part: whose they are, and how many."""

    run_id: str
    strategy: str
    security: str
    receipt: Receipt

    @property
    def count(self) -> int:
        return self.receipt.trades


def kept_fills(
    folder: Path, runs: Collection[str] | None = None, securities: Collection[str] | None = None
) -> list[JobFills]:
    """Return the jobs of `folder` whose fills are kept, by run and security; of these `runs` and `securities` only.

    Raises UsageError for a run or security that the batch does not have.
    """
    with reading(folder) as (_, ledger):
        for what, asked in (("run_id", runs), ("security", securities)):
            table = "runs" if what == "run_id" else "planned"
            known = {name for (name,) in ledger.query(f"select distinct {what} from {table}")} if asked else set()
            _refuse_unknown(folder, what.removesuffix("_id"), asked or (), known)
        wanted = [
            row
            for row in ledger.query(_KEPT)
            if (runs is None or row[0] in runs) and (securities is None or row[1] in securities)
        ]
        receipts = {receipt.key: receipt for receipt in ledger.receipts_of(key for _, _, key, _ in wanted)}
    return [JobFills(run_id, strategy or "", security, receipts[key]) for run_id, security, key, strategy in wanted]


def each_job(folder: Path, jobs: Sequence[JobFills]) -> Iterator[tuple[JobFills, pa.Table]]:
    """Yield each of `jobs` with its fills, columns of `schema.FILL_DTYPES`, as they come; one part is open at a time.

    Raises StorageError for a part that is not what was published: nothing of it is shown.
    """
    by_part: dict[str, dict[int, list[JobFills]]] = {}
    for job in jobs:
        by_part.setdefault(job.receipt.part, {}).setdefault(job.receipt.row, []).append(job)
    for part, rows in by_part.items():
        published = next(iter(rows.values()))[0].receipt.sha256
        if is_lean(part) or file_hash(folder / part) != published:
            raise StorageError(f"{folder / part}: not what was published; 'dbatch doctor {folder} --repair' mends it")
        for row, fills in each_fills(folder / part, rows):
            for job in rows[row]:
                yield job, fills


def _refuse_unknown(folder: Path, what: str, asked: Collection[str], known: Collection[str]) -> None:
    import difflib

    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {len(known):,}"
            raise UsageError(f"{folder}: has no {what} {name!r}; {hint}")
