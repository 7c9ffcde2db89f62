"""What is wrong with the folder of a batch or a run, and how to mend it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dbatch.errors import OutputError
from dbatch.model import UNIVERSE
from dbatch.results.accounts import lost_accounts, useless_accounts
from dbatch.results.adopt import orphans
from dbatch.results.batch_names import BATCH_FILE_NAMES
from dbatch.results.folder import (
    ACCOUNTS_NAME,
    CANCEL_NAME,
    FILLS_NAME,
    HOLDER_NAME,
    LOG_NAME,
    MANIFEST_NAME,
    PARTS_NAME,
    SUMMARY_NAME,
    Holder,
    cancel_requested,
    holder,
    temporaries,
)
from dbatch.results.ledger import LEDGER_NAME, Ledger
from dbatch.upkeep import health
from dbatch.upkeep.finding import Finding, few
from dbatch.upkeep.parts import damaged_parts
from dbatch.upkeep.subject import Subject, reading
from dbatch.upkeep.tally import Counts, count_all

_RUN_FILES: Final = (SUMMARY_NAME, FILLS_NAME, LOG_NAME, MANIFEST_NAME)
_PLANNED_ANEW: Final = "move it away; the command that made the folder plans it again and adopts the parts"


def check_folder(folder: Path) -> list[Finding]:
    """Return what every check of `folder` found; nothing is written there.

    While a driver is at it, only what it has finished is looked at. Raises OutputError for a folder without a batch.
    """
    if not any((folder / name).exists() for name in (LEDGER_NAME, PARTS_NAME, MANIFEST_NAME)):
        raise OutputError(f"{folder}: holds no batch; name a folder that 'dbatch batch' or 'dbatch run' wrote")
    driver = holder(folder)
    at_work = driver is not None and driver.alive is not False
    findings = list(_lock(folder, driver))
    if not at_work:
        findings += _leftovers(folder)
    if not (folder / LEDGER_NAME).is_file():
        return [*findings, Finding("ledger", "CRITICAL", f"there is no {LEDGER_NAME}", _PLANNED_ANEW)]
    try:
        with reading(folder) as (subject, ledger):
            findings += _ledger(ledger)
            findings += _parts(subject, ledger)
            findings += _accounts(subject, ledger)
            runs, jobs = count_all(ledger)
            if not at_work:
                findings += _orphans(subject, ledger)
                findings += _unfinished(subject, runs, jobs)
            findings += _health(subject, runs if subject.kind == "batch" else jobs)
            if subject.kind == "batch" and not at_work:
                findings.append(health.missing_manifests(folder, ledger, repair_command(folder)))
    except OutputError as error:
        findings.append(Finding("ledger", "CRITICAL", str(error), _PLANNED_ANEW))
    return findings


def repair_command(folder: Path) -> str:
    """Return the command that mends what can be mended."""
    return shlex.join(["dbatch", "doctor", str(folder), "--repair"])


def _lock(folder: Path, driver: Holder | None) -> Iterator[Finding]:
    if driver is None:
        yield Finding("lock", "OK", "no driver is at it")
    elif driver.alive:
        yield Finding("lock", "OK", f"{driver} is at it; what it has not finished is not looked at")
    elif driver.alive is None:
        found = f"{driver} may be at it, or was killed; what it has not finished is not looked at"
        yield Finding("lock", "WARN", found, f"remove {HOLDER_NAME} when it is gone")
    else:
        yield Finding("lock", "WARN", f"{driver} was killed and left {HOLDER_NAME}", repair_command(folder))
    if cancel_requested(folder) and not (driver and driver.alive is not False):
        yield Finding("lock", "WARN", f"{CANCEL_NAME} asks a driver to stop that is gone", repair_command(folder))


def _leftovers(folder: Path) -> Iterator[Finding]:
    count = sum(1 for _ in temporaries(folder))
    if count:
        found = f"{count:,} unfinished files of processes that were killed"
        yield Finding("temporaries", "WARN", found, repair_command(folder))
    else:
        yield Finding("temporaries", "OK", "none")


def _ledger(ledger: Ledger) -> Iterator[Finding]:
    faults = [text for (text,) in ledger.query("pragma integrity_check") if text != "ok"]
    ((count,),) = ledger.query("select count(*) from receipts")
    if faults:
        yield Finding("ledger", "CRITICAL", f"{LEDGER_NAME} is damaged: {faults[0]}", _PLANNED_ANEW)
    else:
        yield Finding("ledger", "OK", f"{count:,} receipts, integrity as it should be")


def _parts(subject: Subject, ledger: Ledger) -> Iterator[Finding]:
    damages = damaged_parts(subject.folder, ledger)
    for is_gone, how in ((True, "gone"), (False, "not as they were published")):
        parts = [damage.part for damage in damages if damage.is_gone == is_gone]
        if parts:
            jobs = sum(len(damage.keys) for damage in damages if damage.is_gone == is_gone)
            found = f"{len(parts):,} parts are {how}, {jobs:,} jobs are to be done again: {few(parts)}"
            yield Finding("parts", "CRITICAL", found, repair_command(subject.folder))
    ((count,),) = ledger.query("select count(distinct part) from receipts where part <> ''")
    if not damages:
        yield Finding("parts", "OK", f"{count:,} parts are there as they were published")


def _accounts(subject: Subject, ledger: Ledger) -> Iterator[Finding]:
    """Look for portfolios whose account is not there as it was computed; says nothing where there are none."""
    lost = lost_accounts(subject.folder, ledger)
    ((count,),) = ledger.query("select count(*) from receipts where security = ? and status = 'success'", UNIVERSE)
    if lost:
        places = few([f"{ACCOUNTS_NAME}/{key}" for key in lost])
        found = f"{len(lost):,} portfolios lack their account or it was changed, and are to be done again: {places}"
        yield Finding("accounts", "CRITICAL", found, repair_command(subject.folder))
    elif count:
        yield Finding("accounts", "OK", f"{count:,} portfolios' accounts are there as they were computed")


def _orphans(subject: Subject, ledger: Ledger) -> Iterator[Finding]:
    found = orphans(subject.folder, ledger)
    jobs = len({receipt.key for orphan in found for receipt in orphan.receipts})
    useless = sum(not orphan.receipts for orphan in found)
    if jobs:
        text = f"{len(found) - useless:,} parts are not in the ledger and hold {jobs:,} jobs that are still to do"
        yield Finding("orphans", "WARN", text, repair_command(subject.folder))
    if useless:
        text = f"{useless:,} parts belong to no receipt and hold nothing that is missing"
        yield Finding("orphans", "WARN", text, shlex.join(["dbatch", "gc", str(subject.folder)]))
    ((strays,),) = ledger.query("select count(*) from receipts where key not in (select key from planned)")
    if strays:
        text = f"{strays:,} receipts of jobs that are not planned, of code or data that changed since"
        yield Finding("orphans", "WARN", text, repair_command(subject.folder))
    accounts = useless_accounts(subject.folder, ledger)
    if accounts:
        text = f"{len(accounts):,} accounts are of portfolios that are not planned"
        yield Finding("orphans", "WARN", text, shlex.join(["dbatch", "gc", str(subject.folder)]))
    if not (found or strays or accounts):
        yield Finding("orphans", "OK", "none")


def _unfinished(subject: Subject, runs: Counts, jobs: Counts) -> Iterator[Finding]:
    """Look for runs that are not done, and for derived files that are not there."""
    is_run = subject.kind == "run"
    if runs.pending:
        text = f"{jobs.pending:,} of {jobs.total:,} jobs are not done, of {runs.pending:,} runs"
        yield Finding("unfinished", "WARN", text, _again(subject, runs))
    else:
        yield Finding("unfinished", "OK", f"{runs.total:,} runs are done")
    names = [name for name in (_RUN_FILES if is_run else BATCH_FILE_NAMES) if not (subject.folder / name).exists()]
    if names and not (is_run and jobs.statuses.get("success", 0) == 0):
        again = "the same 'dbatch run' makes them" if is_run else repair_command(subject.folder)
        yield Finding("derived", "WARN", f"missing: {', '.join(names)}", again)
    else:
        yield Finding("derived", "OK", "all files that people read are there")


def _health(subject: Subject, counts: Counts) -> Iterator[Finding]:
    again = _again(subject, counts)
    yield health.latest_status(counts, again)
    yield health.failure_rate(counts, again)


def _again(subject: Subject, counts: Counts) -> str:
    if subject.kind == "run":
        return "the same 'dbatch run' goes on with it"
    return shlex.join(["dbatch", "resume" if counts.pending else "retry", str(subject.folder)])
