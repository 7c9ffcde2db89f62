"""What runs said: the receipts of their jobs, while a batch runs too."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbatch.errors import UsageError
from dbatch.model import Receipt
from dbatch.results.folder import holder
from dbatch.results.ledger import Ledger
from dbatch.results.run_table import SEVERITY
from dbatch.upkeep.subject import reading
from dbatch.upkeep.tally import SUCCESS

_LOOK_SECONDS: Final = 1.0
_LEAST_REST: Final = 10.0
"""Between two looks there is at least ten times as much rest as a look took."""

_ENDED: Final = """
select p.run, u.run_id, count(*), sum(r.runtime_sec), sum(r.status <> 'success')
from planned p join runs u on u.run = p.run left join receipts r on r.key = p.key {where}
group by p.run having count(r.key) = count(*) order by max(r.sequence)
"""
_OF_RUN: Final = "select security, key from planned where run = ? order by security"


@dataclass(frozen=True)
class JobEnd:
    """One job of a run: its receipt, None while it is pending."""

    security: str
    receipt: Receipt | None


@dataclass(frozen=True)
class RunEnd:
    """A run that has ended: its number and id, how many jobs it has, their seconds in all, those that failed."""

    number: int
    run_id: str
    jobs: int
    runtime_sec: float
    failures: tuple[Receipt, ...]

    @property
    def status(self) -> str:
        """Return that of its worst job."""
        return max((receipt.status for receipt in self.failures), key=SEVERITY.index, default=SUCCESS)


@dataclass(frozen=True)
class RunAsked:
    """One run of a folder; of a plain run, one of its securities."""

    folder: Path
    number: int
    run_id: str
    strategy: str


class RunEnds:
    """The runs of a folder as they end, each once; one that is tried again ends again.

    Of a plain run, every security counts as a run.
    """

    def __init__(self, folder: Path, *, only_failed: bool = False) -> None:
        self._folder = folder
        self._only_failed = only_failed
        self._seen: dict[str, int] = {}

    def new(self) -> Iterator[RunEnd]:
        """Yield the runs that ended since the last call, in their order. Raises OutputError for no batch."""
        with reading(self._folder, by_security=True) as (_, ledger):
            attempts = dict(ledger.query("select key, attempts from receipts"))
            changed = [key for key, count in attempts.items() if self._seen.get(key) != count]
            is_first, self._seen = not self._seen, attempts
            if changed:
                yield from self._ended(ledger, None if is_first else changed)

    def _ended(self, ledger: Ledger, keys: list[str] | None) -> Iterator[RunEnd]:
        """Yield the runs that have ended; with `keys` those that one of these jobs belongs to."""
        among = "where p.run in (select run from planned where key in (select value from json_each(?)))"
        rows = ledger.query(_ENDED.format(where=among if keys else ""), *([json.dumps(keys)] if keys else []))
        for number, run_id, jobs, runtime_sec, failed in rows:
            if failed or not self._only_failed:
                ends = _jobs(ledger, number) if failed else ()
                failures = (end.receipt for end in ends if end.receipt and end.receipt.status != SUCCESS)
                yield RunEnd(number, run_id, jobs, runtime_sec, tuple(failures))


class JobEnds:
    """The jobs of one run as they end, each once; one that is tried again ends again."""

    def __init__(self, asked: RunAsked, *, only_failed: bool = False) -> None:
        self._asked = asked
        self._only_failed = only_failed
        self._seen: dict[str, Receipt] = {}
        self.pending: tuple[str, ...] = ()

    def new(self) -> Iterator[Receipt]:
        """Yield the receipts that came since the last call; `pending` says which securities have none yet."""
        with reading(self._asked.folder, by_security=True) as (_, ledger):
            ends = _jobs(ledger, self._asked.number)
        self.pending = tuple(end.security for end in ends if end.receipt is None)
        for end in ends:
            if end.receipt is None or self._seen.get(end.security) == end.receipt:
                continue
            self._seen[end.security] = end.receipt
            if end.receipt.status != SUCCESS or not self._only_failed:
                yield end.receipt


def find_run(folder: Path, asked: str, *, by_security: bool = True) -> RunAsked:
    """Return the run that is called `asked`, or has that number; of a plain run, `by_security`, the security.

    Raises OutputError for a folder without a batch, UsageError for a run that it does not have.
    """
    with reading(folder, by_security=by_security) as (subject, ledger):
        known: dict[str, int] = {run_id: number for number, run_id in ledger.query("select run, run_id from runs")}
        names = {number: run_id for run_id, number in known.items()}
        number = known.get(asked, known.get(asked.upper()) if subject.kind == "run" else None)
        if number is None and asked.isdecimal() and int(asked) in names:
            number = int(asked)
        if number is None:
            close = difflib.get_close_matches(asked, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            what = "security" if subject.kind == "run" else "run"
            numbers = f"numbered from {min(names)} to {max(names)}" if names else "none at all"
            raise UsageError(f"{folder}: has no {what} {asked!r}; {hint}it has {len(names):,}, {numbers}")
        ((strategy,),) = ledger.query("select json_extract(spec, '$.strategy') from runs where run = ?", number)
    return RunAsked(folder, number, names[number], strategy or "")


def looks(folder: Path, *, follow: bool) -> Iterator[None]:
    """Yield once, or to `follow` now and again until the driver of `folder` has ended; never before its last words."""
    while True:
        driver = holder(folder)
        began = time.monotonic()
        yield
        if not follow or driver is None or not driver.alive:
            return
        time.sleep(max(_LOOK_SECONDS, _LEAST_REST * (time.monotonic() - began)))


def _jobs(ledger: Ledger, number: int) -> list[JobEnd]:
    keys = dict(ledger.query(_OF_RUN, number))
    receipts = {receipt.key: receipt for receipt in ledger.receipts_of(keys.values())}
    return [JobEnd(security, receipts.get(key)) for security, key in keys.items()]
