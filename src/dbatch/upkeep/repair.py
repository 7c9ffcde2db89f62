"""A folder mended: what can be made again is, what cannot is to be computed again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dbatch.results.accounts import lost_accounts
from dbatch.results.adopt import adopt
from dbatch.results.consolidate import consolidate
from dbatch.results.folder import CANCEL_NAME, HOLDER_NAME, holder, locked, temporaries
from dbatch.results.ledger import Ledger
from dbatch.upkeep.parts import damaged_parts
from dbatch.upkeep.subject import Subject, require, writing
from dbatch.upkeep.tally import count_all


def repair(folder: Path) -> list[str]:
    """Mend `folder` and return what was done, a line each.

    Unfinished files and the traces of a killed driver go; receipts whose part or account is damaged, or whose job
    is not planned, are forgotten; orphaned parts are adopted; a batch's derived files are made again. Raises
    OutputError for a folder without a batch or with an unreadable ledger, LockedError while a driver is at it,
    StorageError.
    """
    require(folder)
    done = list(_swept(folder))
    with locked(folder), writing(folder) as (subject, ledger):
        done += _mend(subject, ledger)
    return done


def _swept(folder: Path) -> Iterator[str]:
    """Tell what taking the folder's lock removes."""
    driver = holder(folder)
    if driver is not None and driver.alive:
        return  # the lock will not be had
    count = sum(1 for _ in temporaries(folder))
    if count:
        yield f"removed {count:,} unfinished files"
    traces = [name for name in (HOLDER_NAME, CANCEL_NAME) if (folder / name).exists()]
    if traces:
        yield f"removed {' and '.join(traces)} of a driver that is gone"


def _mend(subject: Subject, ledger: Ledger) -> Iterator[str]:
    damages = damaged_parts(subject.folder, ledger)
    lost = [key for damage in damages for key in damage.keys]
    strays = [key for (key,) in ledger.query("select key from receipts where key not in (select key from planned)")]
    accounts = lost_accounts(subject.folder, ledger)
    ledger.forget({*lost, *strays, *accounts})
    if lost:
        yield f"forgot {len(lost):,} receipts of {len(damages):,} damaged parts"
    if accounts:
        yield f"forgot {len(accounts):,} receipts of portfolios whose account is gone or damaged"
    if strays:
        yield f"forgot {len(strays):,} receipts of jobs that are not planned"
    adopted = adopt(subject.folder, ledger)
    if adopted:
        yield f"adopted {adopted:,} jobs of parts that were not in the ledger"
    if subject.kind == "batch":
        runs, _ = count_all(ledger)
        if runs.pending and subject.facts.get("state") in ("finished", "failed", "running"):
            ledger.remember(state="interrupted")
        elif not runs.pending:
            ledger.remember(state="failed" if runs.unsuccessful else "finished")
        consolidate(subject.folder, ledger)
        yield "made the derived files again"
