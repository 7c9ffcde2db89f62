"""A run is done with its last job, a block with its last run; one bad job makes a bad run."""

from __future__ import annotations

import pytest

from dbatch.batch.progress import Block, Progress, block_size


def done(key: str, status: str = "success") -> tuple[str, str]:
    return key, status


def progress_of(runs: int, block_runs: int, securities: int = 2) -> Progress:
    users = {f"{run}-{security}": [run] for run in range(runs) for security in range(securities)}
    return Progress([f"r{run}" for run in range(runs)], users, block_runs)


def feed(progress: Progress, *jobs: tuple[str, str]) -> list[Block]:
    return [block for job in jobs for block in progress.take(*job)]


def test_a_run_is_done_with_its_last_job() -> None:
    progress = progress_of(2, 1)

    assert feed(progress, done("0-0"), done("1-0")) == []
    assert progress.runs_done == 0
    (block,) = feed(progress, done("0-1"))
    assert (block.number, block.blocks, block.first, block.last, block.statuses) == (1, 2, 0, 1, {"success": 1})
    assert (progress.runs_done, progress.jobs_done, progress.runs_failed) == (1, 3, 0)


def test_one_bad_job_makes_a_bad_run_and_is_counted_before_the_run_is_done() -> None:
    progress = progress_of(2, 2)
    feed(progress, done("0-0", "timeout"))

    assert (progress.failing, progress.runs_failed) == (1, 0)
    (block,) = feed(progress, done("0-1"), done("1-0"), done("1-1"))
    assert block.statuses == {"timeout": 1, "success": 1}
    assert progress.runs_failed == 1


def test_a_skipped_run_is_no_failing_one() -> None:
    progress = progress_of(1, 1, securities=1)
    feed(progress, done("0-0", "skipped"))

    assert progress.failing == 0
    assert progress.statuses == {"skipped": 1}


def test_a_job_that_two_runs_share_is_done_for_both() -> None:
    progress = Progress(["a", "b"], {"k": [0, 1]}, 2)

    assert [block.statuses for block in feed(progress, done("k"))] == [{"success": 2}]
    assert (progress.jobs, progress.runs_done) == (1, 2)


def test_what_was_done_before_counts_but_not_in_the_rate() -> None:
    progress = progress_of(2, 2)
    progress.before(dict.fromkeys(("0-0", "0-1", "1-0"), "success"))

    assert (progress.jobs_before, progress.runs_done, progress.eta_sec) == (3, 1, None)
    (block,) = feed(progress, done("1-1"))
    assert block.statuses == {"success": 2}
    assert block.eta_sec == 0.0


@pytest.mark.parametrize(
    ("runs", "unit_jobs", "expected"), [(4620, None, 185), (4620, 20, 20), (3, None, 1), (0, None, 1)]
)
def test_blocks_are_as_large_as_units_or_about_twenty_five(runs: int, unit_jobs: int | None, expected: int) -> None:
    assert block_size(runs, unit_jobs) == expected
