"""A strategy's files on their way to workers that cannot see the path they were given by."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from dbatch.errors import StrategyError
from dbatch.model import StrategyRef
from dbatch.plugins.hashing import layout_files, read_files, shipped_files, source_hash
from dbatch.plugins.layout import find
from dbatch.plugins.reach import UNPACKED


@dataclass(frozen=True)
class ShippedStrategy:
    """A reference and its files; they are unpacked under `folder`, in which `root` is the given path."""

    ref: StrategyRef
    folder: str
    root: str
    files: Mapping[str, bytes]


def pack(ref: StrategyRef) -> ShippedStrategy:
    """Return the strategy with its files; an installed one ships none, for every machine installs its own.

    Raises StrategyError when the files do not have the hash of `ref`.
    """
    if ref.root is None:
        return ShippedStrategy(ref, folder="", root="", files={})
    layout = find(ref.root, ref.module)
    files = read_files(layout_files(layout))
    if source_hash(files) != ref.source_hash:
        raise StrategyError(f"strategy '{ref.name}' ({ref.origin}): files changed since the run was planned")
    below = Path(ref.root).relative_to(layout.base).as_posix()
    return ShippedStrategy(ref, folder=layout.base.name or "strategy", root=below, files=files)


def unpack(shipped: ShippedStrategy, cache_dir: str | Path) -> StrategyRef:
    """Return a reference to the same strategy under `<cache_dir>/strategies/<hash>/<folder>/`.

    Doing it twice, or in several processes at once, is harmless: files are written aside, then renamed.
    Raises StrategyError for file names that leave the folder, and for files that do not have their hash.
    """
    if shipped.ref.root is None:
        return shipped.ref
    for name in (shipped.folder, shipped.root, *shipped.files):
        _refuse_escape(name)
    if source_hash(shipped.files) != shipped.ref.source_hash:
        raise StrategyError(f"strategy '{shipped.ref.name}': the files that arrived do not have the planned hash")
    home = Path(os.path.abspath(cache_dir)) / "strategies" / shipped.ref.source_hash
    ref = replace(shipped.ref, root=str(home / shipped.folder / shipped.root))
    home.mkdir(parents=True, exist_ok=True)
    (home.parent / UNPACKED).touch()
    if not _is_intact(ref, shipped):
        _write(shipped, ref, home)
    return ref


def localise(shipped: ShippedStrategy, cache_dir: str | Path) -> StrategyRef:
    """Return the reference as it is where its path holds the same files on this machine; else unpack it."""
    return shipped.ref if _is_intact(shipped.ref, shipped) else unpack(shipped, cache_dir)


def _is_intact(ref: StrategyRef, shipped: ShippedStrategy) -> bool:
    if ref.root is None:
        return True
    try:
        return source_hash(shipped_files(ref)) == shipped.ref.source_hash
    except StrategyError:
        return False


def _refuse_escape(name: str) -> None:
    windows = PureWindowsPath(name)
    if windows.is_absolute() or windows.drive or name.startswith(("/", "\\")) or ".." in windows.parts:
        raise StrategyError(f"shipped file name '{name}' leaves its folder")
    if "\0" in name or ("\\" in name and PurePosixPath(name).name != windows.name):
        raise StrategyError(f"shipped file name '{name}' is not a relative name")


def _write(shipped: ShippedStrategy, ref: StrategyRef, home: Path) -> None:
    target = home / shipped.folder
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=home) as scratch:
        staged = Path(scratch) / shipped.folder
        for name, content in shipped.files.items():
            file = staged / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        try:
            staged.rename(target)
        except OSError:
            if _is_intact(ref, shipped):  # another process was faster
                return
            target.rename(Path(scratch) / "replaced")  # an unpacking that somebody edited or broke
            staged.rename(target)
