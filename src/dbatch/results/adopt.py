"""Parts that no receipt in the ledger speaks of: their driver ended between a publication and its commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dbatch.model import Receipt
from dbatch.results.accounts import has_account
from dbatch.results.folder import PARTS_NAME
from dbatch.results.ledger import Ledger
from dbatch.results.part import file_hash, is_named_after, receipts_in


@dataclass(frozen=True)
class Orphan:
    """A part that no receipt speaks of: its path below the folder, and those of its receipts that are wanted."""

    part: str
    receipts: tuple[Receipt, ...]


def adopt(folder: Path, ledger: Ledger) -> int:
    """Commit what orphaned parts of `folder` hold of jobs that are planned and not done; return how many jobs.

    A part is hashed before. The caller holds the folder's lock. Raises StorageError.
    """
    adopted: dict[str, str] = {}
    for orphan in orphans(folder, ledger):
        receipts = [receipt for receipt in orphan.receipts if adopted.get(receipt.key) != "success"]
        if receipts:
            ledger.commit(*receipts)
            adopted.update((receipt.key, receipt.status) for receipt in receipts)
    return len(adopted)


def orphans(folder: Path, ledger: Ledger) -> list[Orphan]:
    """Return the parts in `folder` that no receipt speaks of, those with fills before those without."""
    parts = _unreferenced(folder, ledger)
    if not parts:
        return []
    statuses = ledger.statuses()
    wanted = {job.key for job in ledger.planned() if statuses.get(job.key) != "success"}
    found = ((part, _wanted(_receipts(folder, part), wanted, statuses)) for part in parts)
    return [
        Orphan(part, tuple(receipt for receipt in receipts if has_account(folder, receipt))) for part, receipts in found
    ]


def _unreferenced(folder: Path, ledger: Ledger) -> list[str]:
    """Return the paths below `folder` of the parts that no receipt speaks of, those with fills first."""
    known = ledger.parts()
    found = (path for path in (folder / PARTS_NAME).glob("*/*.parquet") if path.is_file() and not path.is_symlink())
    parts = (path.relative_to(folder).as_posix() for path in found)
    return sorted((part for part in parts if part not in known), key=lambda part: ("-lean" in part, part))


def _wanted(receipts: Iterable[Receipt], wanted: set[str], statuses: dict[str, str]) -> Iterable[Receipt]:
    """Return successes of jobs without one, and failures of jobs that no receipt speaks of."""
    for receipt in receipts:
        if receipt.key in wanted and (receipt.status == "success" or receipt.key not in statuses):
            yield receipt


def _receipts(folder: Path, part: str) -> list[Receipt]:
    """Return the receipts in a part that holds what it was named after, none of another one."""
    sha256 = file_hash(folder / part)
    return receipts_in(folder, part) if sha256 is not None and is_named_after(part, sha256) else []
