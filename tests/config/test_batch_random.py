"""Random draws: the same everywhere, each on its own, of the distributions that are asked for."""

import hashlib
import math
import statistics
from decimal import localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.config import draws
from dbatch.config.sweep import sweep_batch
from dbatch.errors import ConfigError

PINNED = [
    {"strategy": "s", "size": 21152, "stop": 1.1395621558490128, "x": 0.0031177089032082563, "y": 3,
     "z": 0.21911044786497613},
    {"strategy": "s", "size": 19016, "stop": 1.6913275229510518, "x": 0.08569315308568823, "y": 3,
     "z": 1.6474966099474841},
]  # fmt: skip
PARAMETERS = {
    "size": {"int": [1000, 50000]},
    "stop": {"uniform": [0.5, 3]},
    "x": {"log_uniform": [0.001, 1]},
    "y": {"choice": [1, 2, 3]},
    "z": {"normal": [0, 1]},
}


def drawn(parameters, n=5, seed=1, **fields):
    found = sweep_batch("s", fields={"random": {"n": n, "seed": seed, "parameters": parameters}, **fields})
    return [{**run.arguments, **run.parameters} for run in found.runs]


def column(distribution, n=2_000):
    return [row["v"] for row in drawn({"v": distribution}, n)]


def test_bits_are_the_sha256_of_the_seed_and_what_they_are_for():
    text = b'["dbatch.draws/1",7,"size",3]'
    assert draws.bits(7, "size", 3) == int(hashlib.sha256(text).hexdigest(), 16)


def test_an_integer_is_the_share_of_the_bits():
    text = b'["dbatch.draws/1",1,"size",0]'
    share = int(hashlib.sha256(text).hexdigest(), 16) * 49_001 // 2**256
    assert drawn({"size": {"int": [1000, 50000]}})[0]["size"] == 1000 + share


def test_log_uniform_and_normal_draws_are_those_of_the_formulas():
    share = draws.fraction(1, "x", 0)
    assert drawn({"x": {"log_uniform": [0.001, 1]}})[0]["x"] == pytest.approx(0.001 ** (1 - share), rel=1e-14)
    points = ([2 * draws.fraction(1, "z", 0, attempt, i) - 1 for i in (0, 1)] for attempt in range(100))
    x, square = next((x, x * x + y * y) for x, y in points if 0 < x * x + y * y < 1)
    expected = 5 + 2 * x * math.sqrt(-2 * math.log(square) / square)
    assert drawn({"z": {"normal": [5, 2]}})[0]["z"] == pytest.approx(expected, rel=1e-14)


def test_draws_are_what_they_were_when_this_was_written():
    # Numbers written down once, on Linux x86-64: whatever changes them changes the batches that people have.
    assert drawn(PARAMETERS, 2) == PINNED


def test_a_draw_does_not_depend_on_other_parameters_nor_on_how_many_there_are():
    alone = drawn({"stop": PARAMETERS["stop"]}, n=3)
    assert alone == [{"strategy": "s", "stop": row["stop"]} for row in drawn(PARAMETERS, n=50)[:3]]


def test_another_seed_gives_other_draws_and_that_of_the_batch_is_the_default():
    search = {"n": 3, "parameters": PARAMETERS}
    of_batch = sweep_batch("s", fields={"seed": 5, "random": search}).runs
    assert [run.parameters for run in of_batch] == [
        {key: row[key] for key in PARAMETERS} for row in drawn(PARAMETERS, 3, seed=5)
    ]
    assert drawn(PARAMETERS, 3, seed=5) != drawn(PARAMETERS, 3, seed=6)


def test_a_callers_decimal_context_does_not_change_a_draw():
    before = drawn(PARAMETERS)
    with localcontext() as context:
        context.prec = 3
        assert drawn(PARAMETERS) == before


def test_uniform_draws_fill_their_interval():
    values = column({"uniform": [0.5, 3]})
    assert 0.5 <= min(values) < 0.52
    assert 2.98 < max(values) <= 3.0
    assert statistics.mean(values) == pytest.approx(1.75, abs=0.06)  # 3.7 standard errors: 2.5 / sqrt(12 * 2000)


def test_integers_are_drawn_up_to_both_ends():
    values = column({"int": [1, 3]})
    assert set(values) == {1, 2, 3}
    assert all(600 < values.count(i) < 740 for i in (1, 2, 3))  # 667 expected, standard error 21


def test_logarithms_of_log_uniform_draws_are_uniform():
    logs = [math.log10(value) for value in column({"log_uniform": [0.001, 1]})]
    assert -3.0 <= min(logs) < -2.97
    assert -0.03 < max(logs) <= 0.0
    assert statistics.mean(logs) == pytest.approx(-1.5, abs=0.07)


def test_normal_draws_have_their_mean_and_deviation():
    values = column({"normal": [10, 2]})
    assert statistics.mean(values) == pytest.approx(10, abs=0.17)
    assert statistics.stdev(values) == pytest.approx(2, abs=0.12)
    assert 0.66 < sum(8 < value < 12 for value in values) / len(values) < 0.71  # 0.683 by the normal law


def test_a_choice_takes_a_value_as_often_as_it_is_named():
    values = column({"choice": ["a", "a", "a", None]})
    assert 0.71 < values.count("a") / len(values) < 0.79
    assert set(values) == {"a", None}


def test_a_choice_can_be_a_range_and_an_argument():
    rows = drawn({"strategy": {"choice": ["v1", "v2"]}, "size": {"choice": "10..30:10"}}, n=30)
    assert {row["strategy"] for row in rows} == {"v1", "v2"}
    assert {row["size"] for row in rows} == {10, 20, 30}


@given(st.integers(1, 60), st.integers(0, 200), st.integers(0, 2**64))
@settings(max_examples=100, deadline=None)
def test_distinct_integers_are_below_their_bound_and_differ(count, more, seed):
    found = list(draws.distinct(count, count + more, seed, "x"))
    assert len(set(found)) == count
    assert all(0 <= i < count + more for i in found)


def test_every_subset_is_about_as_likely():
    pairs = [tuple(sorted(draws.distinct(2, 4, seed, "x"))) for seed in range(1_200)]
    assert all(150 < pairs.count(pair) < 250 for pair in set(pairs))  # 200 expected, standard error 13
    assert len(set(pairs)) == 6


@pytest.mark.parametrize(
    ("distribution", "said"),
    [
        (5, "v: must be a distribution such as {uniform: [0.5, 3]}, is 5"),
        ({}, "v: must be a distribution such as {uniform: [0.5, 3]}, is a mapping"),
        ({"int": [1, 2], "choice": [1]}, "v: must be a distribution such as {uniform: [0.5, 3]}, is a mapping"),
        ({"unifrm": [1, 2]}, "v.unifrm: unknown distribution; did you mean 'uniform'?"),
        ({"int": [1]}, "v.int: must be [lowest, highest], is a list of 1"),
        ({"int": 5}, "v.int: must be [lowest, highest], is 5"),
        ({"normal": [1, 2, 3]}, "v.normal: must be [mean, standard deviation], is a list of 3"),
        ({"int": [1, 2.5]}, "v.int[1]: must be a whole number, is 2.5"),
        ({"int": [5, 5]}, "v.int: lowest must be below highest, is 5 with 5"),
        ({"uniform": ["a", True]}, "v.uniform[0]: must be a number, is 'a'"),
        ({"log_uniform": [0, 1]}, "v.log_uniform: lowest must be above zero, is 0.0"),
        ({"normal": [0, 0]}, "v.normal: standard deviation must be above zero, is 0.0"),
        ({"int": [0, 10**30]}, "v.int: must be numbers below 1e+18"),
        ({"choice": []}, "v.choice: is empty, must be a list of values"),
    ],
)
def test_a_distribution_that_is_none_is_refused(distribution, said):
    with pytest.raises(ConfigError) as caught:
        drawn({"v": distribution})
    assert f"random.parameters.{said}" in caught.value.faults


def test_an_argument_is_drawn_by_choice_only_and_checked():
    with pytest.raises(ConfigError) as caught:
        drawn({"max_sheets": {"int": [1, 5]}, "start_date": {"choice": ["2025-02-30"]}, "only-trades": {"choice": [1]}})
    assert caught.value.faults == (
        "random.parameters.max_sheets.int: is an argument, its values can only be drawn by {choice: [...]}",
        "random.parameters.start_date.choice[0]: 2025-02-30 is not a day of the calendar",
        "random.parameters.only-trades.choice: is no parameter; did you mean 'only_trades'?",
    )


def test_drawn_dates_are_compared_with_those_of_all():
    with pytest.raises(ConfigError, match="end_date 2025-01-01 lies before start_date 2025-03-01"):
        drawn({"start_date": {"choice": ["2024-01-01", "2025-03-01"]}}, base_args={"end_date": "2025-01-01"})


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"n": -5, "parameters": PARAMETERS}, "random.n: must be a whole number of at least 1, is -5"),
        ({"n": 10**30, "parameters": PARAMETERS}, f"random.n: must be at most 1,000,000,000, is {10**30:,}"),
        ({"parameters": PARAMETERS}, "random.n: must be a whole number of at least 1, is null"),
        ({"n": 5}, "random.parameters: must be a mapping of distributions, is null"),
        ({"n": 5, "parameters": {}},
         "random.parameters: is empty, must name parameters with a distribution such as {uniform: [0.5, 3]}"),
        ({"n": 5, "sed": 1, "parameters": PARAMETERS}, "random.sed: unknown key; did you mean 'seed'?"),
        ({"n": 5, "seed": -1, "parameters": PARAMETERS}, "random.seed: must be a whole number of at least 0, is -1"),
        (5, "random: must be a mapping of fields, is 5"),
    ],
)  # fmt: skip
def test_a_random_search_that_cannot_be_is_refused(search, said):
    with pytest.raises(ConfigError) as caught:
        sweep_batch("s", fields={"random": search})
    assert said in caught.value.faults


def test_a_million_random_runs_are_made_one_at_a_time():
    runs = sweep_batch("s", random=["stop=uniform(0.5,3)"], draws=10**6).runs
    assert (len(runs), runs[-1].id, runs[5].id) == (10**6, "random-999999", "random-0005")
