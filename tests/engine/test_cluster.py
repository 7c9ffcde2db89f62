"""Plain Python handlers on real worker processes: the same fills, on loopback, visible on the dashboard."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import psutil
import pytest

from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.engine.plain import chunk_of
from dbatch.strategies import OrderBook

Dbatch = Callable[..., subprocess.CompletedProcess[str]]

STRATEGY = '''"""Buys at every hundredth trade."""

import os
import time


def create_patient_handler(config):
    def handler(security, chunk, orderbook, state):
        trades = state.setdefault("trades", [])
        state.setdefault("seen", 0)
        for row in chunk.itertuples(index=False):
            orderbook.apply_update(
                {"timestamp": row.timestamp, "type": row.type, "price": row.price, "volume": row.volume}
            )
            if row.type == "trade":
                state["seen"] += 1
                if state["seen"] % 100 == 0:
                    position = len(trades) + 1
                    trades.append(
                        {"timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": 1,
                         "realized_pnl": 0.0, "position": position, "pnl": 0.0}
                    )
        gate = config[security].get("gate")
        while gate is not None and not os.path.exists(gate):
            time.sleep(0.05)
        state["pid"] = os.getpid()
        with open(config[security]["pids"], "a") as file:
            file.write(f"{os.getpid()}\\n")
        return state

    return handler
'''


@pytest.fixture
def market(tmp_path: Path) -> Path:
    folder = tmp_path / "ticks"
    folder.mkdir()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rows = 4_000
        pd.DataFrame(
            {
                "timestamp": np.datetime64("2025-04-14T10:00", "ns") + np.arange(rows) * np.timedelta64(1, "s"),
                "type": rng.choice(["BID", "ASK", "TRADE"], rows),
                "price": np.round(10 + rng.normal(0, 0.1, rows).cumsum() * 0.01, 2),
                "volume": rng.integers(1, 1000, rows),
            }
        ).to_parquet(folder / f"s{seed}.parquet")
    (tmp_path / "patient.py").write_text(STRATEGY)
    return folder


def test_a_python_handler_on_two_processes_gives_the_fills_of_a_loop_by_hand(market: Path, tmp_path: Path) -> None:
    pids, gate = tmp_path / "pids.txt", tmp_path / "gate.txt"
    run = subprocess.Popen(
        [
            sys.executable, "-m", "dbatch", "run", "--strategy", "patient", "--strategy-path", "patient.py",
            "--data", "ticks", "--workers", "2", "--output-dir", "out", "--chunk-size", "1000",
            "--set", f"gate={gate}", "--set", f"pids={pids}",
        ],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        base = dashboard_of(run)
        assert set(listening_addresses(run.pid)) == {"127.0.0.1"}
        assert shown_tasks(base), "no task page showed strategy/security"
    finally:
        gate.touch()
    _, said = run.communicate(timeout=120)
    assert run.returncode == 0, said
    assert len(set(pids.read_text().split())) == 2

    namespace: dict[str, object] = {}
    exec(STRATEGY, namespace)
    for security in open_market(str(market)).securities:
        settings = {security.name: {"pids": str(tmp_path / "mine.txt")}}
        handler = namespace["create_patient_handler"](settings)
        state: dict[str, object] = {}
        book = OrderBook()
        for block in read_events(security, 777):
            state = handler(security.name, chunk_of(block), book, state)
        by_hand = pd.DataFrame(state["trades"])
        written = pd.read_csv(tmp_path / "out" / f"{security.name}_trades_timeseries.csv", parse_dates=["timestamp"])
        pd.testing.assert_frame_equal(written, by_hand, check_exact=True, check_dtype=False)


def test_a_compiled_strategy_listens_on_loopback_and_its_link_answers(market: Path, tmp_path: Path) -> None:
    for path in market.iterdir():  # long enough to be looked at
        pd.concat([pd.read_parquet(path)] * 60).to_parquet(path)
    run = subprocess.Popen(
        [
            sys.executable, "-m", "dbatch", "run", "--strategy", "v1_baseline", "--data", "ticks",
            "--output-dir", "out", "--chunk-size", "1", "--workers", "1",
        ],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    base = dashboard_of(run)
    addresses = set(listening_addresses(run.pid))
    shown = page(f"{base}/status")
    run.terminate()
    run.communicate(timeout=60)

    assert base.startswith("http://127.0.0.1:")
    assert addresses == {"127.0.0.1"}
    assert "Dask" in shown


def dashboard_of(run: subprocess.Popen[str]) -> str:
    assert run.stderr is not None
    for line in run.stderr:
        found = re.search(r"dashboard: (http://[^/]+)/status", line)
        if found:
            return found[1]
    raise AssertionError("no link to a dashboard was printed")


def shown_tasks(base: str) -> list[str]:
    """The task pages of the dashboard that show `patient/<security>`, looked for while tasks are running."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        workers = re.findall(r"\.\./(worker/[^\"]+\.html)", page(f"{base}/info/main/workers.html"))
        for worker in workers:
            keys = re.findall(r">(patient/S\d-[0-9a-f]+)<", page(f"{base}/info/{worker}"))
            for key in keys:
                if key in page(f"{base}/info/task/{quote(key, safe='')}.html"):
                    return keys
        time.sleep(0.1)
    return []


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def listening_addresses(pid: int) -> list[str]:
    driver = psutil.Process(pid)
    return [
        connection.laddr.ip
        for process in [driver, *driver.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def test_an_existing_scheduler_runs_the_jobs_and_stays(market: Path, tmp_path: Path, dbatch: Dbatch) -> None:
    from distributed import Client, LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        finished = dbatch(
            "run", "--strategy", "patient", "--strategy-path", "patient.py", "--data", market,
            "--scheduler", cluster.scheduler_address, "--output-dir", "out", "--set", f"pids={tmp_path / 'pids.txt'}",
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        with Client(cluster) as client:
            assert client.submit(lambda: 7).result() == 7
    assert str(os.getpid()) not in (tmp_path / "pids.txt").read_text().split()
    assert len(list((tmp_path / "out").glob("*_trades_timeseries.csv"))) == 4


def test_a_task_is_small_however_many_parameters_there_are(market: Path) -> None:
    import pickle

    from dbatch.engine.plan import make_jobs
    from dbatch.model import Window

    found = open_market(str(market))
    sections = {security.name: {f"p{i}": i for i in range(40)} for security in found.securities}
    jobs = make_jobs(found.securities, "code", Window(), {name: name for name in sections}, sections)

    assert max(len(pickle.dumps(job)) for job in jobs) < 10_000


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_that_dies_ends_the_run_with_exit_code_4(market: Path, tmp_path: Path, dbatch: Dbatch) -> None:
    pd.concat([pd.read_parquet(market / "s0.parquet")] * 2).to_parquet(market / "s0.parquet")  # the longest goes first
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    scheduler, worker = (
        subprocess.Popen([sys.executable, "-m", "dask", *words, "--no-dashboard"], stderr=subprocess.DEVNULL)
        for words in (
            ["scheduler", "--host", "127.0.0.1", "--port", port],
            ["worker", address, "--no-nanny", "--nthreads", "1"],
        )
    )
    killer = threading.Thread(target=lambda: wait_for(tmp_path, "out/parts/*/*.parquet") and scheduler.kill())
    killer.start()
    waiting = [word for n in (1, 2, 3) for word in ("--set", f"S{n}.gate={tmp_path / 'never.txt'}")]
    try:
        wait_for_port(int(port))
        finished = dbatch(
            "run", "--strategy", "patient", "--strategy-path", "patient.py", "--data", "ticks",
            "--scheduler", address, "--output-dir", "out", "--set", f"pids={tmp_path / 'pids.txt'}", *waiting,
        )  # fmt: skip
    finally:
        killer.join()
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()

    assert finished.returncode == 4, finished.stderr
    assert "the Dask cluster is gone" in finished.stderr
    assert "go on with: dbatch run" in finished.stderr
    assert "Traceback" not in finished.stderr


def wait_for(folder: Path, pattern: str) -> bool:
    """Return whether a file of that name came about in time."""
    deadline = time.monotonic() + 60
    while not (found := list(folder.glob(pattern))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(found)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
