"""What is wrong with a batch file: every fault at once, each with its place."""

import re

import pytest

from dbatch.config.batch_file import load_batch
from dbatch.errors import ConfigError

RUN = "runs: [{id: one, strategy: s}]\n"
TEN_MISTAKES = """\
batch_name: two words
max_worker: 4
seed: -7
fail_fast: maybe
timeout: 60 seconds
base_args:
  data: nowhere/
  start_date: 2025-02-30
grid:
  strategy: [v1]
  size: []
  stop: [0.5, "0_5"]
"""


def test_ten_mistakes_give_ten_lines_in_the_order_of_the_file(faults):
    assert faults(TEN_MISTAKES, head="") == [
        "description: is required: a line on what the batch is for",
        "batch_name (line 1): must be letters, digits, '_' and '-', no '-' first, is 'two words'",
        "max_worker (line 2): unknown key; did you mean 'max_workers'?",
        "seed (line 3): must be a whole number of at least 0, is -7",
        "fail_fast (line 4): must be true or false, is 'maybe'",
        "timeout (line 5): must be a duration above zero such as 60s, 5m or 1h30m, or a number of seconds, "
        "is '60 seconds'",
        "base_args.data (line 7): 'nowhere/' does not exist; it is looked for at FOLDER/nowhere",
        "base_args.start_date (line 8): 2025-02-30 is not a day of the calendar",
        "grid.size (line 11): is empty, must be a list of values",
        "grid.stop[1] (line 12): '0_5' gives run ids with 'stop_0_5'; that of grid.stop[0], 0.5, is the same",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no runs, must have at least one of grid, random, strategies and runs"),
        ("runs: []", "runs (line 3): is empty, must be a list of runs"),
        ("runs: {}", "runs (line 3): must be a list of runs, is a mapping"),
        ("runs: [5]", "runs[0] (line 3): must be a mapping with an id, is 5"),
        ("runs: [{strategy: s}]", "runs[0].id (line 3): is required"),
        ("runs: [{id: a}]", "runs[0].strategy (line 3): is required, here or in base_args"),
        ("runs: [{id: a, strategy: 5}]", "runs[0].strategy (line 3): must be text, is 5"),
        ("runs: [{id: a, strategy: s, bundle_path: x}]",
         "runs[0].bundle_path (line 3): unknown key; did you mean 'data'?"),
        ("runs: [{id: a, strategy: s, tags: x}]", "runs[0].tags (line 3): must be a list of texts, is 'x'"),
        ("runs: [{id: a, strategy: s, tags: [1]}]", "runs[0].tags[0] (line 3): must be text, is 1"),
        ("runs: [{id: a, strategy: s, priority: 1.5}]", "runs[0].priority (line 3): must be a whole number, is 1.5"),
        ("runs: [{id: a/b, strategy: s}]",
         "runs[0].id (line 3): must be letters, digits, '_' and '-', no '-' first, is 'a/b'"),
        ("runs: [{id: Con, strategy: s}]",
         "runs[0].id (line 3): is reserved by Windows, must be another name, is 'Con'"),
        ("runs: [{id: a, strategy: s, overrides: {strategy: t}}]",
         "runs[0].overrides.strategy (line 3): is given in the run itself too, as 's'"),
        ("runs: [{id: a, strategy: s, overrides: {' x': 1}}]",
         "runs[0].overrides. x (line 3): ' x' must be the name of a parameter, or SECURITY.NAME for one security"),
        ("runs: [{id: a, strategy: s, overrides: {x: 1e999}}]",
         "runs[0].overrides.x (line 3): must be finite, is a number too large for a float"),
        ("grid: {}", "grid (line 3): is empty, must name values of an argument or a parameter"),
        ("grid: [1]", "grid (line 3): must be a mapping of lists of values, is a list"),
        ("grid: {strategy: [s], size: 5}",
         "grid.size (line 3): must be a list of values, or a range such as 1000..5000:1000, is 5"),
        ("grid: {strategy: [s], size: [{a: 1}]}",
         "grid.size[0] (line 3): must be a number, text, true, false, null or a list, is a mapping"),
        ("grid: {strategy: [s], max_sheets: [0]}",
         "grid.max_sheets[0] (line 3): must be a whole number of at least 1, is 0"),
        ("grid: {strategy: [s], start-date: [2025-01-01]}",
         "grid.start-date (line 3): is no parameter; did you mean 'start_date'?"),
        ("grid: {size: [1]}", "base_args.strategy: is required, here or as a key of the grid"),
        ("random: {n: 1, parameters: {x: {int: [1, 2]}}}",
         "base_args.strategy: is required, here or as a key of the grid"),
        ("sample: {n: 1}\nruns: [{id: a, strategy: s}]", "sample (line 3): chooses from a grid, but there is none"),
        ("sample: {n: 3}\ngrid: {strategy: [a, b]}",
         "sample.n (line 3): must be at most 2, the number of combinations, is 3"),
        ("sample: 5\ngrid: {strategy: [a]}", "sample (line 3): must be a mapping of fields, is 5"),
        ("sample: {n: -1}\ngrid: {strategy: [a]}", "sample.n (line 3): must be a whole number of at least 1, is -1"),
        ("strategies: [a]\ngrid: {strategy: [b]}",
         "grid.strategy (line 4): cannot be given with strategies, which is the same axis"),
        ("securities: [A]\nbase_args: {securities: [B]}\nruns: [{id: a, strategy: s}]",
         "base_args.securities (line 4): is given at the top too"),
        ("securities: [A, A, a, true]\nruns: [{id: a, strategy: s}]", "securities[1] (line 3): 'A' is named twice"),
        ("output_root: s3://x\nruns: [{id: a, strategy: s}]",
         "output_root (line 3): must be a local folder, is 's3://x'"),
        ("output_root: b.yaml\nruns: [{id: a, strategy: s}]",
         "output_root (line 3): must be a folder, 'b.yaml' is a file"),
        ("memory_limit: 2 gigs\nruns: [{id: a, strategy: s}]",
         "memory_limit (line 3): must be a size above zero such as 512MiB or 2GiB, or a number of bytes, is '2 gigs'"),
        ("max_workers: 0\nruns: [{id: a, strategy: s}]",
         "max_workers (line 3): must be a whole number of at least 1, is 0"),
        ("max_workers: true\nruns: [{id: a, strategy: s}]",
         "max_workers (line 3): must be a whole number of at least 1, is true"),
        ("base_args: {strategy: s, only_trades: 1}\nruns: [{id: a}]",
         "base_args.only_trades (line 3): must be true or false, is 1"),
    ],
)  # fmt: skip
def test_a_fault_is_said_with_its_path_and_line(faults, text, said):
    assert said in faults(text)


def test_control_characters_in_a_key_do_not_reach_the_terminal(faults):
    assert faults('runs: [{id: a, strategy: s, "\\e[2J": 1}]')[0].startswith("runs[0].\\x1b[2J (line 3): unknown key")


def test_control_characters_in_a_value_do_not_reach_the_terminal(faults):
    assert faults('runs: [{id: a, strategy: s, data: "a\\e[2J\\nb"}]') == [
        "runs[0].data (line 3): 'a\\x1b[2J\\nb' does not exist; it is looked for at FOLDER/a\\x1b[2J\\nb"
    ]


def test_a_nested_value_is_accepted_and_a_bottomless_one_refused(batch, faults):
    nested = "[" * 40 + "1" + "]" * 40
    assert batch(f"runs: [{{id: a, strategy: s, overrides: {{x: {nested}}}}}]").runs[0].parameters["x"]
    deep = "[" * 60 + "1" + "]" * 60
    assert faults(f"runs: [{{id: a, strategy: s, overrides: {{x: {deep}}}}}]") == [
        "runs[0].overrides.x (line 3): must not be nested more than 50 deep"
    ]


def test_of_thousands_of_faults_the_first_hundred_are_shown(faults):
    said = faults("grid: {strategy: [" + "1, " * 2_000 + "]}")
    assert len(said) == 101
    assert said[-1] == "and 1,900 more"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("start_date: 2025-02-01, end_date: 2025-01-01", "base_args.end_date"),
        ("start_date: 2025-02-01", "runs[0].end_date"),
        ("end_date: 2025-01-01", "base_args.end_date"),
    ],
)
def test_dates_in_the_wrong_order_are_refused_where_the_second_stands(faults, text, place):
    run = {"runs[0].end_date": "end_date: 2025-01-01, ", "base_args.end_date": "start_date: 2025-02-01, "}[place]
    own = "" if "start" in text and "end" in text else run
    (said,) = faults(f"base_args: {{{text}}}\nruns: [{{id: a, {own}strategy: s}}]")
    assert re.sub(r" \(line \d\)", "", said) == f"{place}: end_date 2025-01-01 lies before start_date 2025-02-01"


def test_dates_of_a_grid_are_compared_with_each_other_and_with_those_of_all(faults, batch):
    grid = "grid: {strategy: [s], start_date: [2025-01-01, 2025-03-01], end_date: [2025-04-01, 2025-02-01]}"
    assert faults(grid) == ["grid.end_date[1] (line 3): end_date 2025-02-01 lies before start_date 2025-03-01"]
    one = "base_args: {end_date: 2025-02-01}\ngrid: {strategy: [s], start_date: [2025-01-01, 2025-03-01]}"
    assert faults(one) == ["base_args.end_date (line 3): end_date 2025-02-01 lies before start_date 2025-03-01"]
    assert len(batch("grid: {strategy: [s], start_date: [null, 2025-01-01], end_date: [2025-01-01, null]}").runs) == 4


@pytest.mark.parametrize("date", ["2025-02-29", "2025-13-01", "0000-01-01"])
def test_a_day_that_does_not_exist_is_refused(faults, date):
    assert faults(f"base_args: {{start_date: {date}}}\n{RUN}") == [
        f"base_args.start_date (line 3): {date} is not a day of the calendar"
    ]


@pytest.mark.parametrize("date", ["20250414", "2025-W16-1", "14-04-2025", "2025-04-14T00:00", "٢٠٢٥-٠٤-١٤", "5"])
def test_a_date_is_year_month_day(faults, date):
    (said,) = faults(f"base_args: {{start_date: '{date}'}}\n{RUN}")
    assert said.startswith("base_args.start_date (line 3): must be a date such as 2025-04-14, is ")


def test_a_path_is_looked_for_beside_the_file_not_in_the_working_folder(faults, tmp_path, monkeypatch):
    (tmp_path / "elsewhere" / "ticks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert faults("runs: [{id: a, strategy: s, data: ticks, config: c.json, strategy_path: [p, q]}]") == [
        "runs[0].data (line 3): 'ticks' does not exist; it is looked for at FOLDER/ticks",
        "runs[0].config (line 3): 'c.json' does not exist; it is looked for at FOLDER/c.json",
        "runs[0].strategy_path[0] (line 3): 'p' does not exist; it is looked for at FOLDER/p",
        "runs[0].strategy_path[1] (line 3): 'q' does not exist; it is looked for at FOLDER/q",
    ]


def test_faults_of_json_have_lines_too(faults):
    text = '{\n\t"batch_name": "b",\n\t"description": "d",\n\t"seed": "x",\n\t"grid": {"strategy": [\n\t\t1]}\n}'
    assert faults(text, head="", name="b.json") == [
        "seed (line 4): must be a whole number of at least 0, is 'x'",
        "grid.strategy[0] (line 6): must be text, is 1",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grid: &a {x: *a}", "aliases are not allowed"),
        ("grid: !!python/object/apply:os.system [ls]", "tag !!python/object/apply:os.system is not allowed"),
    ],
)
def test_what_yaml_can_do_beyond_json_is_refused(faults, text, said):
    assert faults(text) == [said]


def test_keys_given_twice_are_said_with_all_other_faults(faults):
    assert faults("base_args: {strategy: s}\nseed: x\ngrid:\n  size: []\n  size: [1]\nseed: 5\nsize: 1\n") == [
        "seed (line 4): must be a whole number of at least 0, is 'x'",
        "grid.size (line 6): is empty, must be a list of values",
        "grid.size (line 7): is given twice, first on line 6",
        "seed (line 8): is given twice, first on line 4",
        "size (line 9): unknown key; known: batch_name, description, output_root, run_tag, seed, max_workers, "
        "fail_fast, timeout, memory_limit, holdout, base_args, securities, strategies, grid, sample, random, runs",
    ]


def test_a_file_that_cannot_be_read_is_one_fault(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_batch(tmp_path / "b.yaml")
