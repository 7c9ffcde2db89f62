"""The results of one run as they come in: an output folder, locked, its ledger open, its files kept true."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from dbatch.errors import OutputError
from dbatch.model import Receipt
from dbatch.results import export, folder
from dbatch.results.accounts import has_account
from dbatch.results.ledger import LEDGER_NAME, Ledger, open_ledger
from dbatch.results.part import is_intact, read_fills


class Ending(Protocol):
    """How the run ended, as the manifest tells it."""

    @property
    def interrupted(self) -> int | None: ...
    @property
    def fault(self) -> str | None: ...
    @property
    def computed(self) -> int: ...
    @property
    def counts(self) -> dict[str, int]: ...


class Journal:
    """Commits receipts and, at the end, derives from them the files that people know."""

    def __init__(
        self, output_dir: Path, request: Mapping[str, Any], file_names: Mapping[str, str], *, rerun: bool
    ) -> None:
        self._dir = output_dir
        self._request = dict(request)
        self._file_names = file_names
        self._rerun = rerun
        self._open = ExitStack()
        self._ledger: Ledger | None = None
        self._manifest: dict[str, Any] = {}
        self._log: list[str] = []

    @classmethod
    @contextmanager
    def open(
        cls, output_dir: Path, request: Mapping[str, Any], file_names: Mapping[str, str], *, rerun: bool
    ) -> Iterator[Journal]:
        """Yield the journal of `output_dir` for `request`, holding the folder's lock.

        `file_names` gives each security's name as it may stand in a file's.
        Raises OutputError when it holds results of another request and `rerun` does not say to replace them,
        or when it cannot be written.
        """
        with folder.locked(output_dir):
            if not rerun:
                _refuse_other(output_dir, folder.stored_request(output_dir), _plain(request))
            journal = cls(output_dir, request, file_names, rerun=rerun)
            with journal._open:
                yield journal

    @property
    def is_complete(self) -> bool:
        """Whether the derived files of a finished run are there."""
        names = (folder.SUMMARY_NAME, folder.FILLS_NAME, folder.LOG_NAME)
        trades = (f"{name}{folder.TRADES_ENDING}" for name in self._file_names.values())
        return all((self._dir / name).exists() for name in (*names, *trades))

    def successes(self, keys: Sequence[str]) -> dict[str, Receipt]:
        """Return the receipts, by key, of those jobs of `keys` that succeeded and whose part and account are intact."""
        if self._rerun or not (self._dir / LEDGER_NAME).exists():
            return {}
        with open_ledger(self._dir) as ledger:
            kept = ledger.receipts()
        found = (kept[key] for key in keys if key in kept and kept[key].status == "success")
        return {one.key: one for one in found if is_intact(self._dir, one) and has_account(self._dir, one)}

    def begin(self, manifest: Mapping[str, Any]) -> None:
        """Make the folder that of this run: from here on its manifest says what it is for.

        What a rerun replaces is removed here and not before: until work begins nothing is touched.
        """
        if self._rerun:
            folder.clear(self._dir)
        self._ledger = self._open.enter_context(open_ledger(self._dir))
        self._manifest = {**manifest, "request": self._request, "started_at": _now(), "status": "running"}
        export.write_manifest(self._dir, self._manifest)
        self._log.append(f"{_now()} started {self._request['strategy']}")
        self._log.extend(f"{_now()} note: {note}" for note in manifest.get("notes", ()))

    def commit(self, receipt: Receipt) -> None:
        """Keep `receipt`, and write its security's trades; raises StorageError."""
        assert self._ledger is not None, "begin comes first"
        self._ledger.commit(receipt)
        facts = f"{receipt.trades} fills" if receipt.status == "success" else receipt.error
        self._log.append(f"{_now()} {receipt.security} {receipt.status}: {facts} ({receipt.runtime_sec:.3f} s)")
        self._log.extend(f"{_now()} {receipt.security} note: {note}" for note in receipt.notes)
        if receipt.details:
            self._log.append(receipt.details.rstrip())
        if receipt.status == "success":
            self._export_trades(receipt)

    def finish(self, receipts: Sequence[Receipt], ending: Ending) -> None:
        """Write the rest of what people read: summary, all fills, log, manifest. Raises StorageError.

        `receipts` are in security order. A run that was stopped before it began leaves everything as it was.
        """
        if self._ledger is None:
            return
        good = [receipt for receipt in receipts if receipt.status == "success"]
        export.export_summary(self._dir, receipts)
        for receipt in good:  # of earlier calls, where somebody took the file away
            if not (self._dir / f"{self._file_names[receipt.security]}{folder.TRADES_ENDING}").exists():
                self._export_trades(receipt)
        export.export_fills(self._dir, ((receipt.security, read_fills(self._dir, receipt)) for receipt in good))
        status = "finished" if len(good) == len(receipts) else "failed"
        if ending.interrupted or ending.fault:
            status = "interrupted"
        self._log.append(f"{_now()} {status}: {ending.counts}")
        export.write_log(self._dir, self._log)
        self._manifest |= {
            "status": status,
            "finished_at": _now(),
            "counts": ending.counts,
            "computed": ending.computed,
            "interrupted_by_signal": ending.interrupted,
            "fault": ending.fault,
            "results": {receipt.security: _facts(receipt) for receipt in receipts},
        }
        export.write_manifest(self._dir, self._manifest)

    def _export_trades(self, receipt: Receipt) -> None:
        name = self._file_names[receipt.security]
        export.export_trades(self._dir, name, read_fills(self._dir, receipt))


def _facts(receipt: Receipt) -> dict[str, Any]:
    facts = asdict(receipt)
    for name in ("security", "details", "notes"):
        del facts[name]
    return facts


def _refuse_other(output_dir: Path, stored: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> None:
    if stored is None or stored == asked:
        return
    raise OutputError(
        f"{output_dir}: holds results of another request ({_difference(stored, asked)}); "
        "choose another --output-dir, or --rerun to replace them"
    )


def _difference(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return in words what differs first between two requests."""
    if stored.get("strategy") != asked["strategy"]:
        return f"strategy {stored.get('strategy')}, asked {asked['strategy']}"
    before, now = dict(stored.get("jobs", {})), dict(asked["jobs"])
    if set(before) != set(now):
        return f"securities {_few(before)}, asked {_few(now)}"
    if stored.get("code") != asked["code"]:
        return "the strategy's code has changed"
    if stored.get("window") != asked["window"]:
        return "other dates or event types"
    changed = _few([name for name in now if before[name] != now[name]])
    return f"data, parameters or fees of {changed} differ" if changed else "another version of dbatch's results"


def _few(names: Collection[str]) -> str:
    """Return the first of `names`, and how many more there are."""
    first = sorted(names)[:5]
    return ", ".join(first) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _plain(request: Mapping[str, Any]) -> dict[str, Any]:
    import json

    return dict(json.loads(json.dumps(request)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
