from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import pandas as pd
import pyarrow.parquet as pq
import pytest

import dbatch
from dbatch.batch import RunRequest, make_plan, run
from dbatch.engine.execute import Execution
from dbatch.errors import ConfigError, DataError, UsageError
from dbatch.looking.plot import place_of, plot
from dbatch.model import Window
from dbatch.reference.plain_universe import account_of
from dbatch.report.write import write_report
from dbatch_portfolio.multifactor_long_short import create_multifactor_long_short_handler

BATCH = """
batch_name: factors
description: exposure by commission
output_root: out
base_args:
  strategy: multifactor_long_short
  data: panel.csv
  freq: D
  bundle_path: bundle.yaml
  start_date: 2019-06-03
  end_date: 2021-06-30
  rebalance_freq: M
  start_capital: 1000000
grid:
  max_gross_exposure: [1.0, 1.5, 2.0]
  commission_bps: [0, 2, 5, 10]
"""
BUNDLE = """
universe: made up
factor_set: two
horizon_days: 21
factors:
  - {name: trend_strength_50, weight: 0.6}
  - {name: rv_20, weight: 0.4, direction: negative}
"""


@pytest.fixture
def universe(tmp_path: Path, panel: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a panel of closes, a bundle and a batch file."""
    panel().to_csv(tmp_path / "panel.csv", index_label="Date")
    (tmp_path / "bundle.yaml").write_text(BUNDLE)
    (tmp_path / "batch.yaml").write_text(BATCH)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def request(output_dir: str, *, serial: bool = True, **parameters: Any) -> RunRequest:
    return RunRequest(
        "multifactor_long_short",
        data="panel.csv",
        overrides=parameters,
        output_dir=output_dir,
        execution=Execution(serial=serial, dashboard=False),
    )


def accounts(folder: Path) -> dict[str, Any]:
    return {path.stem: pq.read_table(path) for path in sorted(folder.glob("portfolios/*/*.parquet"))}


@pytest.mark.usefixtures("universe")
def test_a_run_is_one_job_over_the_universe_and_writes_equity_weights_and_orders() -> None:
    outcome = run(request("one"))
    (receipt,) = outcome.receipts
    assert (receipt.security, receipt.status) == ("UNIVERSE", "success")
    kept = accounts(outcome.output_dir)
    assert {name: table.column_names for name, table in kept.items()} == {
        "equity": ["date", "equity", "cash", "long_value", "short_value"],
        "weights": ["date", "security", "weight"],
        "orders": ["date", "security", "shares", "price", "value", "commission", "half_spread", "impact"],
    }
    assert receipt.trades == len(kept["orders"]) > 0
    assert kept["equity"]["equity"][-1].as_py() - 1e6 == receipt.realized_pnl


@pytest.mark.usefixtures("universe")
def test_dask_partitions_give_the_same_bits_as_the_serial_run() -> None:
    kept = accounts(run(request("one", commission_bps=5.0)).output_dir)
    lazy = dbatch.simulate_portfolio(dbatch.read_bars("panel.csv"), "multifactor_long_short", {"commission_bps": 5.0})
    for scheduler in ("sync", "threads"):
        with dask.config.set(scheduler=scheduler):
            found = lazy.compute()
        for name, table in kept.items():
            pd.testing.assert_frame_equal(found[name], table.to_pandas(), check_exact=True)


@pytest.mark.usefixtures("universe")
def test_a_distributed_run_has_the_digest_of_the_serial_one() -> None:
    serial, distributed = (run(request(name, serial=name == "one")).receipts[0] for name in ("one", "two"))
    assert serial.digest == distributed.digest != ""


@pytest.mark.usefixtures("universe")
def test_what_a_bundle_says_is_part_of_the_job_s_key_and_its_path_is_not() -> None:
    key = make_plan(request("one", bundle_path="bundle.yaml")).jobs[0].key
    Path("copy.yaml").write_text(BUNDLE)
    assert make_plan(request("one", bundle_path="copy.yaml")).jobs[0].key == key
    Path("bundle.yaml").write_text(BUNDLE.replace("rv_20", "rv_30"))
    assert make_plan(request("one", bundle_path="bundle.yaml")).jobs[0].key != key


@pytest.mark.usefixtures("universe")
def test_a_bundle_that_cannot_be_used_stops_a_run_before_it_begins() -> None:
    Path("bundle.yaml").write_text(BUNDLE.replace("0.6", "0.9"))
    with pytest.raises(ConfigError, match=r"weights add up to 1\.3"):
        make_plan(request("one", bundle_path="bundle.yaml"))


@pytest.mark.usefixtures("universe")
def test_a_side_net_of_the_other_cannot_be_more_than_both_together() -> None:
    with pytest.raises(ConfigError) as refused:
        make_plan(request("one", max_gross_exposure=1.0, net_exposure=-1.5))
    (fault,) = refused.value.faults
    assert fault == "net_exposure: is -1.5, must be from -1.0 to 1.0, for max_gross_exposure is 1.0"
    make_plan(request("one", max_gross_exposure=1.5, net_exposure=-1.5))


def test_exposures_of_a_grid_that_cannot_be_are_told_with_the_batch_file(
    universe: Path, dbatch_in: Callable[..., Any]
) -> None:
    (universe / "batch.yaml").write_text(f"{BATCH}  net_exposure: [0.0, 1.2]\n")
    done = dbatch_in(universe, "batch", "batch.yaml")
    assert done.returncode == 2
    assert "net_exposure: is 1.2, must be from -1.0 to 1.0, for max_gross_exposure is 1.0" in done.stderr
    assert not (universe / "out").exists()


def test_the_twelve_runs_of_a_grid_have_sharpe_drawdown_and_turnover(
    universe: Path, dbatch_in: Callable[..., Any]
) -> None:
    done = dbatch_in(universe, "batch", "batch.yaml")
    assert done.returncode == 0, done.stderr
    with open(universe / "out" / "factors" / "batch_summary.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert {row["status"] for row in rows} == {"success"}
    assert all(float(row["sharpe"]) == float(row["sharpe"]) and float(row["max_dd"]) > 0 for row in rows)
    turnover = [float(row["turnover"]) for row in rows]
    assert turnover[0] < turnover[4] < turnover[8]
    pnl = [float(row["total_pnl"]) for row in rows]
    assert all(pnl[at] > pnl[at + 1] for at in (0, 1, 2, 4, 5, 6, 8, 9, 10))


def test_faults_of_a_bundle_are_told_with_the_batch_file(universe: Path, dbatch_in: Callable[..., Any]) -> None:
    (universe / "bundle.yaml").write_text(BUNDLE.replace("rv_20", "value"))
    done = dbatch_in(universe, "batch", "batch.yaml")
    assert done.returncode == 2
    assert "factors[1].name: 'value'" in done.stderr


def test_ticks_under_a_portfolio_and_bars_under_a_strategy_of_ticks_are_refused(universe: Path) -> None:
    with pytest.raises(UsageError, match="holds bars, and strategy 'v1_baseline' takes ticks"):
        make_plan(RunRequest("v1_baseline", data="panel.csv"))
    (universe / "aa.csv").write_text("timestamp,type,price,volume\n2025-04-14 10:00:00,trade,10,5\n")
    with pytest.raises(UsageError, match="--bars 1d makes of them"):
        make_plan(RunRequest("multifactor_long_short", data="aa.csv"))
    assert (
        make_plan(RunRequest("multifactor_long_short", data="aa.csv", bars="1d")).jobs[0].security.source.bars == "1d"
    )


def test_a_universe_in_a_manifest_can_be_read_back(universe: Path) -> None:
    from dbatch.replay.stored import stored_job

    output_dir = run(request("one")).output_dir
    assert json.loads((output_dir / "run_manifest.json").read_text())["data"]["securities"]["UNIVERSE"]
    assert stored_job(output_dir, "UNIVERSE").security == make_plan(request("one")).jobs[0].security


@pytest.mark.usefixtures("universe")
def test_a_run_of_a_portfolio_has_a_page() -> None:
    output_dir = run(request("one")).output_dir

    assert write_report(output_dir).stat().st_size > 10_000


@pytest.mark.usefixtures("universe")
def test_a_plot_of_a_portfolio_is_refused_with_what_draws_its_equity() -> None:
    run(request("one"))
    for security in ("UNIVERSE", "S00"):
        with pytest.raises(UsageError, match="orders, and no fills by security; 'dbatch report one' draws its equity"):
            plot(place_of(Path("one")), security)


@pytest.mark.usefixtures("universe")
def test_dates_without_bars_fail_for_the_same_reason_in_the_reference() -> None:
    job = make_plan(request("one")).jobs[0]
    window = Window(start_day=40_000)
    strategy = create_multifactor_long_short_handler({})

    with pytest.raises(DataError, match="no bars among the dates asked for"):
        account_of(strategy, job, window)
