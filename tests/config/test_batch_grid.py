"""Grids: the product of their axes in order, ids that tell runs apart, samples, ranges."""

import itertools
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.config.axes import check_ids
from dbatch.config.faults import Faults
from dbatch.config.grid import Axis, Grid
from dbatch.config.ranges import range_values
from dbatch.config.run_ids import shortened, value_text
from dbatch.config.sweep import sweep_batch
from dbatch.errors import ConfigError

KEYS = st.lists(st.sampled_from(["a", "b", "size", "stop_pct", "x.y"]), min_size=1, max_size=4, unique=True)
VALUES = st.lists(
    st.one_of(st.integers(-20, 20), st.sampled_from([0.5, 1.25, None, True, "v1", "v2_x"])),
    min_size=1,
    max_size=4,
    unique_by=lambda value: value_text(value).casefold(),
)


@st.composite
def grids(draw):
    return {key: draw(VALUES) for key in draw(KEYS)}


def sweep(grid, **options):
    return sweep_batch("s", **{"fields": {"grid": grid}, **options})


def grid_of(**texts):
    return Grid(
        tuple(Axis(key, tuple(values), tuple(map(value_text, values)), (key,)) for key, values in texts.items())
    )


def clash_of(grid):
    faults = Faults()
    check_ids(grid, faults, ("grid",))
    with pytest.raises(ConfigError) as caught:
        faults.raise_all("x")
    return caught.value.faults[0]


# --- the product ------------------------------------------------------------------------------------------------


@given(grid=grids(), prefix=st.sampled_from(["", "p" * 100]))
def test_ids_and_positions_made_together_are_those_made_one_by_one(grid, prefix):
    whole = Grid(grid_of(**grid).axes, prefix)
    digits = [whole.digits(i) for i in range(whole.size)]
    columns = [whole.column(axis, range(whole.size)) for axis in range(len(whole.axes))]

    assert list(zip(*columns, strict=True)) == digits
    assert whole.run_ids(columns) == [whole.run_id(one) for one in digits]


def test_the_last_key_changes_fastest_and_expansion_order_is_kept():
    runs = sweep({"refill_interval_sec": [10, 2], "stop": [0.5, -1]}).runs
    assert [run.id for run in runs] == [
        "refill_interval_sec_10_stop_0_5",
        "refill_interval_sec_10_stop__1",
        "refill_interval_sec_2_stop_0_5",
        "refill_interval_sec_2_stop__1",
    ]


@given(grids())
@settings(max_examples=60, deadline=None)
def test_a_grid_is_the_product_of_its_values_in_the_order_of_keys(grid):
    runs = sweep(grid).runs
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    assert [run.parameters for run in runs] == combinations
    assert len(runs) == len(combinations)


@given(grids())
@settings(max_examples=60, deadline=None)
def test_ids_differ_in_any_case_and_are_found_again(grid):
    runs = sweep(grid).runs
    assert len({run.id.casefold() for run in runs}) == len(runs)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,120}", run.id) for run in runs)
    axes = Grid(tuple(Axis(k, tuple(v), tuple(map(value_text, v)), (k,)) for k, v in grid.items()))
    assert [axes.find(run.id.upper()) for run in runs] == list(range(len(runs)))


@given(grids(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_run_asked_for_by_its_number_is_the_one_that_comes_in_turn(grid, data):
    runs = sweep(grid).runs
    i = data.draw(st.integers(-len(runs), len(runs) - 1))
    assert runs[i] == list(runs)[i]
    assert runs[:2] == list(runs)[:2]
    assert [run.index for run in runs] == list(range(len(runs)))


@pytest.mark.parametrize("i", [2, -3])
def test_a_number_beyond_the_runs_is_an_index_error(i):
    with pytest.raises(IndexError):
        sweep({"x": [1, 2]}).runs[i]


def test_a_grid_of_10_to_the_9_runs_is_not_expanded():
    runs = sweep(dict.fromkeys("abc", "1..1000")).runs
    assert len(runs) == 10**9
    assert runs[123_456_789].parameters == {"a": 124, "b": 457, "c": 790}


def test_more_runs_than_python_can_count_are_refused_without_a_sample():
    grid = {f"k{i}": "1..1000" for i in range(7)}
    with pytest.raises(ConfigError, match="has more runs than can be counted"):
        sweep(grid)
    assert len(sweep(grid, sample=5).runs) == 5
    assert sys.maxsize < 1000**7


def test_more_than_a_hundred_keys_are_refused():
    with pytest.raises(ConfigError, match=r"grid: has 101 keys, must have at most 100"):
        sweep({f"k{i}": [1] for i in range(101)})


# --- ids --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10, "10"), (-1, "_1"), (0.5, "0_5"), (1e-05, "1e_05"), (5e6, "5000000_0"), (None, "None"), (True, "True"),
        ("v1", "v1"), ("a-b.c", "a_b_c"), ("ticks/é", "ticks__"), ("", ""), ([1, 2.5], "1_2_5"), (("A", "B"), "A_B"),
    ],
)  # fmt: skip
def test_a_value_in_an_id_is_its_letters_and_digits(value, text):
    assert value_text(value) == text


def test_ids_of_a_grid_that_people_know_are_kept():
    runs = sweep({"max_gross_exposure": [0.6], "commission_bps": [0.5]}, fields={
        "run_tag": "risk_v2", "grid": {"max_gross_exposure": [0.6], "commission_bps": [0.5]},
    }).runs  # fmt: skip
    assert runs[0].id == "risk_v2_max_gross_exposure_0_6_commission_bps_0_5"
    assert runs[0].tags == ("grid_search", "risk", "v2")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.5, 1, "0_5"], "'0_5' gives run ids with 'x_0_5'; that of grid.x[0], 0.5, is the same"),
        ([-1, 1, "_1"], "'_1' gives run ids with 'x__1'; that of grid.x[0], -1, is the same"),
        ([10, 20, 10], "10 gives run ids with 'x_10'; that of grid.x[0], 10, is the same"),
        (["a", 1, "A"], "'A' gives run ids with 'x_A'; that of grid.x[0], 'a', differs only in case"),
    ],
)
def test_two_values_with_one_text_are_refused_with_both(values, said):
    with pytest.raises(ConfigError) as caught:
        sweep({"y": [1, 2], "x": values})
    assert caught.value.faults == (f"grid.x[2]: {said}",)


def test_values_that_run_into_the_next_key_are_refused_when_two_ids_are_equal():
    assert clash_of(grid_of(a=["1", "1_b_2"], b=["2_b_3", "3"])) == (
        "grid: {a: '1', b: '2_b_3'} and {a: '1_b_2', b: '3'} have one run id, 'a_1_b_2_b_3'"
    )


def test_values_that_run_into_the_next_key_are_accepted_when_all_ids_differ():
    faults = Faults()
    check_ids(grid_of(a=["1", "1_b_2"], b=["3", "4"]), faults, ("grid",))
    assert len(faults) == 0


def test_values_that_run_into_the_next_key_are_refused_when_there_are_too_many_to_compare():
    grid = grid_of(a=["1", "1_b_2"], b=range(1000), c=range(1000))
    assert clash_of(grid).startswith("grid: ids of runs may clash: values '1' and '1_b_2' of a stand before b;")


TEXTS = st.lists(st.text(alphabet="ab_1", max_size=5), min_size=1, max_size=5, unique=True)


@given(st.fixed_dictionaries({"a": TEXTS, "b": TEXTS, "b_a": TEXTS}))
@settings(max_examples=300, deadline=None)
def test_a_clash_is_found_exactly_when_two_ids_are_equal(texts):
    grid = grid_of(**texts)
    ids = [grid.full_id(grid.digits(i)) for i in range(grid.size)]
    faults = Faults()
    check_ids(grid, faults, ("grid",))
    assert (len(faults) > 0) == (len(set(ids)) < len(ids))


def test_an_id_too_long_for_a_file_ends_in_a_hash_of_all_of_it():
    runs = sweep({"a" * 80: [1, 2], "b" * 80: [1, 2]}).runs
    assert [len(run.id) for run in runs] == [120] * 4
    assert len({run.id for run in runs}) == 4
    assert runs[0].id == shortened("a" * 80 + "_1_" + "b" * 80 + "_1")
    assert shortened("x" * 120) == "x" * 120


def test_a_written_id_that_looks_like_a_shortened_one_of_the_grid_is_refused():
    grid = {"a" * 80: [1, 2], "b" * 80: [1, 2]}
    name = sweep(grid).runs[2].id
    with pytest.raises(ConfigError, match=r"runs\[0\].id: 'a+\.\.\. is the id of a run of grid too"):
        sweep(grid, fields={"grid": grid, "runs": [{"id": name}]})
    with pytest.raises(ConfigError, match=r"runs\[0\].id: 'a+\.\.\. is the id of a run of grid too"):
        sweep(grid, fields={"grid": grid, "runs": [{"id": "a" * 80 + "_2_" + "b" * 80 + "_1"}]})


def test_paths_are_in_ids_as_they_are_written(tmp_path):
    (tmp_path / "ticks").mkdir()
    (run,) = sweep({"data": ["ticks/"]}, folder=tmp_path).runs
    assert (run.id, run.arguments["data"]) == ("data_ticks_", str(tmp_path / "ticks"))


def test_securities_can_be_varied():
    runs = sweep({"securities": [["ADIB", "MODON"], "ALFA"]}).runs
    assert [(run.id, run.arguments["securities"]) for run in runs] == [
        ("securities_ADIB_MODON", ("ADIB", "MODON")),
        ("securities_ALFA", ("ALFA",)),
    ]


# --- samples ----------------------------------------------------------------------------------------------------


@given(grids(), st.integers(0, 5), st.data())
@settings(max_examples=60, deadline=None)
def test_a_sample_is_some_runs_of_the_grid_without_repetition_in_its_order(grid, seed, data):
    every = [run.id for run in sweep(grid).runs]
    n = data.draw(st.integers(1, len(every)))
    fields = {"grid": grid, "sample": {"n": n, "seed": seed}}
    chosen = [run.id for run in sweep(grid, fields=fields).runs]
    assert len(chosen) == n
    assert [name for name in every if name in set(chosen)] == chosen


def test_a_larger_sample_holds_the_smaller_one():
    grid = dict.fromkeys("abc", "1..1000")
    small, large = ({run.id for run in sweep(grid, sample=n).runs} for n in (20, 50))
    assert small < large


def test_another_seed_is_another_sample_and_that_of_the_batch_is_the_default():
    grid = dict.fromkeys("abc", "1..1000")
    of_batch = sweep(grid, fields={"grid": grid, "seed": 3}, sample=5)
    of_sample = sweep(grid, fields={"grid": grid, "sample": {"n": 5, "seed": 3}})
    assert [run.id for run in of_batch.runs] == [run.id for run in of_sample.runs]
    assert [run.id for run in of_batch.runs] != [run.id for run in sweep(grid, sample=5).runs]


def test_a_written_run_may_have_an_id_that_the_sample_left_out():
    grid = {"x": [1, 2]}
    (chosen,) = (run.id for run in sweep(grid, sample=1).runs)
    other = {"x_1": "x_2", "x_2": "x_1"}[chosen]
    fields = {"grid": grid, "sample": {"n": 1}, "runs": [{"id": other}]}
    assert [run.id for run in sweep(grid, fields=fields).runs] == [other, chosen]
    with pytest.raises(ConfigError, match="is the id of a run of grid too"):
        sweep(grid, fields={**fields, "runs": [{"id": chosen}]})


def test_more_than_a_million_runs_are_no_sample():
    with pytest.raises(ConfigError, match=r"sample.n: must be at most 1,000,000, is 1,000,001"):
        sweep(dict.fromkeys("abc", "1..1000"), sample=1_000_001)


# --- ranges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1..3", [1, 2, 3]),
        ("1000..5000:2000", [1000, 3000, 5000]),
        ("1..6:2", [1, 3, 5]),
        ("3..1:-1", [3, 2, 1]),
        ("-1..1", [-1, 0, 1]),
        ("0.1..0.5:0.2", [0.1, 0.3, 0.5]),
        ("1..2:.5", [1.0, 1.5, 2.0]),
        ("1e3..3e3:1e3", [1000.0, 2000.0, 3000.0]),
        (" 5 .. 5 ", [5]),
    ],
)
def test_a_range_holds_its_ends_and_exact_decimals(text, values):
    found = range_values(text)
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5..1", "never comes from 5 to 1 by steps of 1"),
        ("1..5:0", "never comes from 1 to 5 by steps of 0"),
        ("1..5:-1", "never comes from 1 to 5 by steps of -1"),
        ("1..100001", "has more than 100,000 values"),
        ("0..1e300:1e-300", "has more than 100,000 values"),
        ("1..2..3", "must be a range such as 1..5 or 1000..5000:1000"),
        ("1e999..2e999:1e999", "must be finite, holds a number too large for a float"),
    ],
)
def test_a_range_that_leads_nowhere_or_too_far_is_refused(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        range_values(text)


def test_a_range_of_as_many_values_as_there_may_be_is_accepted():
    assert len(range_values("1..100000")) == 100_000
