"""What all tests share: the golden data when it is there, a cache of compiled code of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    os.environ.setdefault("DBATCH_CACHE_DIR", str(PROJECT / ".pytest_cache" / "dbatch"))


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of real ticks and published fills; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT.parent / "shared" / "golden"))
    if not (folder / "ticks").is_dir():
        pytest.skip(f"no golden data at {folder}; set DBATCH_GOLDEN_DIR to its folder")
    return folder


@pytest.fixture
def dbatch(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as a user does, in an empty working folder; returns the finished process."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dbatch", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=240,
            **{"cwd": tmp_path, **options},
        )

    return run
