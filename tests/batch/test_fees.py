"""Fees of runs and batches: where they may stand, whose they are, what they change, and what they leave alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import dbatch
from dbatch.batch.check_file import FileCheck
from dbatch.batch.notebook import plan_of
from dbatch.batch.options import BatchOptions
from dbatch.batch.setups import Setups
from dbatch.batch.single import RunRequest, make_plan
from dbatch.batch.single import run as run_request
from dbatch.batch.stored import stored_batch
from dbatch.config.batch_file import load_batch
from dbatch.data.sample import sample_path
from dbatch.engine.execute import Execution
from dbatch.equivalence.verify import VerifyRequest, verify
from dbatch.errors import ConfigError, UsageError
from dbatch.model import FeeRules
from dbatch.replay.again import replay
from dbatch.statistics.of_batch import batch_statistics

SERIAL = Execution(serial=True)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "results.parquet").to_pylist()
    return found


def swept(name: str, **arguments: Any) -> dbatch.Batch:
    return dbatch.sweep(
        "v1_baseline", {"quote_size": [100, 200]}, data=sample_path(), name=name, serial=True, **arguments
    )


def test_all_money_of_a_sweep_is_net_and_total_and_fees_are_what_it_was_before() -> None:
    before, after = swept("before"), swept("after", commission_bps=2.0, commission_min=0.5)

    pairs = list(zip(rows(before.folder), rows(after.folder), strict=True))
    assert len(pairs) == 6
    for gross, net in pairs:
        assert gross["fees"] is None
        assert net["fees"] > 0.0
        for name in ("total_pnl", "realized_pnl"):
            assert net[name] + net["fees"] == pytest.approx(gross[name], abs=1e-9)
        assert net["sharpe"] < gross["sharpe"]
        assert net["max_drawdown"] >= gross["max_drawdown"]
        assert [net[name] for name in ("trades", "turnover", "position")] == [
            gross[name] for name in ("trades", "turnover", "position")
        ]
    for gross, net in zip(before.summary().to_dict("records"), after.summary().to_dict("records"), strict=True):
        assert net["total_pnl"] + net["fees"] == pytest.approx(gross["total_pnl"], abs=1e-9)
    breaks = [batch_statistics(batch.folder).runs.column("break_even_bps").to_pylist() for batch in (before, after)]
    assert breaks[1] == pytest.approx(breaks[0])  # of what was earned before fees, whatever these are


def test_days_and_fills_add_up_to_the_net_total() -> None:
    batch = swept("net", commission_per_share=0.01)
    run, first = batch.run(0), batch.summary().to_dict("records")[0]

    assert run.fills["realized_pnl"].sum() == pytest.approx(first["realized_pnl"])
    assert run.equity.iloc[-1] == pytest.approx(1e6 + first["realized_pnl"])
    assert (run.fills["fill_qty"] * 0.01).sum() == pytest.approx(first["fees"])


def test_a_grid_of_fees_makes_a_run_of_each_and_0_is_a_fee(carried: Callable[..., Any]) -> None:
    folder = carried(grid={"commission_bps": [0, 5], "size": [1, 3]}, base_args={"commission_min": 0.25}).output_dir
    found = rows(folder)

    assert [row["run_id"] for row in found[::2]] == [
        "commission_bps_0_size_1", "commission_bps_0_size_3", "commission_bps_5_size_1", "commission_bps_5_size_3",
    ]  # fmt: skip
    for row in found:
        least = 0.25 * row["trades"]
        assert row["fees"] == least if row["run_id"].startswith("commission_bps_0") else row["fees"] >= least


def test_a_handler_without_declared_parameters_is_charged_but_not_told(
    tmp_path: Path, carried: Callable[..., Any]
) -> None:
    grossed = carried(name="gross", runs=[{"id": "a"}]).output_dir
    charged = carried(name="net", runs=[{"id": "a", "overrides": {"commission_per_share": 0.5}}]).output_dir

    for gross, net in zip(rows(grossed), rows(charged), strict=True):
        assert net["fees"] == 0.5 * net["trades"]  # one share a fill
        assert net["total_pnl"] == pytest.approx(gross["total_pnl"] - net["fees"])


def test_what_a_handlers_configuration_calls_so_is_its_own(tmp_path: Path, carried: Callable[..., Any]) -> None:
    (tmp_path / "own.json").write_text(json.dumps({"default": {"commission_bps": 3.0}}))
    own = {"config": "own.json", "commission_bps": 9.0}

    assert {row["fees"] for row in rows(carried(base_args=own, runs=[{"id": "a"}]).output_dir)} == {None}


def test_a_strategy_with_the_parameter_keeps_it_and_pays_once(tmp_path: Path) -> None:
    bars = dbatch.sweep(
        "sma_cross", {"commission_bps": [0.0, 20.0]}, data=sample_path(), bars="5min", serial=True, name="own"
    )
    free, paid = (row for row in rows(bars.folder) if row["security"] == rows(bars.folder)[0]["security"])

    assert (free["fees"], paid["fees"]) == (None, None)
    assert paid["total_pnl"] < free["total_pnl"]
    plan = make_plan(RunRequest("sma_cross", str(sample_path()), bars="5min", commission_bps=20.0))
    assert plan.fees is None
    assert {job.section["commission_bps"] for job in plan.jobs} == {20.0}
    assert {job.fees for job in plan.jobs} == {None}


def test_a_strategy_over_bars_without_it_has_no_such_parameter() -> None:
    with pytest.raises(ConfigError, match="commission_per_share: unknown parameter"):
        make_plan(RunRequest("sma_cross", str(sample_path()), bars="5min", commission_per_share=1.0))


def test_another_fee_makes_a_batch_stale(batch_file: Callable[..., Path]) -> None:
    def document(fee: float | None) -> dict[str, Any]:
        written = json.loads(batch_file(runs=[{"id": "a"}]).read_text())
        written["base_args"] |= {} if fee is None else {"commission_bps": fee}
        return dict(written)

    options = BatchOptions(execution=SERIAL, isolate="none")
    dbatch.batch.notebook.finish(plan_of(document(1.0), options), options)
    keys = [{task.key for task in plan_of(document(fee), options).tasks} for fee in (1.0, 2.0, None)]

    assert not keys[0] & keys[1]
    assert not keys[2] & (keys[0] | keys[1])
    assert {task.key for task in stored_batch("out/try").plan(options).tasks} == keys[0]  # what resume makes


@pytest.mark.parametrize(("value", "shown"), [(-1, "-1"), ("5 bps", "'5 bps'"), (True, "True")])
def test_a_fee_that_is_none_is_one_line_with_its_place(batch_file: Callable[..., Path], value: Any, shown: str) -> None:
    path = batch_file(runs=[{"id": "a"}], base_args={"commission_bps": value})

    with pytest.raises(ConfigError) as refused:
        load_batch(path, check=FileCheck(Setups()))
    (fault,) = refused.value.faults
    assert fault.startswith("base_args.commission_bps")
    assert fault.endswith(f"must be a number of 0 or more, is {shown}")


def test_a_grid_names_each_fee_that_is_none() -> None:
    with pytest.raises(ConfigError) as refused:
        dbatch.sweep("v1_baseline", {"commission_bps": [1.0, float("nan"), -2.0]}, data=sample_path(), serial=True)
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        "grid.commission_bps[1]",
        "grid.commission_bps[2]",
    ]


def test_a_run_refuses_such_a_fee_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"^commission_min: must be a number of 0 or more, is nan$"):
        make_plan(RunRequest("v1_baseline", str(sample_path()), commission_min=float("nan")))


def test_a_run_keeps_its_fees_and_can_be_replayed(tmp_path: Path) -> None:
    request = RunRequest("v1_baseline", str(sample_path()), output_dir=str(tmp_path / "run"), execution=SERIAL)
    outcome = run_request(request)
    charged = run_request(
        RunRequest(
            "v1_baseline", str(sample_path()), output_dir=str(tmp_path / "net"), execution=SERIAL, commission_bps=3.0
        )
    )

    for gross, net in zip(outcome.receipts, charged.receipts, strict=True):
        assert gross.fees is None
        assert net.fees == pytest.approx(net.turnover * 3.0 / 1e4)
        assert net.realized_pnl + net.fees == pytest.approx(gross.realized_pnl)
    assert json.loads((tmp_path / "net" / "run_manifest.json").read_text())["fees"] == vars(FeeRules(3.0))
    assert replay(tmp_path / "net", charged.receipts[0].security).verdict == "equal"
    with pytest.raises(UsageError, match="data, parameters or fees of"):
        run_request(RunRequest("v1_baseline", str(sample_path()), output_dir=str(tmp_path / "net"), execution=SERIAL))


def test_the_reference_and_workers_agree_on_fees(monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunRequest(
        "v1_baseline", str(sample_path()), commission_bps=2.0, commission_per_share=0.001, commission_min=1.0
    )
    report = verify(VerifyRequest(run, sample=1))

    assert report.holds, report.checked[-1].reason
    assert report.rows > 0


def test_orders_say_what_each_cost_of_all_securities_by_name(carried: Callable[..., Any]) -> None:
    folder = carried(runs=[{"id": "a"}], base_args={"commission_min": 0.25}).output_dir
    (run,) = (folder / "runs").iterdir()
    orders = pd.read_csv(run / "orders.csv")

    assert orders["fee"].sum() == sum(row["fees"] for row in rows(folder))
    assert orders["security"].is_monotonic_increasing
    assert set(orders["type"]) == {"open", "close"}
    manifest = json.loads((run / "run_manifest.json").read_text())
    assert manifest["artifacts"] == sorted(path.name for path in run.iterdir())
    assert manifest["run_spec"]["fees"] == vars(FeeRules(commission_min=0.25))


def test_a_grid_beside_a_fee_is_planned_as_a_grid_of_the_fee_is(batch_file: Callable[..., Path]) -> None:
    options = BatchOptions(execution=SERIAL, isolate="none")
    fixed = json.loads(batch_file(grid={"size": [1, 3]}, base_args={"commission_bps": 2.0}).read_text())
    axis = json.loads(batch_file(grid={"commission_bps": [2.0], "size": [1, 3]}).read_text())

    keys = [[task.key for task in plan_of(document, options).tasks] for document in (fixed, axis)]

    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 4


def test_jobs_of_several_fees_go_through_the_events_together_as_alone() -> None:
    grid = {"commission_bps": [0.0, 1.0, 2.0, 5.0], "quote_size": [100, 200]}
    together = dbatch.sweep("v1_baseline", grid, data=sample_path(), serial=True, name="together")
    for run_id, fee, size in (("a", 2.0, 200), ("b", 5.0, 100)):
        (alone,) = (
            dbatch.sweep("v1_baseline", {"quote_size": [size]}, data=sample_path(), serial=True, name=run_id,
                         securities=["VETA"], commission_bps=fee).results().to_dict("records")
        )  # fmt: skip
        (same,) = (row for row in rows(together.folder) if row["digest"] == alone["digest"])
        figures = ("total_pnl", "fees", "sharpe", "win_rate", "max_drawdown", "profit_factor", "key")
        assert [same[name] for name in figures] == [alone[name] for name in figures]
        assert same["run_id"] == f"commission_bps_{str(fee).replace('.', '_')}_quote_size_{size}"
