"""The values that runs of a batch may get: all of them, each with its place, faults left to others."""

import copy

import pytest

from dbatch.config.asked import asked
from dbatch.config.batch_fields import read_batch
from dbatch.config.faults import Faults, place_text


def parts(mapping, folder):
    """Return for each part its entries in words: {key: {place: value}}."""
    return [
        {
            key: {place_text(placed.place): placed.value for placed in entry.values}
            for key, entry in (*part.arguments.items(), *part.parameters.items())
        }
        for part in asked(mapping, folder)
    ]


BASE = {"strategy": "s", "size": 1, "stop": 2}


def test_the_grid_has_its_values_over_what_all_share(tmp_path):
    mapping = {"base_args": BASE, "grid": {"size": [5, 6], "A.stop": "1..2"}}
    assert parts(mapping, tmp_path) == [
        {
            "strategy": {"base_args.strategy": "s"},
            "size": {"grid.size[0]": 5, "grid.size[1]": 6},
            "stop": {"base_args.stop": 2},
            "A.stop": {"grid.A.stop": 2},  # a range has one place for all its values
        }
    ]


def test_the_values_of_a_range_are_all_there(tmp_path):
    (part,) = asked({"grid": {"size": "1..3"}}, tmp_path)
    assert [placed.value for placed in part.parameters["size"].values] == [1, 2, 3]


def test_strategies_are_an_axis_of_grid_and_random_runs_not_of_written_ones(tmp_path):
    mapping = {
        "base_args": {"strategy": "s"},
        "strategies": ["a", "b"],
        "grid": {"size": [1]},
        "random": {"n": 1, "parameters": {"size": {"choice": [2]}}},
        "runs": [{"id": "x"}],
    }
    both = {"strategies[0]": "a", "strategies[1]": "b"}
    assert [part["strategy"] for part in parts(mapping, tmp_path)] == [both, both, {"base_args.strategy": "s"}]


def test_a_written_run_has_its_own_arguments_and_overrides(tmp_path):
    runs = [{"id": "x", "strategy": "t", "overrides": {"size": 7, "start_date": "2025-1-2"}}, {"id": "y"}]
    one, two = parts({"base_args": BASE, "runs": runs}, tmp_path)
    assert one == {
        "strategy": {"runs[0].strategy": "t"},
        "start_date": {"runs[0].overrides.start_date": "2025-01-02"},
        "size": {"runs[0].overrides.size": 7},
        "stop": {"base_args.stop": 2},
    }
    assert two["strategy"] == {"base_args.strategy": "s"}


def test_of_distributions_there_are_choices_ends_or_draws(tmp_path):
    drawn = {
        "a": {"choice": [1, None]},
        "b": {"int": [3, 9]},
        "c": {"uniform": [0, 1]},
        "strategy": {"choice": ["s", "t"]},
    }
    mapping = {"seed": 5, "random": {"n": 200, "parameters": drawn}}
    (part,) = asked(mapping, tmp_path)
    runs = read_batch({"batch_name": "b", "description": "d", **mapping}, tmp_path, Faults()).runs
    shown = parts(mapping, tmp_path)[0]
    assert shown["a"] == {"random.parameters.a.choice[0]": 1, "random.parameters.a.choice[1]": None}
    assert shown["b"] == {"random.parameters.b.int[0]": 3, "random.parameters.b.int[1]": 9}
    assert shown["strategy"] == {
        "random.parameters.strategy.choice[0]": "s",
        "random.parameters.strategy.choice[1]": "t",
    }
    assert [placed.value for placed in part.parameters["c"].values] == [run.parameters["c"] for run in runs[:100]]


@pytest.mark.parametrize(
    ("mapping", "key"),
    [
        ({"base_args": {"data": "nowhere"}, "grid": {}}, "data"),
        ({"base_args": {"strategy": 5}}, "strategy"),
        ({"grid": {"size": []}}, "size"),
        ({"grid": {"size": [{"a": 1}, float("inf")]}}, "size"),
        ({"random": {"n": 5, "parameters": {"size": {"unform": [0, 1]}}}}, "size"),
        ({"random": {"n": "x", "parameters": {"size": {"uniform": [0, 1]}}}}, "size"),
        ({"securities": ["A", "A"], "runs": [{"id": "x"}]}, "securities"),
        ({"strategies": [None]}, "strategy"),
    ],
)
def test_what_has_a_fault_is_given_but_has_no_values(mapping, key, tmp_path):
    assert parts(mapping, tmp_path)[0][key] == {}


def test_of_an_axis_those_values_are_there_that_have_no_fault(tmp_path):
    found = parts({"grid": {"end_date": ["2025-01-01", "never", None]}}, tmp_path)[0]["end_date"]
    assert found == {"grid.end_date[0]": "2025-01-01", "grid.end_date[2]": None}


def test_comments_and_what_can_be_no_parameter_are_left_out(tmp_path):
    assert parts({"base_args": {"_a": 1, " b": 1, "Start-Date": 1, "x.": 1}}, tmp_path) == [{}]


def test_every_value_that_runs_get_is_asked(tmp_path):
    mapping = {
        "batch_name": "b",
        "description": "d",
        "seed": 3,
        "securities": "A, B",
        "base_args": {"strategy": "s", "max_sheets": 3, "size": 1, "A.size": 2},
        "grid": {"size": [1, 2], "strategy": ["a", "b"], "y": "1..5", "end_date": ["2025-01-02", None]},
        "random": {"n": 20, "parameters": {"q": {"normal": [0, 1]}, "end_date": {"choice": ["2025-03-01"]}}},
        "runs": [{"id": "x", "only_trades": True, "overrides": {"z": 1, "size": None}}, {"id": "y", "strategy": "t"}],
    }
    before = copy.deepcopy(mapping)
    faults = Faults()
    found = [
        {key: [placed.value for placed in entry.values] for key, entry in {**part.arguments, **part.parameters}.items()}
        for part in asked(mapping, tmp_path)
    ]
    runs = list(read_batch(mapping, tmp_path, faults).runs)
    assert (len(faults), mapping) == (0, before)
    assert len(runs) == 2 + 40 + 20
    for run in runs:
        given = {**run.arguments, **run.parameters}
        assert any(
            given.keys() <= part.keys() and all(value in part[key] for key, value in given.items()) for part in found
        ), run
