"""The status of a batch counts what its ledger holds, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.errors import OutputError
from dbatch.model import Receipt
from dbatch.results.folder import locked
from dbatch.results.ledger import Commit, open_ledger
from dbatch.upkeep.pace import pace
from dbatch.upkeep.status import read_status
from dbatch.upkeep.subject import subjects_below
from dbatch.upkeep.tally import Cause

MakeBatch = Callable[..., Path]
SESSION = {"started_at": "1970-01-01T00:10:00+00:00", "finished_at": "1970-01-01T00:20:00+00:00"}


def test_runs_and_jobs_are_counted_a_run_as_its_worst_job(make_batch: MakeBatch) -> None:
    errors = {(1, "AAA"): "failed: no", (2, "AAA"): "failed: no", (2, "BBB"): "timeout: over 5 s"}
    status = read_status(make_batch(runs=range(5), done=range(4), errors=errors, state="running"))

    assert dict(status.runs.statuses) == {"success": 2, "failed": 1, "timeout": 1, "pending": 1}
    assert dict(status.jobs.statuses) == {"success": 5, "failed": 2, "timeout": 1, "pending": 2}
    assert (status.runs.done, status.runs.total, status.runs.unsuccessful) == (4, 5, 2)


def test_a_run_with_one_job_missing_is_pending(make_batch: MakeBatch, made_receipt: Callable[..., Receipt]) -> None:
    folder = make_batch(runs=range(2), done=[])
    with open_ledger(folder) as ledger:
        ledger.commit(made_receipt(0, "AAA", "failed: no"))

    status = read_status(folder)
    assert dict(status.runs.statuses) == {"pending": 2}
    assert dict(status.jobs.statuses) == {"failed": 1, "pending": 3}


def test_a_batch_that_says_it_runs_but_whose_lock_nobody_holds_is_interrupted(make_batch: MakeBatch) -> None:
    status = read_status(make_batch(state="running", done=[0]))

    assert (status.state, status.note) == ("INTERRUPTED", "its driver is gone")
    assert status.command.startswith("dbatch resume ")


def test_a_batch_whose_lock_is_held_is_running_whatever_it_says(make_batch: MakeBatch) -> None:
    folder = make_batch(state="failed", done=[0])

    with locked(folder):
        status = read_status(folder)
    assert status.is_running
    assert status.driver is not None


@pytest.mark.parametrize(("age", "state"), [(60, "RUNNING"), (600, "INTERRUPTED")])
def test_a_driver_on_a_host_whose_lock_is_not_seen_runs_if_it_committed_lately(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch, age: float, state: str
) -> None:
    folder = make_batch(state="running", done=[0])
    holder = {"pid": 1, "host": "elsewhere", "started_at": "2026-03-02T10:00:00.000+00:00"}
    (folder / ".dbatch.lock.pid").write_text(json.dumps(holder))
    with open_ledger(folder) as ledger:
        (commit,) = ledger.commits()
    monkeypatch.setattr("dbatch.upkeep.status.time.time", lambda: commit.at + age)

    assert read_status(folder).state == state


def test_a_finished_batch_that_lost_results_is_interrupted(
    make_batch: MakeBatch, job_key: Callable[[int, str], str]
) -> None:
    folder = make_batch()
    assert read_status(folder).state == "FINISHED"
    with open_ledger(folder) as ledger:
        ledger.forget([job_key(0, "AAA")])

    status = read_status(folder)
    assert (status.state, status.command) == ("INTERRUPTED", f"dbatch resume {folder}")


def test_failures_alone_are_to_be_retried_and_nothing_is_when_all_succeeded(make_batch: MakeBatch) -> None:
    failed = make_batch("failed", errors={(0, "AAA"): "failed: no"}, state="failed")

    assert read_status(failed).command == f"dbatch retry {failed}"
    assert read_status(make_batch("good")).command == ""


def test_why_a_batch_stopped_is_what_its_last_session_says(make_batch: MakeBatch) -> None:
    sessions = [{**SESSION, "reason": "cancelled by 'dbatch cancel'"}]
    status = read_status(make_batch(state="stopped", done=[0], sessions=sessions))

    assert (status.state, status.note) == ("STOPPED", "cancelled by 'dbatch cancel'")


def test_causes_that_differ_in_numbers_or_the_security_are_one_and_a_single_one_is_told_as_it_is(
    make_batch: MakeBatch,
) -> None:
    errors = {(run, name): f"failed: row {run} of {name} is bad" for run in range(3) for name in ("AAA", "BBB")}
    errors[3, "AAA"] = "timeout: over its limit of 60 s"

    assert read_status(make_batch(errors=errors)).causes == (
        Cause("failed", "row N of SECURITY is bad", 6),
        Cause("timeout", "over its limit of 60 s", 1),
    )


def test_no_more_than_five_causes_are_told_the_most_frequent_first(make_batch: MakeBatch) -> None:
    errors = {(run, "AAA"): f"failed: {'x' * min(run + 1, 6)}" for run in range(8)}

    causes = read_status(make_batch(runs=range(8), errors=errors)).causes
    assert [cause.count for cause in causes] == [3, 1, 1, 1, 1]


def test_looking_writes_nothing_even_after_a_driver_was_killed(
    make_batch: MakeBatch, contents: Callable[[Path], dict[str, bytes]], tmp_path: Path
) -> None:
    folder = make_batch(state="running")
    with open_ledger(folder) as ledger:  # its log is not yet in the ledger's file
        ledger.remember(more=1)
        before = contents(folder)
        read_status(folder)
        assert contents(folder).keys() == before.keys()
    before = contents(folder)
    read_status(folder)
    assert contents(folder) == before


def test_a_plain_run_is_a_batch_with_one_run(make_run: Callable[..., Path]) -> None:
    status = read_status(make_run({"BBB": "failed: no"}, status="failed"))

    assert (status.kind, status.name, status.state) == ("run", "run", "FAILED")
    assert dict(status.runs.statuses) == {"failed": 1}
    assert dict(status.jobs.statuses) == {"success": 1, "failed": 1}
    assert status.elapsed_sec == 600.0


def test_folders_without_a_batch_are_refused_with_what_is_near(make_batch: MakeBatch, tmp_path: Path) -> None:
    make_batch()

    with pytest.raises(OutputError, match=r"there are some below it: batch"):
        read_status(tmp_path)
    with pytest.raises(OutputError, match=r"no such folder; name one that 'dbatch batch' or 'dbatch run' wrote"):
        read_status(tmp_path / "nothing")


def test_batches_below_a_folder_are_those_with_a_ledger(make_batch: MakeBatch, tmp_path: Path) -> None:
    folders = [make_batch("b"), make_batch("a")]
    (tmp_path / "c").mkdir()

    assert subjects_below(tmp_path) == folders[::-1]


def commits_at(times: list[float], rss: list[float] | None = None) -> list[Commit]:
    return [Commit(at, 10, 0, memory) for at, memory in zip(times, rss or [100.0] * len(times), strict=True)]


def test_the_rate_is_that_of_the_last_session_and_time_that_of_all() -> None:
    commits = commits_at([610.0, 1190.0, 1810.0, 1820.0])  # the session of SESSION is from 600 to 1200

    found = pace({"sessions": [SESSION]}, commits, began=1800.0, now=1840.0)
    assert found.elapsed_sec == 600.0 + 40.0
    assert found.jobs_per_sec == 20 / 40


def test_a_killed_session_is_known_by_its_transactions() -> None:
    commits = commits_at([610.0, 1810.0, 1860.0])

    found = pace({"sessions": [SESSION], "started_at": SESSION["started_at"]}, commits, began=None, now=9e9)
    assert found.elapsed_sec == 600.0 + 50.0
    assert found.jobs_per_sec == 20 / 50


def test_the_slope_is_the_trend_of_memory_after_the_warm_up() -> None:
    times = [float(second) for second in range(601, 617)]
    memory = [10.0, 50.0, 90.0, 95.0, *(100.0 + 2.0 * step for step in range(12))]  # 2 MiB in 10 jobs, once warm

    found = pace({"sessions": [SESSION]}, commits_at(times, memory), began=None, now=0.0)
    assert found.slope_mb == pytest.approx(20.0)
    assert found.rss_mb == 122.0


def test_no_slope_is_told_of_few_jobs() -> None:
    times = [float(second) for second in range(601, 613)]  # nine transactions after the warm-up: 80 jobs apart

    found = pace({"sessions": [SESSION]}, commits_at(times, [100.0 * second for second in times]), None, 0.0)
    assert found.slope_mb is None


@pytest.mark.parametrize("facts", [{}, {"sessions": [{"started_at": None}]}, {"sessions": [{"started_at": "soon"}]}])
def test_without_times_nothing_is_known_of_the_pace(facts: dict[str, Any]) -> None:
    found = pace(facts, commits_at([0.0]), began=None, now=1.0)

    assert (found.elapsed_sec, found.jobs_per_sec, found.slope_mb) == (0.0, None, None)
