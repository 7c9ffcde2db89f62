"""Batches to take away, a crafted one among them, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_OTHER_USERS = ("postgres", "nobody")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that is started for the tests; they are skipped where its programs are not."""
    pytest.importorskip("psycopg")
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL programs (initdb, pg_ctl) are installed")
    with tempfile.TemporaryDirectory(prefix="dbpg") as folder:
        user = _other_user() if os.getuid() == 0 else None  # the server refuses to run as root
        if user is not None:
            shutil.chown(folder, user)
        run = _runner(programs, user, folder)
        run("initdb", "-D", f"{folder}/data", "-U", "tester", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start")
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")


def _postgres_programs() -> Path | None:
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def _other_user() -> str:
    import pwd

    for name in _OTHER_USERS:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip(f"PostgreSQL does not run as {getpass.getuser()}, and there is no other user")


def _runner(programs: Path, user: str | None, folder: str) -> Callable[..., None]:
    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        options: dict[str, Any] = {} if user is None else {"user": user, "group": None}
        finished = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=folder, **{k: v for k, v in options.items() if v}
        )
        assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"

    return run
