"""An output folder: who may write in it, what it already holds, how it is emptied."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbatch.errors import LockedError, OutputError
from dbatch.results.ledger import LEDGER_NAME

MANIFEST_NAME = "run_manifest.json"
LOG_NAME = "run.log"
SUMMARY_NAME = "backtest_summary.csv"
FILLS_NAME = "fills.parquet"
TRADES_ENDING = "_trades_timeseries.csv"
_LOCK_NAME = ".dbatch.lock"


@contextmanager
def locked(output_dir: Path) -> Iterator[None]:
    """Hold `output_dir` for this process, made when it is not there, and known to be writable.

    The lock belongs to the process, not to the file: it is gone with the process, however that ends. Raises
    OutputError when the folder cannot be written, LockedError when another process holds it.
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
    lock = FileLock(output_dir / _LOCK_NAME)
    holder = output_dir / f"{_LOCK_NAME}.pid"
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        pid = holder.read_text(encoding="utf-8").strip() if holder.exists() else "unknown"
        raise LockedError(f"{output_dir}: another dbatch (process {pid}) is writing there; wait for it") from error
    try:
        holder.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


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


def clear(output_dir: Path) -> None:
    """Remove the results in `output_dir`: what a run writes there, by its names, and nothing else."""
    for path in _own_files(output_dir):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _own_files(output_dir: Path) -> Iterator[Path]:
    names = (
        MANIFEST_NAME,
        LOG_NAME,
        SUMMARY_NAME,
        FILLS_NAME,
        LEDGER_NAME,
        f"{LEDGER_NAME}-wal",
        f"{LEDGER_NAME}-shm",
        "parts",
    )
    for name in names:
        if (output_dir / name).exists():
            yield output_dir / name
    yield from output_dir.glob(f"*{TRADES_ENDING}")
