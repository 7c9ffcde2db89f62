"""The checks of a machine pass where all is well, and each can fail."""

from __future__ import annotations

import os
import socket
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbatch.upkeep import machine
from dbatch.upkeep.finding import Finding

_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path / "cache" / "below"))


def found(check: str) -> list[Finding]:
    return [finding for finding in machine.check_machine() if finding.check == check]


def test_every_check_says_something_and_makes_nothing(tmp_path: Path) -> None:
    checks = {finding.check for finding in machine.check_machine()}

    assert {"versions", "memory", "disk", "cache", "threads", "processes", "network"} <= checks
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_too_old_or_not_there_is_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "numba":
            raise machine.PackageNotFoundError(name)
        return "2025.12.0" if name == "distributed" else "9999.1"

    monkeypatch.setattr(machine, "version", version)

    critical = [finding for finding in found("versions") if finding.level == "CRITICAL"]
    assert [finding.found for finding in critical] == [
        "distributed 2025.12.0 is older than 2026.1.1",
        "numba is not installed",
    ]
    assert critical[0].repair == "pip install 'distributed>=2026.1.1'"


def test_versions_are_compared_as_numbers() -> None:
    assert machine._numbers("2026.10.0") > machine._numbers("2026.9.1")
    assert machine._numbers("2026.1.1rc1") == (2026, 1, 1)


def test_little_memory_a_core_is_a_warning_with_fewer_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    memory = SimpleNamespace(available=1 << 30, total=4 << 30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(4), raising=False)

    (finding,) = found("memory")
    assert (finding.level, finding.repair) == ("WARN", "--workers 2")


@pytest.mark.parametrize(("free", "level"), [(2 << 30, "OK"), (500 << 20, "WARN"), (50 << 20, "CRITICAL")])
def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda place: _Usage(1 << 40, 0, free))

    assert [finding.level for finding in found("disk")] == [level, level]


def test_a_cache_that_cannot_be_written_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", refuse)

    (finding,) = found("cache")
    assert finding.level == "WARN"
    assert "cannot be written (Permission denied)" in finding.found


def test_without_loopback_nothing_but_serial_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)

    (finding,) = found("network")
    assert finding.level == "CRITICAL"


def test_few_open_files_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))

    (finding,) = found("files")
    assert (finding.level, finding.repair) == ("WARN", "ulimit -n 1024")


def test_variables_that_set_threads_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    (finding,) = found("threads")
    assert "OMP_NUM_THREADS=3" in finding.found
