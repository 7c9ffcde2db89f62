"""A batch keeps every result or a named cause, finished stays finished, and nothing is mixed silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dbatch.batch.carry_out import BatchOutcome
from dbatch.batch.options import BatchOptions, MaxFailures
from dbatch.batch.stored import stored_batch
from dbatch.engine.execute import Execution
from dbatch.errors import ConfigError, OutputError, UsageError
from dbatch.results.consolidate import result_digest
from dbatch.results.ledger import reading_ledger

Carried = Callable[..., BatchOutcome]
GRID = {"every": [1, 2, 3], "size": [1, 5]}


def in_place(**changes: Any) -> BatchOptions:
    """Return the options of a batch in this process, one job after the other."""
    return BatchOptions(execution=Execution(serial=True), isolate="none", **changes)


def summary(outcome: BatchOutcome) -> pd.DataFrame:
    return pd.read_csv(outcome.output_dir / "batch_summary.csv", keep_default_na=False, index_col="run_id")


def test_every_run_of_a_grid_over_every_security_has_a_result(carried: Carried) -> None:
    outcome = carried(grid=GRID)

    assert (outcome.runs, outcome.jobs, outcome.computed, outcome.exit_code) == ({"success": 6}, {"success": 12}, 12, 0)
    assert list(summary(outcome).index) == [f"every_{every}_size_{size}" for every in (1, 2, 3) for size in (1, 5)]
    folders = sorted(path.name for path in (outcome.output_dir / "runs").iterdir())
    assert folders == [f"{number:04d}_{run}" for number, run in enumerate(summary(outcome).index)]


@pytest.mark.parametrize(
    "options",
    [
        in_place(unit_jobs=1),
        in_place(unit_jobs=5),
        BatchOptions(execution=Execution(workers=2, dashboard=False), isolate="none"),
        BatchOptions(
            execution=Execution(workers=2, dashboard=False, cluster="processes"), isolate="worker", unit_jobs=2
        ),
        BatchOptions(execution=Execution(workers=2, dashboard=False), unit_jobs=3),
    ],
    ids=["one job a unit", "five", "threads", "processes", "children"],
)
def test_however_a_batch_is_carried_out_the_digest_of_its_results_is_the_same(
    carried: Carried, options: BatchOptions, tmp_path: Path
) -> None:
    one = carried(in_place(fills="none"), name="one", grid=GRID)
    other = carried(options, name="other", grid=GRID)

    assert other.exit_code == 0
    assert result_digest(one.output_dir) == result_digest(other.output_dir)
    assert len(list((other.output_dir / "runs").rglob("*_trades_timeseries.csv"))) == 12


def test_the_digest_sees_another_parameter(carried: Carried) -> None:
    one = carried(name="one", grid={"size": [1]})
    other = carried(name="other", grid={"size": [2]})

    assert result_digest(one.output_dir) != result_digest(other.output_dir)


def test_a_second_call_computes_nothing_and_leaves_every_file_as_it_is(carried: Carried) -> None:
    first = carried(grid=GRID)
    before = {path: path.read_bytes() for path in first.output_dir.rglob("*") if path.is_file()}

    assert carried(grid=GRID).computed == 0
    after = {path: path.read_bytes() for path in first.output_dir.rglob("*") if path.is_file()}
    assert {path for path in after if before.get(path) != after[path]} <= {first.output_dir / "ledger.sqlite"}
    assert before.keys() == after.keys()


def test_each_failure_has_its_status_and_cause_and_the_others_finish(carried: Carried) -> None:
    outcome = carried(base_args={"fault": None}, grid={"fault": [None, "raises", "exits", "column"]})

    assert outcome.runs == {"success": 1, "failed": 1, "crashed": 1, "skipped": 1}
    assert outcome.exit_code == 1
    errors = summary(outcome)["error"]
    assert errors.iloc[0] == ""
    assert "as asked" in errors.iloc[1]
    assert "3" in errors.iloc[2]
    assert "adj_close" in errors.iloc[3]
    assert "ValueError: as asked" in (outcome.output_dir / "runs" / "0001_fault_raises" / "run.log").read_text()


def test_failed_jobs_stay_failed_until_they_are_asked_for_again(carried: Carried, tmp_path: Path) -> None:
    fields: dict[str, Any] = {"base_args": {"fault": "once", "mark": str(tmp_path / "mark")}, "securities": ["AAA"]}
    fields |= {"grid": {"every": [1, 2]}}

    first = carried(**fields)
    assert first.runs == {"failed": 1, "success": 1}
    assert carried(**fields).computed == 0
    again = carried(**fields, redo=("failed",))
    assert (again.runs, again.computed) == ({"success": 2}, 1)
    with reading_ledger(first.output_dir) as ledger:
        assert ledger.attempts() == 3


def test_retries_do_a_failed_job_again_at_once(carried: Carried, tmp_path: Path) -> None:
    mark = {"fault": "once", "mark": str(tmp_path / "mark")}

    outcome = carried(in_place(retries=1), base_args=mark, securities=["AAA"], grid={"every": [1]})
    assert (outcome.runs, outcome.computed) == ({"success": 1}, 2)


def test_fail_fast_leaves_the_rest_for_later(carried: Carried) -> None:
    fields: dict[str, Any] = {"grid": {"fault": ["raises", None], "every": [1, 2, 3]}}

    outcome = carried(in_place(fail_fast=True, unit_jobs=1), **fields)
    assert outcome.stopped is not None
    assert (outcome.exit_code, outcome.runs["failed"], outcome.runs["cancelled"]) == (1, 1, 5)
    assert carried(**fields).runs == {"failed": 3, "success": 3}


def test_too_many_failures_end_a_batch(carried: Carried) -> None:
    options = in_place(max_failures=MaxFailures(count=1), unit_jobs=1)

    outcome = carried(options, grid={"fault": ["raises"], "every": [1, 2, 3, 4, 5]}, securities=["AAA"])
    assert outcome.runs == {"failed": 2, "cancelled": 3}


def test_the_time_of_a_batch_can_be_limited(carried: Carried) -> None:
    outcome = carried(in_place(batch_timeout=1e-9, unit_jobs=1), grid=GRID)

    assert outcome.fault is not None
    assert "--batch-timeout" in outcome.fault
    assert outcome.exit_code == 4
    assert carried(grid=GRID).runs == {"success": 6}


def test_another_batch_is_refused_unless_it_replaces_the_first(carried: Carried) -> None:
    carried(grid={"every": [1]})

    with pytest.raises(OutputError, match="holds another batch"):
        carried(grid={"every": [2]})
    assert list(summary(carried(in_place(rerun=True), grid={"every": [2]})).index) == ["every_2"]


@pytest.mark.parametrize("change", ["code", "data"])
def test_changed_code_and_data_are_decided_on_before_anything_is_mixed(
    carried: Carried, strategy: Path, market: Path, make_prints: Callable[[int], pd.DataFrame], change: str
) -> None:
    first = carried(in_place(fail_fast=True, unit_jobs=1), grid={"fault": [None, "raises"], "every": [1, 2]})
    done = first.jobs["success"]
    if change == "code":
        strategy.write_text(strategy.read_text().replace('"every", 2', '"every", 3'))
    else:
        make_prints(7).to_parquet(market / "aaa.parquet")

    said = "code of strategy 'turning'" if change == "code" else "data of AAA"
    with pytest.raises(OutputError, match=said) as refusal:
        carried(grid={"fault": [None, "raises"], "every": [1, 2]})
    assert "--accept-stale" in str(refusal.value)
    kept = carried(in_place(stale="accept"), grid={"fault": [None, "raises"], "every": [1, 2]})
    results = pd.read_parquet(kept.output_dir / "results.parquet")
    assert results["stale"].sum() >= done // 2
    fresh = carried(in_place(stale="rerun"), grid={"fault": [None, "raises"], "every": [1, 2]})
    assert not pd.read_parquet(fresh.output_dir / "results.parquet")["stale"].any()
    anew = carried(name="anew", grid={"fault": [None, "raises"], "every": [1, 2]})
    assert result_digest(anew.output_dir) == result_digest(fresh.output_dir)


def test_runs_with_equal_parameters_share_their_jobs(carried: Carried) -> None:
    outcome = carried(runs=[{"id": "one"}, {"id": "two"}], securities=["AAA"])

    assert (outcome.computed, outcome.jobs, outcome.runs) == (1, {"success": 2}, {"success": 2})


def test_two_strategies_in_one_file_share_no_jobs(carried: Carried, strategy: Path) -> None:
    text = strategy.read_text()
    twin = text[text.index("def create_turning") :].replace("turning", "twin").replace('"every", 2', '"every", 3')
    strategy.write_text(f"{text}\n\n{twin}")
    outcome = carried(strategies=["turning", "twin"])

    assert (outcome.computed, outcome.runs) == (4, {"success": 2})
    results = pd.read_parquet(outcome.output_dir / "results.parquet")
    assert results["digest"].nunique() == 4


def test_a_damaged_part_is_computed_again(carried: Carried) -> None:
    first = carried(grid=GRID)
    digest = result_digest(first.output_dir)
    part = next((first.output_dir / "parts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-7])

    again = carried(grid=GRID)
    assert again.computed > 0
    assert result_digest(again.output_dir) == digest


def test_a_lost_ledger_is_made_again_from_the_parts(carried: Carried) -> None:
    first = carried(grid=GRID)
    digest = result_digest(first.output_dir)
    for path in first.output_dir.glob("ledger.sqlite*"):
        path.unlink()

    assert carried(grid=GRID).computed == 0
    assert result_digest(first.output_dir) == digest


def test_parts_of_a_batch_are_computed_by_range(carried: Carried) -> None:
    half = carried(in_place(runs=(0, 3)), grid=GRID)
    assert half.runs == {"success": 3}

    assert carried(in_place(runs=(3, None)), grid=GRID).runs == {"success": 6}
    with pytest.raises(UsageError, match="has 6 runs"):
        carried(in_place(runs=(6, None)), grid=GRID)


@pytest.mark.parametrize("securities", [["AAA"], ["AAA", "BBB"]])
def test_fills_of_the_best_runs_alone_are_kept(carried: Carried, securities: list[str]) -> None:
    whole = carried(name="whole", grid=GRID, securities=securities)
    best = summary(whole).assign(sharpe=lambda frame: pd.to_numeric(frame["sharpe"])).sort_values("sharpe").index[-2:]
    outcome = carried(in_place(fills="top:2"), grid=GRID, securities=securities)

    kept = {path.parent.name[5:] for path in (outcome.output_dir / "runs").rglob("*_trades_timeseries.csv")}
    assert kept == set(best)
    assert result_digest(outcome.output_dir) == result_digest(whole.output_dir)


def test_random_numbers_begin_with_the_seed_the_parameters_and_the_security(carried: Carried) -> None:
    drawn = {"base_args": {"drawn": True}, "grid": {"every": [2, 4]}}
    one = carried(name="one", seed=1, **drawn)
    again = carried(in_place(unit_jobs=1), name="again", seed=1, **drawn)
    other = carried(name="other", seed=2, **drawn)

    digests = [result_digest(outcome.output_dir) for outcome in (one, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_resumed_batch_is_the_batch_that_was_asked_for(carried: Carried) -> None:
    outcome = carried(in_place(fills="none", retries=2, runs=(1, 4)), grid=GRID)

    stored = stored_batch(outcome.output_dir)
    assert stored.runs == (1, 2, 3)
    chosen = stored.with_stored(in_place())
    assert (chosen.fills, chosen.retries, chosen.runs) == ("none", 2, None)
    assert stored.plan(chosen).runs.ids == ["every_1_size_5", "every_2_size_1", "every_2_size_5"]


def test_a_folder_without_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no batch"):
        stored_batch(tmp_path)


def test_an_unknown_security_in_a_parameter_is_refused_with_the_run(carried: Carried) -> None:
    with pytest.raises(ConfigError, match="no security 'AAB'"):
        carried(base_args={"AAB.size": 5}, grid={"every": [1]})


def test_tags_and_priority_are_added_to_every_run(carried: Carried) -> None:
    outcome = carried(in_place(tags=("desk=gulf",), priority=3), runs=[{"id": "one", "tags": ["own"], "priority": 1}])

    manifest = json.loads((outcome.output_dir / "batch_manifest.json").read_text())
    (run,) = manifest["expanded_runs"]
    assert (run["tags"], run["priority"]) == (["own", "desk=gulf"], 4)
