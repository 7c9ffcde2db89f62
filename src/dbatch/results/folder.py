"""An output folder: who may write in it, what it already holds, how it is emptied."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dbatch.errors import LockedError, OutputError, StorageError
from dbatch.lifetime import sweep_scratch
from dbatch.results.batch_names import BATCH_FILE_NAMES, BATCH_STATISTICS_NAME
from dbatch.results.ledger import LEDGER_NAME

MANIFEST_NAME = "run_manifest.json"
LOG_NAME = "run.log"
SUMMARY_NAME = "backtest_summary.csv"
EQUITY_NAME = "equity.csv"
POSITIONS_NAME = "positions.csv"
ORDERS_NAME = "orders.csv"
FILLS_NAME = "fills.parquet"
TRADES_ENDING = "_trades_timeseries.csv"
PARTS_NAME: Final = "parts"
ACCOUNTS_NAME: Final = "portfolios"
RUNS_NAME: Final = "runs"
LOCK_NAME: Final = ".dbatch.lock"
HOLDER_NAME: Final = f"{LOCK_NAME}.pid"
CANCEL_NAME: Final = ".dbatch.cancel"
_TEMPORARY: Final = re.compile(r"\.[a-z0-9_]{8}\.tmp")
_PROBE_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Holder:
    """The driver that took a folder's lock: its process, its host, when (ISO 8601).

    `alive` says whether it still holds the lock; None where that cannot be known, for a host whose locks may not
    reach this one. `pid` is 0 and the texts are empty where the folder does not say.
    """

    pid: int
    host: str
    started_at: str
    alive: bool | None

    def __str__(self) -> str:
        return f"process {self.pid or 'unknown'} on {self.host or 'an unknown host'}"


@contextmanager
def locked(output_dir: Path) -> Iterator[None]:
    """Hold `output_dir` for this process, made when it is not there, and known to be writable.

    The lock belongs to the process, not to the file: it is gone with the process, however that ends. What a process
    that was killed left behind goes: its name, requests to cancel it, temporary files. Raises OutputError when the
    folder cannot be written, LockedError when another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output_dir):
            pass
    except OSError as error:
        raise OutputError(
            f"{output_dir}: results cannot be written there ({error.strerror or error}); choose another --output-dir"
        ) from error
    lock = FileLock(output_dir / LOCK_NAME)
    try:
        lock.acquire(timeout=_PROBE_SECONDS)  # whoever only asks who holds it has it for a moment
    except Timeout as error:
        raise LockedError(
            f"{output_dir}: another dbatch ({holder(output_dir) or 'just ended'}) is writing there; "
            f"wait for it, or 'dbatch cancel {output_dir}'"
        ) from error
    try:
        sweep_scratch()
        sweep_temporaries(output_dir)
        clear_cancel(output_dir)
        me = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": _now()}
        _write_note(output_dir / HOLDER_NAME, me)
        yield
    finally:
        with suppress(OSError):  # what workers left that were killed; the next driver sees to what stays
            sweep_temporaries(output_dir)
        (output_dir / HOLDER_NAME).unlink(missing_ok=True)
        lock.release()


def holder(output_dir: Path) -> Holder | None:
    """Return who has the lock of `output_dir`, or had it and was killed; None when nobody has. Writes nothing."""
    is_held = _is_held(output_dir / LOCK_NAME)
    note = _read_note(output_dir / HOLDER_NAME)
    if note is None:
        return Holder(0, "", "", True) if is_held else None
    host = str(note.get("host", ""))
    alive = is_held or (None if host != socket.gethostname() else False)
    return Holder(int(note.get("pid", 0)), host, str(note.get("started_at", "")), alive)


def request_cancel(output_dir: Path) -> None:
    """Ask the driver of `output_dir`, on whatever host, to stop as it does at Ctrl-C. Raises StorageError."""
    me = {"pid": os.getpid(), "host": socket.gethostname(), "at": _now()}
    _write_note(output_dir / CANCEL_NAME, me)


def cancel_requested(output_dir: Path) -> bool:
    """Return whether somebody asked the driver of `output_dir` to stop since it took the lock."""
    return (output_dir / CANCEL_NAME).exists()


def clear_cancel(output_dir: Path) -> None:
    """Take back the request to stop, if there is one."""
    (output_dir / CANCEL_NAME).unlink(missing_ok=True)


def temporaries(output_dir: Path) -> Iterator[Path]:
    """Yield the unfinished files that writers who were killed left in `output_dir`; symbolic links are not followed."""
    yield from _temporaries_in(output_dir)
    for top in (output_dir / PARTS_NAME, output_dir / ACCOUNTS_NAME, output_dir / RUNS_NAME):
        for folder, _, _ in () if top.is_symlink() else os.walk(top):
            yield from _temporaries_in(Path(folder))


def sweep_temporaries(output_dir: Path) -> int:
    """Remove the `temporaries` of a folder that nobody writes in, and return how many there were."""
    found = list(temporaries(output_dir))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def stored_request(output_dir: Path) -> dict[str, Any] | None:
    """Return the request whose results `output_dir` holds, or None for a folder without results.

    Raises OutputError for results whose request is not known: made by something else, or damaged.
    """
    path = output_dir / MANIFEST_NAME
    if path.exists():
        try:
            request = json.loads(path.read_text(encoding="utf-8"))["request"]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise OutputError(f"{path}: not a readable manifest; --rerun replaces what is there") from error
        return dict(request)
    if list(_own_files(output_dir)):
        raise OutputError(f"{output_dir}: holds results without a manifest; --rerun replaces them")
    return None


def clear(output_dir: Path, *, run_folders: bool = True) -> None:
    """Remove the results in `output_dir`: what a run writes there, by its names, and nothing else.

    With `run_folders` the folders of a batch's runs go whole.
    """
    for path in _own_files(output_dir, run_folders=run_folders):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _own_files(output_dir: Path, *, run_folders: bool = True) -> Iterator[Path]:
    names = (
        MANIFEST_NAME,
        LOG_NAME,
        SUMMARY_NAME,
        FILLS_NAME,
        LEDGER_NAME,
        f"{LEDGER_NAME}-wal",
        f"{LEDGER_NAME}-shm",
        PARTS_NAME,
        ACCOUNTS_NAME,
        *BATCH_FILE_NAMES,
        *(f"{BATCH_STATISTICS_NAME}.{ending}" for ending in ("json", "parquet")),
    )
    for name in names:
        if (output_dir / name).exists():
            yield output_dir / name
    yield from output_dir.glob(f"*{TRADES_ENDING}")
    for place in (RUNS_NAME, f".{RUNS_NAME}.new") if run_folders else ():
        yield from (path for path in (output_dir / place).glob("[0-9][0-9][0-9][0-9]*_*") if path.is_dir())


def _temporaries_in(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _TEMPORARY.fullmatch(entry.name)]
    except FileNotFoundError:
        return
    for name in names:
        path = folder / name
        with suppress(FileNotFoundError):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def _is_held(lock: Path) -> bool:
    """Return whether a process holds the lock, without writing: a shared lock is tried for a moment."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _is_held_there(lock)
    try:
        with open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (FileNotFoundError, PermissionError):  # of another user: that nobody has it is the better guess
        return False
    return False


def _is_held_there(lock: Path) -> bool:
    from filelock import FileLock, Timeout

    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _write_note(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` so that readers see all of them or none; a power cut may lose them."""
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
