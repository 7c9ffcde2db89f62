"""The ways in which a request is computed again."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from dbatch.engine.execute import Execution
from dbatch.equivalence.variations import DIMENSIONS, Variation, described, usual_chunk, variations

WHOLE = 1 << 40


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)


def ways(
    *dimensions: str,
    jobs: int = 10,
    workers: int = 4,
    rows: int = 1_000,
    events: Sequence[int] = (20_000,),
    compiled: bool = True,
) -> list[Variation]:
    execution = Execution(workers=workers, dashboard=False)
    first = Variation("distributed", "first", execution, rows)
    return list(variations(dimensions, first, jobs=jobs, events=events, compiled=compiled))


def workers_of(found: list[Variation]) -> list[int | None]:
    return [variation.execution.workers for variation in found]


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_dimension_changes_nothing_else(dimension: str) -> None:
    usual = Execution(workers=4, dashboard=False)
    own = {
        "workers": {"workers"},
        "chunks": set(),
        "units": {"unit_jobs"},
        "order": {"shuffle", "workers", "unit_jobs"},
        "processes": {"cluster"},
    }[dimension]
    found = ways(dimension)
    assert found
    for variation in found:
        assert variation.dimension == dimension
        changed = {name for name in vars(usual) if getattr(variation.execution, name) != getattr(usual, name)}
        assert changed <= own
        assert (variation.chunk_rows != 1_000) is (dimension == "chunks")
        assert changed or dimension == "chunks"


def test_dimensions_come_in_one_order_and_only_those_asked_for() -> None:
    found = [variation.dimension for variation in ways("processes", "workers")]
    assert list(dict.fromkeys(found)) == ["workers", "processes"]
    assert {variation.dimension for variation in ways(*DIMENSIONS)} == set(DIMENSIONS)
    assert ways() == []


@pytest.mark.parametrize(
    ("jobs", "workers", "others"),
    [
        (10, 4, [1, 2, 5, 8]),
        (10, 1, [2, 8]),
        (10, 8, [1, 2, 9]),
        (4, 4, [1, 2]),  # five workers would do as four do
        (3, 8, [1, 2]),  # eight do as three do
        (2, 1, [2]),
        (1, 2, []),
    ],
)
def test_numbers_of_workers_other_than_the_first_that_all_have_something_to_do(
    jobs: int, workers: int, others: list[int]
) -> None:
    assert workers_of(ways("workers", jobs=jobs, workers=workers)) == others


@pytest.mark.parametrize(
    ("rows", "events", "chunks"),
    [
        (1_000, (20_000,), [10, 207, 1_001, WHOLE]),  # a 2000th, a 97th, one more than first
        (1_001, (20_000,), [10, 207, WHOLE]),
        (66, (301, 347), [1, 3, 67, WHOLE]),
        (1, (5,), [WHOLE]),
        (100, (), [1, 101, WHOLE]),
    ],
)
def test_chunks_from_a_few_rows_to_whole_securities(rows: int, events: tuple[int, ...], chunks: list[int]) -> None:
    found = ways("chunks", rows=rows, events=events)
    assert [variation.chunk_rows for variation in found] == chunks
    assert found[-1].name == "one chunk a security"


def test_no_chunks_are_so_small_that_a_security_has_more_than_2000() -> None:
    assert min(variation.chunk_rows for variation in ways("chunks", rows=100_000, events=(5_000_000, 10))) == 2_500


@pytest.mark.parametrize(("jobs", "sizes"), [(1, []), (2, [2]), (3, [2, 3]), (10, [2, 3, 10])])
def test_units_of_several_jobs(jobs: int, sizes: list[int]) -> None:
    assert [variation.execution.unit_jobs for variation in ways("units", jobs=jobs)] == sizes


def test_orders_over_several_workers_and_all_inside_one_process() -> None:
    found = ways("order", jobs=10, compiled=False)
    facts = [(v.execution.shuffle, v.execution.workers, v.execution.unit_jobs) for v in found]
    assert facts == [(1, 4, 1), (2, 4, 1), (3, 1, 10), (4, 1, 10)]
    assert [v.execution.slots(-(-10 // v.execution.unit_jobs)) for v in found] == [4, 4, 1, 1]


def test_a_single_job_has_no_order() -> None:
    assert ways("order", jobs=1) == []


def test_a_compiled_strategy_is_run_in_processes_too() -> None:
    (found,) = ways("processes", compiled=True)
    assert (found.execution.cluster, found.execution.workers) == ("processes", 4)
    assert found.name == "a cluster of 4 processes"
    assert ways("processes", compiled=True, workers=1)[0].name == "a cluster of 1 process"
    assert ways("processes", compiled=True, jobs=2)[0].name == "a cluster of 2 processes"


def test_a_plain_one_is_run_inside_a_process_one_job_at_a_time() -> None:
    (found,) = ways("processes", compiled=False)
    assert (found.execution.cluster, found.execution.workers) == ("threads", 1)


def test_the_first_run_says_how_many_workers_have_something_to_do() -> None:
    assert described(Execution(workers=4), 1_661, 10) == "4 workers, chunks of 1,661 rows"
    assert described(Execution(workers=4), 66, 1) == "1 worker, chunks of 66 rows"


@pytest.mark.parametrize(
    ("events", "asked", "rows"),
    [
        ((), 100_000, 100_000),
        ((301, 333, 347), 100_000, 66),  # a fifth of the middle one
        ((301, 333, 347), 50, 50),
        ((3, 3, 3), 100_000, 1),
        ((0, 1), 100_000, 100_000),
        ((1, 301, 333, 347), 100_000, 66),
        ((100_000, 600_000), 100_000, 50_000),  # half of the smallest
        ((10, 10, 4_000_000), 100_000, 2_000),  # else the largest had more than 2000 chunks
        ((2_000_000, 3_000_000), 100_000, 100_000),
    ],
)
def test_the_usual_chunks_are_so_small_that_every_security_has_several(
    events: tuple[int, ...], asked: int, rows: int
) -> None:
    assert usual_chunk(events, asked) == rows
