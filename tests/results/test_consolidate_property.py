"""Whatever became of the jobs of a batch, all its files count the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbatch.results.consolidate import read_results, read_summary
from dbatch.results.run_table import SEVERITY

Make = Callable[..., Any]
Jobs = dict[str, tuple[str | None, int]]

outcomes = st.tuples(st.sampled_from([None, "success", "success", *SEVERITY]), st.integers(0, 3))
plans = st.lists(st.dictionaries(st.sampled_from(["AAA", "BBB", "NA", "é=1"]), outcomes), max_size=5)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, unit_jobs=st.integers(1, 4), keep_fills=st.booleans(), damaged=st.integers(0, 20))
def test_counts_agree_in_all_files(
    tmp_path_factory: pytest.TempPathFactory,
    batches: ModuleType,
    make_batch: Make,
    consolidated: Make,
    plan: list[Jobs],
    unit_jobs: int,
    keep_fills: bool,
    damaged: int,
) -> None:
    folder = tmp_path_factory.mktemp("batch")
    receipts = make_batch(folder, _runs(batches, plan), unit_jobs=unit_jobs, keep_fills=keep_fills)
    parts = sorted({receipt.part for receipt in receipts.values() if receipt.part})
    taken = parts[damaged] if damaged < len(parts) else None
    if taken:
        (folder / taken).unlink()

    found = consolidated(folder)

    lost = {receipt.key for receipt in receipts.values() if receipt.status == "success" and receipt.part == taken}
    assert set(found.damaged) == lost
    results = read_results(folder).to_pylist()
    assert len(results) == sum(map(len, plan))
    assert dict(Counter(job["status"] for job in results)) == dict(found.jobs)
    summary = read_summary(folder).to_pylist()
    assert [row["run_id"] for row in summary] == [f"run{number}" for number in range(len(plan))]
    for row in summary:
        statuses = [job["status"] for job in results if job["run_id"] == row["run_id"]] or ["cancelled"]
        assert row["status"] == max(statuses, key=SEVERITY.index)
        assert (row["error"] is None) == (row["status"] == "success") == (row["turnover"] is not None)
    manifest = json.loads((folder / "batch_manifest.json").read_text())
    told = json.loads((folder / "batch_summary.json").read_text())
    counts = dict(Counter(row["status"] for row in summary))
    assert dict(found.runs) == counts == manifest["run_results_summary"]["counts"] == told["counts"]
    assert manifest["jobs"]["counts"] == dict(found.jobs)
    assert told["runs"] == summary
    kept = [json.loads(path.read_text()) for path in sorted((folder / "runs").glob("*/run_manifest.json"))]
    assert [one["status"] for one in kept] == [row["status"] for row in summary]
    assert [job["status"] for one in kept for job in one["jobs"]] == [job["status"] for job in results]


def _runs(batches: ModuleType, plan: list[Jobs]) -> list[Any]:
    def job(status: str | None, days: int) -> Any:
        return batches.MadeJob(status, daily=(4.0, -1.0, 2.5)[:days], error="" if status == "success" else "no")

    return [batches.MadeRun({name: job(*outcome) for name, outcome in jobs.items()}) for jobs in plan]
