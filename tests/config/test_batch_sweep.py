"""A sweep in one line, and the words of durations and sizes."""

import pytest

from dbatch.config.quantities import parse_duration, parse_size
from dbatch.config.sweep import sweep_batch
from dbatch.errors import ConfigError


def test_a_sweep_says_what_a_file_says(tmp_path):
    found = sweep_batch(
        "v1.x",
        ["refill_interval_sec=10,null,x", "size=1000..2000:1000"],
        fields={"seed": 3, "base_args": {"stop": 1}, "output_root": "out"},
        folder=tmp_path,
    )
    assert (found.batch_name, found.description) == ("v1_x-sweep", "v1.x over refill_interval_sec, size")
    assert (found.path, found.output_root, found.seed) == (None, tmp_path / "out", 3)
    assert found.grid == {"refill_interval_sec": [10, None, "x"], "size": [1000, 2000]}
    assert [run.id for run in found.runs][1:4] == [
        "refill_interval_sec_10_size_2000",
        "refill_interval_sec_None_size_1000",
        "refill_interval_sec_None_size_2000",
    ]
    assert found.runs[0].parameters == {"stop": 1, "refill_interval_sec": 10, "size": 1000}
    assert found.runs[0].arguments == {"strategy": "v1.x"}


def test_several_strategies_are_an_axis():
    found = sweep_batch(["v1", "v2"], ["x=1,2"])
    assert [run.id for run in found.runs] == [
        "strategy_v1_x_1", "strategy_v1_x_2", "strategy_v2_x_1", "strategy_v2_x_2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x=1", [1]),
        ("x=1..3,10", [1, 2, 3, 10]),
        ("x=true,0.5, a b ", [True, 0.5, "a b"]),
        ("x=[1,2],[3]", [[1, 2], [3]]),
        ('x="1,5",2', ["1,5", 2]),
        ("start_date=2025-01-01,2025-02-01", ["2025-01-01", "2025-02-01"]),
        ("ADIB.size=NaN", ["NaN"]),
    ],
)
def test_values_of_a_sweep_are_json_if_they_can_be_else_text(text, values):
    assert list(sweep_batch("s", [text]).grid.values()) == [values]


def test_distributions_are_written_like_calls():
    found = sweep_batch("s", random=["a=uniform(0.5,3)", "b=int(1, 5)", "c=choice(1..3,9,x)", "d=normal(0,1)"], draws=4)
    assert {key: (source.kind, source.values) for key, source in found.random.parameters.items()} == {
        "a": ("uniform", (0.5, 3.0)),
        "b": ("int", (1, 5)),
        "c": ("choice", (1, 2, 3, 9, "x")),
        "d": ("normal", (0.0, 1.0)),
    }
    assert len(found.runs) == 4


def test_all_faults_of_texts_come_together():
    with pytest.raises(ConfigError) as caught:
        sweep_batch("s", ["x", "=5", "a=1,,2", "b=1", "b=2", "c=5..1", "d="], random=["e=1", "f=unform(1,2)"])
    assert caught.value.faults == (
        "--grid 'x': must be KEY=VALUE,VALUE or KEY=FIRST..LAST:STEP",
        "--grid '=5': must be KEY=VALUE,VALUE or KEY=FIRST..LAST:STEP",
        "--grid 'a=1,,2': must have a value before and after each comma",
        "--grid 'b=2': 'b' is given twice",
        "--grid 'c=5..1': never comes from 5 to 1 by steps of 1",
        "--grid 'd=': must be KEY=VALUE,VALUE or KEY=FIRST..LAST:STEP",
        "--random 'e=1': must be KEY=uniform(LOW,HIGH), or int, log_uniform, normal or choice",
    )


def test_a_sweep_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="sweep: names no runs"):
        sweep_batch("s")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60.0), ("5m", 300.0), ("2h", 7200.0), ("1h30m", 5400.0), ("1 h 30 m", 5400.0), ("250ms", 0.25),
     ("1d", 86400.0), ("1.5h", 5400.0), (90, 90.0), (0.5, 0.5)],
)  # fmt: skip
def test_a_duration_is_in_seconds(text, seconds):
    assert parse_duration(text) == seconds
    assert isinstance(parse_duration(text), float)


@pytest.mark.parametrize(
    "text", ["60", "60 seconds", "-5s", "0s", "", "s", "5 m x", "1e3s", 0, -1, True, None, [], float("inf"), 10**400]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="must be a duration above zero such as 60s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2 * 1024**3), ("512 mib", 512 * 1024**2), ("1.5kB", 1500), ("3MB", 3_000_000), ("7B", 7), (10, 10)],
)
def test_a_size_is_in_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["2 gigs", "2G", "0B", "-1GB", "", 0, -1, 1.5, True, None, "9" * 500 + "B", 2**70])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="must be a size above zero such as 512MiB"):
        parse_size(text)
