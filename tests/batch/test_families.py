"""Runs of a grid that are planned together are planned as each would be by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch
from dbatch.batch.setups import Setups
from dbatch.config import runs as config_runs
from dbatch.config.sweep import sweep_batch
from dbatch.engine.packing import GivenJob, Packer, jobs_of
from dbatch.engine.plan import job_key
from dbatch.errors import ConfigError

VALUES = {
    "atr_period": [5, 20.0, 7, 100],
    "k_atr_int": [0, 1, 2, 30],
    "spread": [0, 0.5, 1e-7, 2],
    "fill_at": ["open", "close"],
    "units": [1, 2**70, 3],
    "start_date": ["2024-03-04", "2024-03-05"],
    "only_trades": [True, False],
    "AAA.fraction": [0.5, 1],
}
HANDLER = """def create_kept_handler(config):
    return lambda security, chunk, orderbook, state: state
"""


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bars of AAA and BBB, a configuration of bigbar, and a plain handler."""
    folder = tmp_path_factory.mktemp("bars")
    (folder / "data").mkdir()
    times = pd.date_range("2024-03-04 09:00", periods=30, freq="1h")
    for seed, name in enumerate(("AAA", "BBB")):
        close = 100 + np.random.default_rng(seed).normal(0, 1, len(times)).round(2)
        table = {"timestamp": times, "open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 5}
        pd.DataFrame(table).to_csv(folder / "data" / f"{name}.csv", index=False)
    sections = {"default": {"buffer_ratio_int": 2}, "bbb": {"slippage_bps": 1}}
    (folder / "bigbar.json").write_text(json.dumps(sections))
    (folder / "kept_strategy.py").write_text(HANDLER)
    return folder


def planned(folder: Path, grid: dict[str, Any], options: BatchOptions | None = None, **more: Any) -> BatchPlan:
    strategy, sample = more.pop("strategy", "bigbar"), more.pop("sample", None)
    base = {"data": "data", **more.pop("base_args", {})}
    fields = {"grid": grid, "base_args": base, "output_root": "out", **more}
    return plan_batch(
        sweep_batch(strategy, fields=fields, sample=sample, folder=folder), options or BatchOptions(), setups=Setups()
    )


def facts(plan: BatchPlan) -> tuple[Any, ...]:
    """All that becomes of a plan: in the ledger, and in units."""
    tasks = [(task.place, task.key, task.source.run_id, task.source.priority) for task in plan.tasks]
    jobs = [(job, [type(value) for value in job.section.values()], list(job.section)) for job in jobs_of(plan.tasks)]
    return list(plan.runs.rows()), list(plan.runs.jobs()), tasks, jobs, plan.contexts


def together_and_alone(monkeypatch: pytest.MonkeyPatch, *asked: Any, **more: Any) -> tuple[BatchPlan, BatchPlan]:
    with monkeypatch.context() as patched:
        patched.setattr(config_runs, "_FEWEST", 2)
        together = planned(*asked, **more)
        patched.setattr(config_runs, "_FEWEST", 10**9)
        return together, planned(*asked, **more)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    grid=st.fixed_dictionaries(
        {"k_atr_int": st.just([1, 2, 3])},
        optional={
            key: st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
            for key, values in VALUES.items()
            if key != "k_atr_int"
        },
    ),
    order=st.randoms(use_true_random=False),
    seed=st.one_of(st.none(), st.integers(0, 3)),
    configured=st.booleans(),
    base=st.sampled_from([{}, {"k_atr_int": 9, "capital": 5e4}, {"BBB.k_atr_int": 9}]),
    part=st.sampled_from([None, (0, 2), (1, None)]),
    sampled=st.booleans(),
)
def test_ids_hashes_keys_and_parameters_are_those_of_runs_planned_one_by_one(
    bars: Path,
    monkeypatch: pytest.MonkeyPatch,
    grid: dict[str, Any],
    order: Any,
    seed: int | None,
    configured: bool,
    base: dict[str, Any],
    part: tuple[int, int | None] | None,
    sampled: bool,
) -> None:
    keys = order.sample(sorted(grid), len(grid))
    more = {"base_args": {**base, **({"config": "bigbar.json"} if configured else {})}, "seed": seed}
    together, alone = together_and_alone(
        monkeypatch,
        bars,
        {key: grid[key] for key in keys},
        BatchOptions(runs=part, tags=("t",), priority=3),
        sample=2 if sampled else None,
        **{key: value for key, value in more.items() if value is not None},
    )
    assert facts(together) == facts(alone)


def test_a_key_is_the_one_of_the_whole_set_of_parameters(bars: Path) -> None:
    plan = planned(bars, {"k_atr_int": [*range(20)], "atr_period": [20.0]})

    assert len(plan.runs.blocks) == 1
    for task, job in zip(plan.tasks, jobs_of(plan.tasks), strict=True):
        assert task.key == job.key == job_key(task.source.common, job.section)
        assert job.section["k_atr_int"] == task.place
        assert job.section["atr_period"] == 20


def test_a_fault_of_a_grid_is_said_as_that_of_runs_planned_one_by_one(
    bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(bars, {"k_atr_int": [1, -1, *range(2, 12)], "fill_at": ["close", "never"]})
    monkeypatch.setattr(config_runs, "_FEWEST", 10**9)
    with pytest.raises(ConfigError) as alone:
        planned(bars, {"k_atr_int": [1, -1, *range(2, 12)], "fill_at": ["close", "never"]})
    assert caught.value.faults == alone.value.faults
    assert len(caught.value.faults) == 2


def test_a_job_of_a_plain_handler_cannot_change_the_parameters_of_another(bars: Path) -> None:
    more = {"strategy": "kept", "base_args": {"strategy_path": "kept_strategy.py", "fixed": [0]}}
    plan = planned(bars, {"levels": [[1, 2], [3]], "size": [*range(8)]}, **more)
    assert not isinstance(plan.tasks[0].source, GivenJob)
    one, other = jobs_of(plan.tasks[:4:2])
    assert plan.tasks[0].source is plan.tasks[2].source
    one.section["levels"].append(9)
    one.section["fixed"].append(9)

    assert (other.section["levels"], other.section["fixed"]) == ([1, 2], [0])
    assert jobs_of(plan.tasks[:1])[0].section == {"fixed": [0], "levels": [1, 2], "size": 0}


def test_units_hold_the_jobs_of_a_grid_in_the_order_of_its_runs(bars: Path) -> None:
    plan = planned(bars, {"k_atr_int": [*range(9)]})
    packer = Packer(plan.tasks, 6)
    units = []
    while (unit := packer.take(1)) is not None:
        units.append([(job.security.name, job.section["k_atr_int"]) for job in unit.jobs])
    expected = [[(name, size) for size in sizes] for sizes in (range(6), range(6, 9)) for name in ("AAA", "BBB")]

    assert units == expected
