"""The logs of a folder tell each end of a run once, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.errors import UsageError
from dbatch.model import Receipt
from dbatch.results.folder import locked
from dbatch.results.ledger import open_ledger
from dbatch.upkeep.logs import JobEnds, RunEnds, find_run, looks

MakeBatch = Callable[..., Path]
MakeReceipt = Callable[..., Receipt]


def test_runs_are_told_in_the_order_in_which_they_ended(make_batch: MakeBatch) -> None:
    folder = make_batch(done=[2, 0], errors={(0, "BBB"): "timeout: over 5 s", (0, "AAA"): "failed: no"})

    ends = list(RunEnds(folder).new())
    assert [(end.number, end.run_id, end.status, end.jobs) for end in ends] == [
        (2, "size_2", "success", 2),
        (0, "size_0", "timeout", 2),
    ]
    assert [receipt.security for receipt in ends[1].failures] == ["AAA", "BBB"]
    assert ends[0].runtime_sec == 1.0


def test_only_failed_runs_are_told_when_asked(make_batch: MakeBatch) -> None:
    folder = make_batch(errors={(1, "BBB"): "failed: no"})

    assert [end.number for end in RunEnds(folder, only_failed=True).new()] == [1]


def test_each_end_is_told_once_and_one_that_is_tried_again_once_more(
    make_batch: MakeBatch, made_receipt: MakeReceipt
) -> None:
    folder = make_batch(done=[0, 1], errors={(0, "AAA"): "failed: no"})
    ends = RunEnds(folder)
    assert [end.number for end in ends.new()] == [0, 1]
    assert list(ends.new()) == []

    with open_ledger(folder) as ledger:
        ledger.commit(made_receipt(2, "AAA"))  # the other job of run 2 is still to come
    assert list(ends.new()) == []
    with open_ledger(folder) as ledger:
        ledger.commit(made_receipt(2, "BBB"), made_receipt(0, "AAA"))
    assert sorted((end.number, end.status) for end in ends.new()) == [(0, "success"), (2, "success")]


def test_the_jobs_of_a_run_are_told_as_they_come_with_what_is_pending(
    make_batch: MakeBatch, made_receipt: MakeReceipt
) -> None:
    folder = make_batch(done=[])
    jobs = JobEnds(find_run(folder, "size_1"))
    assert (list(jobs.new()), jobs.pending) == ([], ("AAA", "BBB"))

    failed = made_receipt(1, "BBB", "failed: no", details="Traceback", output="printed")
    with open_ledger(folder) as ledger:
        ledger.commit(failed)
    assert (list(jobs.new()), jobs.pending) == ([failed], ("AAA",))
    assert list(jobs.new()) == []


def test_a_run_is_found_by_id_and_by_number(make_batch: MakeBatch) -> None:
    folder = make_batch(runs=[10, 11])

    assert find_run(folder, "size_11").number == 11
    assert find_run(folder, "10").run_id == "size_10"
    assert find_run(folder, "10").strategy == "dip"


def test_an_unknown_run_is_refused_with_a_near_one(make_batch: MakeBatch) -> None:
    folder = make_batch()

    with pytest.raises(UsageError, match=r"has no run 'siz_3'; did you mean 'size_3'\? it has 4, numbered from 0 to 3"):
        find_run(folder, "siz_3")
    with pytest.raises(UsageError, match=r"has no run '4'"):
        find_run(folder, "4")


def test_the_securities_of_a_plain_run_are_its_runs(make_run: Callable[..., Path]) -> None:
    folder = make_run({"BBB": "failed: no"})

    assert [(end.run_id, end.status) for end in RunEnds(folder).new()] == [("AAA", "success"), ("BBB", "failed")]
    assert [receipt.error for receipt in JobEnds(find_run(folder, "bbb")).new()] == ["no"]
    with pytest.raises(UsageError, match="has no security 'CCC'"):
        find_run(folder, "CCC")


def test_following_ends_when_the_driver_has_ended_and_not_before_its_last_results(
    make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_batch()
    naps: list[float] = []
    monkeypatch.setattr("dbatch.upkeep.logs.time.sleep", naps.append)
    driver = locked(folder)
    driver.__enter__()

    seen = 0
    for _ in looks(folder, follow=True):
        seen += 1
        if seen == 2:  # it ends after this look began: one more is due
            driver.__exit__(None, None, None)
    assert (seen, len(naps)) == (3, 2)


def test_without_following_there_is_one_look_though_a_driver_is_at_it(make_batch: MakeBatch) -> None:
    folder = make_batch()

    with locked(folder):
        assert len(list(looks(folder, follow=False))) == 1
