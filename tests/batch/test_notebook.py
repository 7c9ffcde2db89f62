"""Runs, sweeps and symbols times strategies started from Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dbatch
from dbatch.batch.orchestrator import COLUMNS
from dbatch.data.sample import sample_path
from dbatch.errors import ConfigError, StorageError, UsageError
from dbatch.plugins import modules


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    known = set(modules.LOADED)
    yield tmp_path
    modules.forget(modules.LOADED.keys() - known)


def test_a_run_returns_its_results() -> None:
    ran = dbatch.run("v1_baseline", data=sample_path(), parameters={"quote_size": 500}, serial=True)

    assert ran.results()["status"].tolist() == ["success"] * 3
    assert ran.folder == Path("output/v1_baseline").absolute()
    run = ran.run(0)
    assert run.equity.iloc[-1] == pytest.approx(1e6 + run.fills["realized_pnl"].sum())


def test_a_sweep_returns_its_batch_and_goes_on_with_what_is_there() -> None:
    swept = dbatch.sweep("v1_baseline", {"quote_size": [100, 200]}, data=sample_path(), serial=True)
    again = dbatch.sweep("v1_baseline", {"quote_size": (100, 200)}, data=sample_path(), serial=True)

    assert swept.summary()["run_id"].tolist() == ["quote_size_100", "quote_size_200"]
    assert again.folder == swept.folder
    assert swept.compare(again)["equal"].all()
    assert again.status().state == "FINISHED"


def test_faults_of_a_sweep_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        dbatch.sweep("v1_baseline", {"quote_sise": [1], "refill_interval_sec": ["x"]}, data=sample_path())

    assert len(refused.value.faults) == 2


def test_a_client_of_the_users_does_the_work_and_stays_open() -> None:
    from distributed import Client

    plain = dbatch.sweep("v1_baseline", {"quote_size": [100, 200]}, data=sample_path(), name="plain", serial=True)
    with Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, silence_logs=50) as client:
        swept = dbatch.sweep("v1_baseline", {"quote_size": [100, 200]}, data=sample_path(), name="lent", client=client)
        ran = dbatch.run("v1_baseline", data=sample_path(), client=client)

        assert client.status == "running"
        assert client.submit(sum, [1, 2]).result() == 3
        plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if name.startswith("dbatch-")])
        assert list(plugins.values()) == [[]]
    assert swept.compare(plain)["equal"].all()
    assert ran.status().state == "FINISHED"
    with pytest.raises(UsageError, match="must be a connected"):
        dbatch.sweep("v1_baseline", {"quote_size": [100]}, data=sample_path(), client=client, name="closed")


def test_a_client_and_workers_of_our_own_are_not_both_taken() -> None:
    with pytest.raises(UsageError, match="brings its own workers"):
        dbatch.sweep("v1_baseline", {"quote_size": [100]}, data=sample_path(), client=object(), workers=2)


def test_a_batch_that_could_not_go_on_raises_and_can_be_resumed() -> None:
    options = dbatch.BatchOptions(batch_timeout=1e-9, grace=0.0, unit_jobs=1)

    with pytest.raises(StorageError, match="what is finished is kept"):
        dbatch.sweep("v1_baseline", {"quote_size": [1, 2, 3]}, data=sample_path(), serial=True, options=options)
    stopped = dbatch.Batch.open("output/v1_baseline-sweep")
    assert stopped.status().state == "STOPPED"


def test_symbols_times_strategies_give_one_frame_symbols_outermost() -> None:
    orchestrator = dbatch.Orchestrator(sample_path(), serial=True)

    frame = orchestrator.run(["VETA", "ALFA"], ["v1_baseline", "v2_1_stop_loss"])

    assert list(frame.columns) == list(COLUMNS)
    assert list(frame[["Symbol", "Strategy"]].itertuples(index=False, name=None)) == [
        ("VETA", "v1_baseline"),
        ("VETA", "v2_1_stop_loss"),
        ("ALFA", "v1_baseline"),
        ("ALFA", "v2_1_stop_loss"),
    ]
    swept = dbatch.sweep("v1_baseline", data=sample_path(), securities=["VETA"], serial=True).results().iloc[0]
    assert frame.loc[0, ["Sharpe", "TradeCount", "MaxDrawdown"]].tolist() == [
        swept["sharpe"],
        swept["round_trips"],
        swept["max_drawdown"],
    ]
    assert frame.loc[0, "AvgTradeReturn"] == swept["round_trip_return_pct"] / 100


def test_the_status_is_told_while_it_runs_and_a_failed_pair_is_a_row(here: Path) -> None:
    (here / "failing.py").write_text(
        "import time\n"
        "def create_failing_handler(config):\n"
        "    def handler(security, chunk, orderbook, state):\n"
        "        time.sleep(0.3)\n"
        "        if security == 'GAMA':\n"
        "            raise ValueError('no luck')\n"
        "        return state or {}\n"
        "    return handler\n"
    )
    options = dbatch.BatchOptions(isolate="none", unit_jobs=1)
    orchestrator = dbatch.Orchestrator(sample_path(), serial=True, options=options)
    assert orchestrator.status() is None

    started = orchestrator.start(["ALFA", "GAMA", "VETA"], ["failing"], strategy_path=str(here / "failing.py"))
    seen: list[Any] = []
    while started.is_running:
        status = started.status()
        seen += [] if status is None else [(status.state, status.jobs.total)]
    frame = started.result()

    assert ("RUNNING", 3) in seen
    assert frame["status"].tolist() == ["success", "failed", "success"]
    assert pd.isna(frame.loc[1, "Sharpe"])
    status = orchestrator.status()
    assert status is not None
    assert (status.state, [cause.status for cause in status.causes]) == ("FAILED", ["failed"])
