"""Results taken over from another folder of the same batch: parts and accounts copied, verified, then receipts."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbatch.model import UNIVERSE, Receipt
from dbatch.results.accounts import copy_account
from dbatch.results.folder import ACCOUNTS_NAME
from dbatch.results.ledger import Ledger
from dbatch.results.part import file_hash
from dbatch.results.publish import write_atomically

_SUCCESS: Final = "success"
_PART: Final = re.compile(r"parts/[0-9a-z]{1,2}/[\w-]+\.parquet")


@dataclass(frozen=True)
class Taken:
    """What was taken over: jobs and parts; damaged parts and accounts of the source; keys whose results contradict."""

    jobs: int
    parts: int
    damaged: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True)
class _Wanted:
    """The receipts of a source that we lack, by the part that they lie in ("" for none) and its hash.

    `accounts` are those of portfolios that both have; ours may have lost what is kept of it.
    """

    by_part: dict[tuple[str, str], list[Receipt]]
    accounts: tuple[Receipt, ...]
    conflicts: tuple[str, ...]


def take(folder: Path, ledger: Ledger, source: Path, theirs: Ledger, keys: Collection[str]) -> Taken:
    """Take over what the batch in `source` has of the jobs called `keys` and `ledger`, that of `folder`, has not.

    A success replaces what is no success; where both succeeded with other digests ours stays, and they contradict.
    Nothing is taken out of a part that does not hold what its receipts say, nor a portfolio without its account; one
    that we lack the account of gets theirs. Raises StorageError.
    """
    wanted = _wanted(ledger, theirs, keys)
    jobs, copied, damaged = 0, 0, []
    for receipt in wanted.accounts:
        copy_account(source, folder, receipt)
    for (part, sha256), found in wanted.by_part.items():
        receipts = [receipt for receipt in found if copy_account(source, folder, receipt)]
        damaged += [f"{ACCOUNTS_NAME}/{receipt.key}" for receipt in found if receipt not in receipts]
        if not receipts:
            continue
        place = _copied(folder, source, part, sha256) if part else ""
        if place is None:
            damaged.append(part)
            continue
        ledger.commit(*(dataclasses.replace(receipt, part=place) for receipt in receipts))
        jobs += len(receipts)
        copied += bool(part)
    return Taken(jobs, copied, tuple(damaged), wanted.conflicts)


def _wanted(ledger: Ledger, theirs: Ledger, keys: Collection[str]) -> _Wanted:
    ours = {key: (status, digest) for key, status, digest in ledger.query("select key, status, digest from receipts")}
    by_part: dict[tuple[str, str], list[Receipt]] = {}
    accounts, conflicts = [], []
    for receipt in theirs.each_receipt():
        if receipt.key not in keys:
            continue
        status, digest = ours.get(receipt.key, ("", ""))
        if receipt.status == _SUCCESS and status == _SUCCESS:
            if receipt.digest != digest:
                conflicts.append(receipt.key)
            elif receipt.security == UNIVERSE:
                accounts.append(receipt)
        if not status or (receipt.status == _SUCCESS and status != _SUCCESS):
            by_part.setdefault((receipt.part, receipt.sha256), []).append(receipt)
    return _Wanted(by_part, tuple(accounts), tuple(conflicts))


def _copied(folder: Path, source: Path, part: str, sha256: str) -> str | None:
    """Return where the part lies in `folder` now, copied and verified; None for one that is damaged.

    Where another file has its name, of the same jobs done at another time, it gets its hash into its own.
    """
    if not _PART.fullmatch(part):
        return None
    here = file_hash(folder / part)
    if here == sha256:
        return part
    try:
        content = (source / part).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    stem, lean = (part.removesuffix("-lean.parquet"), "-lean") if part.endswith("-lean.parquet") else (part[:-8], "")
    place = part if here is None else f"{stem}-{sha256[:8]}{lean}.parquet"
    write_atomically(folder / place, content)
    return place
