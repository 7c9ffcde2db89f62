"""Units are as large as what jobs took says, the furthest behind first, and nothing is lost or done twice."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from dbatch.engine.packing import MOST_JOBS, GivenJob, Packer, Task
from dbatch.model import Job, Receipt, Security, Source, Unit


def job_of(number: int, security: str = "AAA", **section: object) -> Job:
    at = Security(security, security, Source("parquet", (f"/{security}",)))
    return Job(f"{number:032x}", at, "print", security, {"size": number, "side": "buy", **section})


def task_of(run_id: str, place: int, job: Job, priority: int = 0) -> Task:
    return Task(place, job.key, GivenJob(run_id, job, priority))


def tasks_of(count: int, *securities: str, priority: int = 0) -> list[Task]:
    names = securities or ("AAA",)
    return [
        task_of("0", run, job_of(run * len(names) + place, name), priority)
        for run in range(count)
        for place, name in enumerate(names)
    ]


def took(unit: Unit, seconds: float) -> list[Receipt]:
    return [Receipt(job.key, job.security.name, "success", runtime_sec=seconds) for job in unit.jobs]


def sizes(packer: Packer, seconds: float, slots: int = 1) -> list[int]:
    found = []
    while (unit := packer.take(slots)) is not None:
        found.append(len(unit.jobs))
        packer.finished(unit, took(unit, seconds))
    return found


def test_a_fixed_size_is_kept_but_for_the_last_unit() -> None:
    assert sizes(Packer(tasks_of(7), 3), 1.0) == [3, 3, 1]


def test_units_of_slow_jobs_have_one_job_once_that_is_known() -> None:
    assert sizes(Packer(tasks_of(8)), 60.0) == [4, 1, 1, 1, 1]


def test_units_grow_with_quick_jobs_and_shrink_towards_the_end() -> None:
    found = sizes(Packer(tasks_of(1_000)), 0.005)

    assert found[:3] == [4, 32, 256]  # eightfold at most
    assert found[-1] <= 50  # a quarter of a second at least
    assert sum(found) == 1_000


def test_a_first_job_that_loads_its_code_does_not_make_the_units_after_it_small() -> None:
    packer = Packer(tasks_of(1_000))
    unit = packer.take(1)
    assert unit is not None
    packer.finished(unit, [*took(Unit("0", unit.jobs[:1]), 4.0), *took(Unit("0", unit.jobs[1:]), 0.001)])

    assert sizes(packer, 0.001)[0] == 32  # eightfold; as many as take two seconds would be 2 of jobs of one second


def test_the_security_furthest_behind_comes_next() -> None:
    packer = Packer(tasks_of(4, "AAA", "BBB"), 2)

    taken = [packer.take(1) for _ in range(4)]
    assert [(unit.jobs[0].security.name, len(unit.jobs)) for unit in taken if unit] == [
        ("AAA", 2), ("BBB", 2), ("AAA", 2), ("BBB", 2),
    ]  # fmt: skip


def test_higher_priority_comes_first() -> None:
    later = [task_of("0", place + 10, job_of(place + 50), 5) for place in range(2)]
    packer = Packer([*tasks_of(2), *later], 10)

    first = packer.take(1)
    assert first is not None
    assert (first.priority, [job.key for job in first.jobs]) == (5, [f"{50:032x}", f"{51:032x}"])


def test_the_jobs_of_a_unit_that_died_come_one_by_one_and_before_all_others() -> None:
    packer = Packer(tasks_of(4), 3)
    dead = packer.take(1)
    assert dead is not None
    packer.died(dead)

    assert [len(unit.jobs) for unit in iter(lambda: packer.take(1), None) if unit] == [1, 1, 1, 1]
    assert packer.left == 0


def test_a_job_can_be_done_again() -> None:
    packer = Packer(tasks_of(2), 2)
    unit = packer.take(1)
    assert unit is not None
    packer.again(unit.jobs[1].key)

    assert packer.take(1) == Unit("0", (unit.jobs[1],))
    assert packer.take(1) is None


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)), max_size=60),
    st.integers(1, 4),
    st.floats(1e-6, 10.0),
)
def test_every_job_is_in_exactly_one_unit_of_its_own_security_and_context(
    asked: list[tuple[int, int, int]], slots: int, seconds: float
) -> None:
    tasks = [
        task_of(str(context), place, job_of(place, "ABCD"[security]), priority)
        for place, (security, priority, context) in enumerate(asked)
    ]
    packer = Packer(tasks)
    seen: list[str] = []
    while (unit := packer.take(slots)) is not None:
        assert len({job.security.name for job in unit.jobs}) == 1
        assert packer.left == len(tasks) - len(seen) - len(unit.jobs)
        seen += [job.key for job in unit.jobs]
        packer.finished(unit, took(unit, seconds))
    assert sorted(seen) == sorted(task.key for task in tasks)


_values = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=5))


@given(st.lists(st.fixed_dictionaries({"a": _values, "b": _values}), min_size=1, max_size=20))
def test_a_unit_comes_back_from_its_pickle_type_by_type(sections: list[dict[str, object]]) -> None:
    unit = Unit("0", tuple(job_of(number, **section) for number, section in enumerate(sections)), 3)

    back = pickle.loads(pickle.dumps(unit))
    assert back == unit
    assert [repr(job.section) for job in back.jobs] == [repr(job.section) for job in unit.jobs]  # 1 is not True


def test_a_unit_of_two_hundred_jobs_is_below_ten_kilobytes() -> None:
    jobs = tuple(
        job_of(number, stop=number / 7, cooldown=number % 5, venue="ADX", name="x" * 40) for number in range(200)
    )

    assert len(pickle.dumps(Unit("0", jobs))) < 10_000


def test_no_unit_has_more_jobs_than_a_message_should_hold() -> None:
    assert max(sizes(Packer(tasks_of(4 * MOST_JOBS)), 1e-6)) == MOST_JOBS
