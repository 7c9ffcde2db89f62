"""The folders of a batch's runs on the disk: made beside, moved into place whole, left alone where nothing changed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import StorageError
from dbatch.results.accounts import account_files
from dbatch.results.export import trades_csv
from dbatch.results.folder import (
    EQUITY_NAME,
    LOG_NAME,
    MANIFEST_NAME,
    ORDERS_NAME,
    POSITIONS_NAME,
    RUNS_NAME,
    SUMMARY_NAME,
    TRADES_ENDING,
)
from dbatch.results.part import each_fills
from dbatch.results.run_files import RunFolder
from dbatch.results.run_orders import HEADER, account_lines, order_lines

_RUN: Final = re.compile(r"\d{4,}_.+")
_PIECE: Final = ".orders"
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows
_FIRST_STAGING: Final = f".{RUNS_NAME}.new"
_STAGING: Final = f"{RUNS_NAME}/.new"
"""Where folders are made: beside `runs` while there is none, in it later, for it may lie on another disk."""


def write_run_folders(output_dir: Path, folders: Iterable[RunFolder]) -> None:
    """Make `runs` hold `folders`: those that are new or differ are written, those of runs no longer planned go.

    A folder that says the same and has all its files is not touched, nor is anything that a user put there. Nothing is
    flushed: all of it can be made again. Raises StorageError.
    """
    top = output_dir / RUNS_NAME
    staging = str(output_dir / (_STAGING if top.exists() else _FIRST_STAGING))
    _remove_staging(output_dir)
    try:
        os.makedirs(staging)
        there = set(os.listdir(top)) if top.exists() else set()
        staged, planned = _stage(folders, output_dir, staging, str(top), there)
        if not top.exists():
            os.rename(staging, top)
            return
        for name in staged:
            _move(f"{staging}/{name}", f"{top}/{name}", is_new=name not in there)
        for name in sorted(there - planned):
            _remove(f"{top}/{name}")
    except OSError as error:
        raise StorageError(f"results could not be kept: {error.filename or top}: {error.strerror or error}") from error
    finally:
        _remove_staging(output_dir)


def _stage(
    folders: Iterable[RunFolder], output_dir: Path, staging: str, top: str, there: Collection[str]
) -> tuple[list[str], set[str]]:
    """Write those of `folders` that are not in `top` as they should be; return their names, and those of all."""
    staged: list[str] = []
    planned: set[str] = set()
    wanted: dict[str, dict[int, list[tuple[RunFolder, str]]]] = {}
    with_orders: list[RunFolder] = []
    for folder in folders:
        planned.add(folder.name)
        if folder.name in there and _is_current(f"{top}/{folder.name}", folder):
            continue
        path = f"{staging}/{folder.name}"
        os.mkdir(path)
        for name, content in folder.texts.items():
            _write(f"{path}/{name}", content)
        for name, (part, row) in folder.trades.items():
            wanted.setdefault(part, {}).setdefault(row, []).append((folder, name))
        with_orders += [folder] if folder.trades else []
        staged.append(folder.name)
    for part, paths in sorted(wanted.items()):
        for row, fills in each_fills(output_dir / part, paths):
            content = trades_csv(fills)
            for folder, name in paths[row]:
                path = f"{staging}/{folder.name}/{name}"
                _write(path, content)
                _write(f"{path}{_PIECE}", _orders(output_dir, folder, name, fills))
    for folder in with_orders:
        _join_orders(f"{staging}/{folder.name}", folder)
    return staged, planned


def _orders(output_dir: Path, folder: RunFolder, name: str, fills: pa.Table) -> bytes:
    """Return the lines of orders that belong to the trades called `name`: of a portfolio those of its account."""
    security, key = folder.owners[name]
    account = account_files(output_dir, key)
    if account:
        return account_lines(pq.read_table(account["orders"], page_checksum_verification=True))
    return order_lines(security, fills, folder.fees)


def _join_orders(path: str, folder: RunFolder) -> None:
    """Make one file of the orders of all securities, which came in the order of parts."""
    with open(f"{path}/{ORDERS_NAME}", "xb") as orders:
        orders.write(HEADER)
        for name in folder.trades:
            piece = f"{path}/{name}{_PIECE}"
            with open(piece, "rb") as lines:
                shutil.copyfileobj(lines, orders)
            os.unlink(piece)


def _is_current(path: str, folder: RunFolder) -> bool:
    """Return whether a folder holds what it should; of trades it is enough that they are there, as the manifest is."""
    try:
        for name, content in folder.texts.items():
            if not _holds(f"{path}/{name}", content):
                return False
        return set(_own(path)) == folder.names
    except OSError:
        return False


def _holds(path: str, content: bytes) -> bool:
    """Return whether a file has this content; a file object would take three times as long."""
    handle = os.open(path, os.O_RDONLY | _BINARY)
    try:
        return os.fstat(handle).st_size == len(content) and os.read(handle, len(content)) == content
    finally:
        os.close(handle)


def _write(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        while content:
            content = content[os.write(handle, content) :]
    finally:
        os.close(handle)


def _move(staged: str, target: str, *, is_new: bool) -> None:
    """Move a folder into place; file by file where there is one already, the manifest, which vouches for all, last."""
    if is_new:
        os.rename(staged, target)
        return
    names = os.listdir(staged)
    for name in sorted(names, key=lambda name: name == MANIFEST_NAME):
        if name == MANIFEST_NAME:
            for old in set(_own(target)).difference(names):
                os.unlink(f"{target}/{old}")
        os.replace(f"{staged}/{name}", f"{target}/{name}")
    os.rmdir(staged)


def _remove(path: str) -> None:
    """Remove our files from the folder of a run that is no longer planned, and the folder when nothing else is in it.

    The manifest goes last: by it the folder is known as one of ours.
    """
    is_ours = _RUN.fullmatch(os.path.basename(path)) and os.path.exists(f"{path}/{MANIFEST_NAME}")
    if not is_ours or os.path.islink(path):
        return
    for name in sorted(_own(path), key=lambda name: name == MANIFEST_NAME):
        os.unlink(f"{path}/{name}")
    with contextlib.suppress(OSError):  # something of the user's is in it
        os.rmdir(path)


def _own(path: str) -> list[str]:
    """Return the names of files in the folder of a run that are ours."""
    fixed = (MANIFEST_NAME, LOG_NAME, SUMMARY_NAME, EQUITY_NAME, POSITIONS_NAME, ORDERS_NAME)
    return [name for name in os.listdir(path) if name in fixed or name.endswith(TRADES_ENDING)]


def _remove_staging(output_dir: Path) -> None:
    for name in (_FIRST_STAGING, _STAGING):
        shutil.rmtree(output_dir / name, ignore_errors=True)
