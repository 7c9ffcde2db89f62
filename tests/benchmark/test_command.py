"""`dbatch benchmark` and `dbatch run --benchmark` as a user calls them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from dbatch.cli.benchmark import app as benchmark_app
from dbatch.cli.run import app as run_app
from dbatch.errors import UsageError

Dbatch = Callable[..., subprocess.CompletedProcess[str]]

HANDLERS = '''"""Handlers that a benchmark must not pass over in silence."""

import os
import time


def handler(security, chunk, orderbook, state):
    print("noise")
    trade = {"timestamp": chunk.timestamp.iloc[0], "side": "buy", "fill_price": float(os.getpid()), "fill_qty": 1,
             "realized_pnl": 0.0, "position": 1, "pnl": 0.0}
    return {**state, "trades": [trade]}


def failing(security, chunk, orderbook, state):
    raise ValueError(f"not with {security}")


def sleeping(security, chunk, orderbook, state):
    time.sleep(60)
    return state


def create_by_process_handler(config):
    return handler


def create_failing_handler(config):
    return failing


def create_sleeping_handler(config):
    return sleeping
'''


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    path = tmp_path / "handlers.py"
    path.write_text(HANDLERS)
    return path


def test_the_sample_is_measured_and_the_report_is_data(dbatch: Dbatch, tmp_path: Path) -> None:
    done = dbatch(
        "benchmark", "--strategy", "v1_baseline", "--workers", "2", "--repeat", "1", "--json", "--output", "new/r.json"
    )

    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["schema"] == "dbatch.benchmark/1"
    assert facts["events"] == 24_815
    assert [one["name"] for one in facts["series"]] == ["sequential", "2 workers"]
    alone, two = (one["measurements"][0]["measured"] for one in facts["series"])
    assert (alone["slots"], alone["dask"], two["slots"], two["dask"]) == (1, False, 2, True)
    assert [one["equal"] for one in facts["figures"]] == [True, True]
    assert facts["machine"]["cores"] >= 1
    assert json.loads((tmp_path / "new" / "r.json").read_text()) == facts
    assert not (tmp_path / "output").exists()


def test_unequal_results_are_loud_and_exit_3(dbatch: Dbatch, handlers: Path, tmp_path: Path) -> None:
    done = dbatch(
        "benchmark", "--strategy", "by_process", "--strategy-path", handlers, "--workers", "1", "--repeat", "1",
        "--securities", "ALFA",
    )  # fmt: skip

    assert done.returncode == 3
    assert "NOT EQUAL: 1 worker, repeat 1: ALFA: fill 0, fill_price: " in done.stderr
    assert done.stdout.count("  NO\n") == 2
    assert "noise" not in done.stdout


def test_a_failing_security_is_named_and_nothing_is_measured(dbatch: Dbatch, handlers: Path) -> None:
    done = dbatch(
        "run", "--benchmark", "--strategy", "failing", "--strategy-path", handlers, "--securities", "ALFA",
        "--workers", "1", "--json",
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: the warm-up: 1 of 1 securities failed: ALFA (failed: " in done.stderr
    assert "ValueError: not with ALFA" in done.stderr


@pytest.mark.parametrize("option", ["--rerun", "--serial", "--dry-run", "--scheduler=tcp://127.0.0.1:1"])
def test_what_says_how_it_runs_is_refused_with_benchmark(option: str) -> None:
    done = CliRunner().invoke(run_app, ["--strategy", "v1_baseline", "--benchmark", option])

    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(f"{option.partition('=')[0]}: cannot be given with --benchmark")


@pytest.mark.parametrize("workers", ["0", "two", "1,-2", ""])
def test_workers_must_be_numbers_or_auto(workers: str) -> None:
    done = CliRunner().invoke(benchmark_app, ["--strategy", "v1_baseline", "--workers", workers])

    assert isinstance(done.exception, UsageError)
    assert "must be numbers from 1 on or 'auto'" in str(done.exception)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_leaves_no_process_and_no_folder(handlers: Path, tmp_path: Path, number: int, code: int) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    driver = subprocess.Popen(
        [
            sys.executable, "-m", "dbatch", "benchmark", "--strategy", "sleeping", "--strategy-path", handlers,
            "--workers", "1",
        ],
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(temporary.glob("dbatch-benchmark-*/first/ledger.sqlite")):
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.05)
    family = psutil.Process(driver.pid).children(recursive=True)

    driver.send_signal(number)

    _, said = driver.communicate(timeout=30)
    assert driver.returncode == code, said
    assert family
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert not list(temporary.glob("dbatch-benchmark-*"))
