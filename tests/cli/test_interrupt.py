"""Ctrl-C and signals: quick, what is finished is kept, no process stays behind, the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dbatch", "run", "--data", "ticks", "--output-dir", "out", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def let_aaa_go_first(ticks: Path) -> None:
    """Make it the largest file: the longest job is started first."""
    frame = pd.read_parquet(ticks / "aaa.parquet")
    pd.concat([frame, frame]).to_parquet(ticks / "aaa.parquet")


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [
        (signal.SIGINT, 130, ["--no-dashboard"]),
        (signal.SIGTERM, 143, ["--no-dashboard"]),
        (signal.SIGHUP, 129, ["--serial"]),
    ],
)
def test_a_signal_stops_the_run_and_keeps_what_is_finished(
    ticks: Path, strategies: Path, tmp_path: Path, number: int, code: int, how: list[str]
) -> None:
    arguments = (
        "--strategy", "napping", "--strategy-path", str(strategies), "--workers", "1",
        "--set", "AAA.nap=0", "--set", "BBB.nap=60", "--set", "CCC.nap=60", *how,
    )  # fmt: skip
    let_aaa_go_first(ticks)
    driver = start(tmp_path, *arguments)
    wait_until(lambda: bool(list(tmp_path.glob("out/parts/*/*.parquet"))))
    time.sleep(0.5)
    family = psutil.Process(driver.pid).children(recursive=True)

    os.killpg(driver.pid, number)

    _, said = driver.communicate(timeout=30)
    assert driver.returncode == code, said
    assert "go on with: dbatch run" in said
    assert "Traceback" not in said
    assert not psutil.wait_procs(family, timeout=5)[1]
    table = pd.read_csv(tmp_path / "out" / "backtest_summary.csv", index_col="security")
    assert table["status"].to_dict() == {"AAA": "success", "BBB": "cancelled", "CCC": "cancelled"}
    assert (tmp_path / "out" / "AAA_trades_timeseries.csv").exists()


def test_the_same_command_goes_on_after_an_interruption(
    ticks: Path, strategies: Path, tmp_path: Path, dbatch: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    gate = strategies / "gate.txt"
    (strategies / "gated.py").write_text(
        "import time, pathlib\n"
        "GATE = pathlib.Path(__file__).with_name('gate.txt')\n"
        "def create_gated_handler(config):\n"
        "    def handler(security, chunk, orderbook, state):\n"
        "        while security != 'AAA' and not GATE.exists():\n"
        "            time.sleep(0.05)\n"
        "        return state\n"
        "    return handler\n"
    )
    arguments = ("--strategy", "gated", "--strategy-path", str(strategies / "gated.py"), "--serial")
    let_aaa_go_first(ticks)
    driver = start(tmp_path, *arguments)
    wait_until(lambda: bool(list(tmp_path.glob("out/parts/*/*.parquet"))))
    time.sleep(0.3)
    driver.send_signal(signal.SIGINT)
    driver.communicate(timeout=30)
    gate.touch()

    again = dbatch("run", "--data", "ticks", "--output-dir", "out", *arguments, "--json")

    assert again.returncode == 0, again.stderr
    assert '"computed": 2' in again.stdout


def test_no_worker_outlives_a_driver_that_is_killed(ticks: Path, strategies: Path, tmp_path: Path) -> None:
    let_aaa_go_first(ticks)
    driver = start(
        tmp_path, "--strategy", "napping", "--strategy-path", str(strategies), "--no-dashboard",
        "--workers", "2", "--set", "AAA.nap=0", "--set", "BBB.nap=60", "--set", "CCC.nap=60",
    )  # fmt: skip
    wait_until(lambda: bool(list(tmp_path.glob("out/parts/*/*.parquet"))))
    family = psutil.Process(driver.pid).children(recursive=True)
    assert family

    driver.kill()
    driver.communicate()

    assert not psutil.wait_procs(family, timeout=20)[1]


def test_a_second_signal_ends_the_run_at_once_and_leaves_no_process(
    ticks: Path, strategies: Path, tmp_path: Path
) -> None:
    let_aaa_go_first(ticks)
    driver = start(
        tmp_path, "--strategy", "napping", "--strategy-path", str(strategies), "--no-dashboard",
        "--workers", "1", "--set", "AAA.nap=0", "--set", "BBB.nap=60", "--set", "CCC.nap=60",
    )  # fmt: skip
    wait_until(lambda: bool(list(tmp_path.glob("out/parts/*/*.parquet"))))
    time.sleep(0.5)
    family = psutil.Process(driver.pid).children(recursive=True)

    driver.send_signal(signal.SIGINT)
    time.sleep(0.3)
    driver.send_signal(signal.SIGINT)

    began = time.monotonic()
    _, said = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert time.monotonic() - began < 20
    assert "stopping" in said
    assert not psutil.wait_procs(family, timeout=10)[1]
