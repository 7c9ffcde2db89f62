"""The fixture `dbatch` runs the command line in the process of the tests: as a process would, and leaving no trace."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Dbatch = Callable[..., subprocess.CompletedProcess[str]]

MEDDLING = """
import os, signal, sys

import beside

os.chdir("/")
os.environ["DBATCH_MEDDLED"] = "yes"
sys.path.insert(0, "/nowhere")
signal.signal(signal.SIGTERM, signal.SIG_IGN)


def create_meddling_handler(config):
    def handler(security, chunk, orderbook, state):
        os.write(1, b"past Python's streams\\n")
        return state

    return handler
"""


@pytest.mark.parametrize("command", [("strategies", "--json"), ("run", "--strategy", "v1_baselin", "--data", "ticks")])
def test_a_command_in_this_process_ends_as_in_a_process_of_its_own(
    dbatch: Dbatch, dbatch_process: Dbatch, ticks: Path, command: tuple[str, ...]
) -> None:
    here, there = dbatch(*command), dbatch_process(*command)

    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)
    assert here.stdout or here.stderr


def test_what_a_command_does_to_this_process_is_undone(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    (tmp_path / "meddling.py").write_text(MEDDLING)
    (tmp_path / "beside.py").write_text("")

    def facts() -> tuple[object, ...]:
        heard = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return os.getcwd(), sys.argv, dict(os.environ), list(sys.path), heard, sys.stdout, sys.stderr

    before = facts()

    finished = dbatch("run", "--strategy", "meddling", "--strategy-path", "meddling.py", "--data", "ticks", "--serial")

    assert finished.returncode == 0, finished.stderr
    assert "past Python's streams" in finished.stderr
    assert facts() == before
    assert "beside" not in sys.modules


def test_modules_from_before_a_command_are_there_afterwards(dbatch: Dbatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbatch.plugins.modules.LOADED", {})  # as if none had been loaded as a strategy
    names = [f"dbatch_market_making.{name}" for name in ("state", "v1_baseline")]
    before = [importlib.import_module(name) for name in names]

    assert dbatch("run", "--strategy", "v1_baseline", "--securities", "VETA", "--serial").returncode == 0

    assert [sys.modules.get(name) for name in names] == before
