"""Checks of this machine: is all there that a batch needs?"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from dbatch.cache import cache_dir
from dbatch.one_thread import ONE_THREAD
from dbatch.results.versions import versions
from dbatch.upkeep.finding import Finding, Level

_PACKAGES: Final = ("dask", "distributed", "numpy", "pandas", "pyarrow", "numba")
_GIB: Final = 1 << 30
_MIB: Final = 1 << 20
_LEAST_DISK: Final[tuple[tuple[int, Level], ...]] = ((100 * _MIB, "CRITICAL"), (_GIB, "WARN"))
_LEAST_MEMORY_A_CORE: Final = 512 * _MIB
_LEAST_SHARED: Final = 64 * _MIB
_LEAST_FILES: Final = 1024


def check_machine() -> list[Finding]:
    """Return what every check of this machine found."""
    return [finding for check in _CHECKS for finding in check()]


def _versions() -> Iterator[Finding]:
    """Compare installed versions with the least that dbatch asks for."""
    least = _least_versions()
    found = []
    for name in _PACKAGES:
        needed = least.get(name, "")
        install = f"pip install '{name}>={needed}'" if needed else f"pip install {name}"
        try:
            installed = version(name)
        except PackageNotFoundError:
            yield Finding("versions", "CRITICAL", f"{name} is not installed", install)
            continue
        found.append(f"{name} {installed}")
        if needed and _numbers(installed) < _numbers(needed):
            yield Finding("versions", "CRITICAL", f"{name} {installed} is older than {needed}", install)
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("versions", "OK", f"dbatch {versions()['dbatch']}, python {python}, {', '.join(found)}")


def _least_versions() -> dict[str, str]:
    try:
        lines = requires("dbatch") or ()
    except PackageNotFoundError:  # on the path, but not installed
        lines = ()
    asked = (re.match(r"([A-Za-z0-9_-]+)(?:\[[^]]*\])?\s*>=\s*([0-9.]+)", line) for line in lines)
    return {match[1]: match[2] for match in asked if match}


def _numbers(text: str) -> tuple[int, ...]:
    """Return the release of a version as numbers: of 2026.1.1rc1 (2026, 1, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", text)[0]))


def _cores_and_memory() -> Iterator[Finding]:
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory()
    limit = _memory_limit()
    available = memory.available if limit is None else min(memory.available, limit)
    text = (
        f"{cores} cores, {available / _GIB:.1f} GiB of {min(memory.total, limit or memory.total) / _GIB:.1f} GiB free"
    )
    if available < cores * _LEAST_MEMORY_A_CORE:
        fewer = max(1, available // _LEAST_MEMORY_A_CORE)
        yield Finding("memory", "WARN", f"{text}: less than 512 MiB a core", f"--workers {fewer}")
    else:
        yield Finding("memory", "OK", text)


def _memory_limit() -> int | None:
    """Return the memory that this container may use, in bytes; None without a limit."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        return int(text) if text.isdecimal() and int(text) < 1 << 60 else None
    return None


def _disk() -> Iterator[Finding]:
    places = {"working folder": Path.cwd(), "cache": _existing(cache_dir())}
    for name, place in places.items():
        free = shutil.disk_usage(place).free
        text = f"{name} {place}: {free / _GIB:.1f} GiB free"
        level: Level = next((level for least, level in _LEAST_DISK if free < least), "OK")
        yield Finding("disk", level, text, "" if level == "OK" else "free space, or 'dbatch gc --cache'")


def _cache() -> Iterator[Finding]:
    place = _existing(cache_dir())
    try:
        with tempfile.TemporaryFile(dir=place):
            yield Finding("cache", "OK", f"{cache_dir()} can be written")
    except OSError as error:
        found = f"{cache_dir()} cannot be written ({error.strerror or error}): every process compiles and converts anew"
        yield Finding("cache", "WARN", found, "set DBATCH_CACHE_DIR to a folder that can be")


def _existing(folder: Path) -> Path:
    """Return `folder`, or the nearest one above it that is there."""
    place = folder.absolute()
    return next(path for path in (place, *place.parents) if path.is_dir())


def _threads() -> Iterator[Finding]:
    """Tell how many threads numeric libraries would start; workers keep them to one each."""
    given = [f"{name}={os.environ[name]}" for name in ONE_THREAD if name in os.environ]
    import pyarrow as pa

    pools = [f"arrow {pa.cpu_count()}"]
    try:
        from threadpoolctl import threadpool_info  # type: ignore[import-not-found,unused-ignore]  # may be there
    except ImportError:
        pools.append("threadpoolctl would show those of numpy")
    else:
        pools += [f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info()]
    text = f"thread pools of this process: {', '.join(pools)}; {' '.join(given) or 'none set in the environment'}"
    yield Finding("threads", "OK", text)


def _start_methods() -> Iterator[Finding]:
    methods = multiprocessing.get_all_start_methods()
    slow = "" if "forkserver" in methods else "; without forkserver a process of its own takes a job a second"
    yield Finding("processes", "OK", f"start methods {', '.join(methods)}{slow}")


def _open_files() -> Iterator[Finding]:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _LEAST_FILES:
        yield Finding("files", "WARN", f"at most {soft} open files a process", f"ulimit -n {_LEAST_FILES}")
    else:
        yield Finding("files", "OK", "any number of open files" if soft < 0 else f"{soft:,} open files a process")


def _loopback() -> Iterator[Finding]:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            with socket.create_connection(server.getsockname(), timeout=5):
                yield Finding("network", "OK", "processes can talk on 127.0.0.1")
    except OSError as error:
        yield Finding("network", "CRITICAL", f"nobody can listen on 127.0.0.1 ({error})", "--serial needs no network")


def _shared_memory() -> Iterator[Finding]:
    place = Path("/dev/shm")
    if sys.platform != "linux":
        return
    if not place.is_dir():
        yield Finding("shm", "WARN", "there is no /dev/shm", "mount a tmpfs there")
        return
    free = shutil.disk_usage(place).free
    level: Level = "OK" if free >= _LEAST_SHARED else "WARN"
    yield Finding("shm", level, f"/dev/shm: {free / _MIB:,.0f} MiB free", "" if level == "OK" else "make it larger")


_CHECKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    _versions,
    _cores_and_memory,
    _disk,
    _cache,
    _threads,
    _start_methods,
    _open_files,
    _loopback,
    _shared_memory,
)
