"""A batch file read: what it says, and what its runs are."""

import json
import pickle
import re
from pathlib import Path

import pytest

from dbatch.config.batch_file import load_batch

RUN = "runs: [{id: one, strategy: s}]\n"


def test_a_file_of_one_run_has_defaults_for_all_else(batch, tmp_path):
    found = batch(RUN)
    assert (found.batch_name, found.description, found.path) == ("b", "d", tmp_path / "b.yaml")
    assert (found.output_root, found.fail_fast) == (tmp_path / "output", False)
    assert (found.run_tag, found.seed, found.max_workers, found.timeout, found.memory_limit) == (None,) * 5
    assert (found.base_args, found.grid, found.sample, found.random) == ({}, {}, None, None)
    assert [run.id for run in found.runs] == ["one"]


def test_every_field_at_the_top_is_read(batch, tmp_path):
    found = batch(
        "output_root: ../results\nrun_tag: exp\nseed: 7\nmax_workers: 4\nfail_fast: true\ntimeout: 1h30m\n"
        f"memory_limit: 2GiB\n{RUN}"
    )
    assert found.output_root == tmp_path.parent / "results"
    assert (found.run_tag, found.seed, found.max_workers, found.fail_fast) == ("exp", 7, 4, True)
    assert (found.timeout, found.memory_limit) == (5400.0, 2 * 1024**3)


def test_json_says_the_same_as_yaml(batch, tmp_path):
    yaml = batch("grid: {strategy: [v1, v2], size: [1, 2]}\n")
    text = json.dumps(
        {"batch_name": "b", "description": "d", "grid": {"strategy": ["v1", "v2"], "size": [1, 2]}}, indent="\t"
    )
    assert list(batch(text, head="", name="b.json").runs) == list(yaml.runs)


def test_a_run_has_what_is_written_over_what_all_share(batch, tmp_path):
    (tmp_path / "ticks").mkdir()
    found = batch(
        "base_args: {strategy: v1, data: ticks/, end_date: 2025-6-1, quote_size: 2000, stop: 1}\n"
        "runs:\n"
        "  - id: careful\n"
        "    strategy: v2\n"
        "    start_date: 2025-05-01\n"
        "    overrides: {stop: 0.5, ADIB.quote_size: 10, max_sheets: 3}\n"
        "    tags: [risk]\n"
        "    priority: 5\n"
        "    timeout: 60s\n"
    )
    (run,) = found.runs
    assert run.arguments == {
        "strategy": "v2",
        "data": str(tmp_path / "ticks"),
        "start_date": "2025-05-01",
        "end_date": "2025-06-01",
        "max_sheets": 3,
    }
    assert run.parameters == {"quote_size": 2000, "stop": 0.5, "ADIB.quote_size": 10}
    assert (run.index, run.id, run.tags, run.priority, run.timeout) == (0, "careful", ("risk",), 5, 60.0)
    assert run.origin == "runs[0]"


def test_every_argument_is_taken_from_the_parameters(batch, tmp_path):
    for name in ("t.csv", "c.json", "p.py"):
        (tmp_path / name).touch()
    (run,) = batch(
        "base_args: {strategy: s, strategy_path: p.py, data: t.csv, securities: 'ADIB, MODON', max_sheets: 2,\n"
        "  header_row: 3.0, bars: 5min, zone: Asia/Dubai, adjusted: true, config: c.json, chunk_size: 5,\n"
        "  only_trades: true, start_date: 2025-01-01,\n"
        "  end_date: 2025-01-01, size: 1}\n"
        "runs: [{id: one}]\n"
    ).runs
    assert run.parameters == {"size": 1}
    assert run.arguments == {
        "strategy": "s",
        "strategy_path": (str(tmp_path / "p.py"),),
        "data": str(tmp_path / "t.csv"),
        "securities": ("ADIB", "MODON"),
        "max_sheets": 2,
        "header_row": 3,
        "bars": "5min",
        "zone": "Asia/Dubai",
        "adjusted": True,
        "config": str(tmp_path / "c.json"),
        "chunk_size": 5,
        "only_trades": True,
        "start_date": "2025-01-01",
        "end_date": "2025-01-01",
    }


def test_null_takes_an_argument_back_and_is_a_value_of_a_parameter(batch):
    (run,) = batch(
        "base_args: {strategy: s, end_date: 2025-01-01, limit: 5}\n"
        "runs: [{id: one, end_date: null, overrides: {limit: null}}]\n"
    ).runs
    assert (run.arguments, run.parameters) == ({"strategy": "s"}, {"limit": None})


def test_the_limit_of_the_batch_is_that_of_runs_without_one(batch):
    found = batch(
        "timeout: 5m\nruns: [{id: a, strategy: s}, {id: b, strategy: s, timeout: 2}]\ngrid: {strategy: [v]}\n"
    )
    assert [run.timeout for run in found.runs] == [300.0, 2.0, 300.0]


def test_written_runs_come_first_then_the_grid_then_random_ones(batch):
    found = batch(
        "base_args: {strategy: s}\ngrid: {size: [1, 2]}\nrandom: {n: 2, parameters: {size: {int: [1, 9]}}}\n"
        "runs: [{id: one}]\n"
    )
    assert [run.id for run in found.runs] == ["one", "size_1", "size_2", "random-0000", "random-0001"]
    assert [run.origin for run in found.runs] == ["runs[0]", "grid", "grid", "random", "random"]
    assert [run.index for run in found.runs] == [0, 1, 2, 3, 4]


def test_keys_that_begin_with_an_underscore_are_comments(batch):
    found = batch("_why: x\nbase_args: {_a: 1, strategy: s}\ngrid: {_b: [1], size: [1]}\nruns: [{_c: 1, id: one}]\n")
    assert [(run.id, run.parameters) for run in found.runs] == [("one", {}), ("size_1", {"size": 1})]


def test_a_url_is_kept_as_it_is_and_not_looked_for(batch):
    (run,) = batch("runs: [{id: one, strategy: s, data: s3://bucket/ticks/}]\n").runs
    assert run.arguments["data"] == "s3://bucket/ticks/"


def test_a_run_cannot_change_another_one(batch):
    found = batch("base_args: {strategy: s, levels: [[1], 2]}\ngrid: {size: [1, 2]}\n")
    found.runs[0].parameters["levels"][0].append(5)
    assert found.runs[1].parameters["levels"] == found.runs[0].parameters["levels"] == [[1], 2]


def test_a_run_can_be_sent_to_another_process(batch):
    run = batch(RUN).runs[0]
    assert pickle.loads(pickle.dumps(run)) == run


# --- ids --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("second", "differs"), [("one", ""), ("ONE", ", there as 'one'")])
def test_two_written_runs_of_one_id_are_refused_with_both(faults, second, differs):
    assert faults(f"base_args: {{strategy: s}}\nruns: [{{id: one}}, {{id: two}}, {{id: {second}}}]") == [
        f"runs[2].id (line 4): '{second}' is the id of runs[0] too{differs}"
    ]


@pytest.mark.parametrize("name", ["size_2", "Size_2", "random-0001"])
def test_a_written_run_with_an_id_of_the_grid_or_a_random_run_is_refused(faults, name):
    origin = "random" if "random" in name else "grid"
    text = "base_args: {strategy: s}\ngrid: {size: [1, 2]}\nrandom: {n: 2, parameters: {x: {int: [1, 2]}}}\n"
    assert faults(f"{text}runs: [{{id: {name}}}]") == [
        f"runs[0].id (line 6): '{name}' is the id of a run of {origin} too; case does not count"
    ]


@pytest.mark.parametrize("name", ["size_3", "size_2_", "random-0002", "random-1", "size_"])
def test_a_written_run_with_a_free_id_is_accepted(batch, name):
    text = "base_args: {strategy: s}\ngrid: {size: [1, 2]}\nrandom: {n: 2, parameters: {x: {int: [1, 2]}}}\n"
    assert batch(f"{text}runs: [{{id: {name}}}]").runs[0].id == name


def test_a_long_written_id_is_shortened(batch):
    (run,) = batch(f"runs: [{{id: {'x' * 121}, strategy: s}}]").runs
    assert len(run.id) == 120
    assert re.fullmatch(r"x{107}-[0-9a-f]{12}", run.id)


def test_a_whole_number_can_be_an_id(batch):
    assert batch("runs: [{id: 7, strategy: s}]").runs[0].id == "7"


# --- securities and strategies ----------------------------------------------------------------------------------


def test_strategies_and_securities_give_a_run_a_strategy_with_all_securities(batch):
    found = batch("securities: [ADIB, 7203]\nstrategies: [v1, v2]\ngrid: {size: [1, 2]}\n")
    assert [run.id for run in found.runs] == [
        "strategy_v1_size_1", "strategy_v1_size_2", "strategy_v2_size_1", "strategy_v2_size_2",
    ]  # fmt: skip
    assert {run.arguments["securities"] for run in found.runs} == {("ADIB", "7203")}
    assert (found.securities, found.strategies) == (("ADIB", "7203"), ("v1", "v2"))


def test_strategies_alone_are_runs(batch):
    assert [run.id for run in batch("strategies: v1, v2\n").runs] == ["strategy_v1", "strategy_v2"]


def test_strategies_with_random_draws_give_every_strategy_the_same_draws(batch):
    runs = list(batch("strategies: [a, b]\nrandom: {n: 2, parameters: {x: {uniform: [0, 1]}}}\n").runs)
    assert [run.id for run in runs] == [
        "strategy_a_random-0000", "strategy_a_random-0001", "strategy_b_random-0000", "strategy_b_random-0001",
    ]  # fmt: skip
    assert runs[0].parameters == runs[2].parameters != runs[1].parameters == runs[3].parameters
    assert [run.arguments["strategy"] for run in runs] == ["a", "a", "b", "b"]


def test_names_can_stand_in_a_column_of_a_csv_file(batch, tmp_path):
    (tmp_path / "u.csv").write_text("\ufeffname, Ticker \nx,ADIB\n\ny, MODON\nz,ADIB\n", encoding="utf-8")
    (tmp_path / "s.csv").write_text("strategy\nv1\n", encoding="utf-8")
    found = batch("securities: {csv: u.csv}\nstrategies: {csv: s.csv, column: strategy}\n")
    assert (found.securities, found.strategies) == (("ADIB", "MODON"), ("v1",))


@pytest.mark.parametrize(
    ("content", "asked", "said"),
    [
        (None, "", "securities.csv (line 3): 'u.csv' cannot be read: No such file or directory"),
        ("", "", "securities.csv (line 3): 'u.csv' cannot be read: is empty"),
        ("ticker\n", "", "securities.csv (line 3): u.csv has no rows below its header"),
        ("tickr,x\nA,1\n", "", "securities.csv (line 3): u.csv has no column 'security' or 'ticker' or 'symbol'; "
         "known: tickr, x"),
        ("ticker,x\nA,1\n", ", column: tickr",
         "securities.column (line 3): u.csv has no column 'tickr'; did you mean 'ticker'?"),
        ("x,ticker\n1\n", "", "securities (line 3): u.csv line 2: must be a name, is ''"),
        ("ticker\nADIB\nadib\n", "", "securities (line 3): u.csv line 3: 'adib' differs from 'ADIB' only in case"),
        ("ticker\nA\n", ", sheet: 1", "securities.sheet (line 3): unknown key; known: csv, column"),
    ],
)  # fmt: skip
def test_a_csv_file_that_does_not_give_names_is_refused(faults, tmp_path, content, asked, said):
    if content is not None:
        (tmp_path / "u.csv").write_text(content, encoding="utf-8")
    assert faults(f"securities: {{csv: u.csv{asked}}}\n{RUN}") == [said]


# --- changes ----------------------------------------------------------------------------------------------------


def test_changes_replace_fields_and_entries_of_them(batch):
    found = batch(
        "max_workers: 2\nbase_args: {strategy: s, size: 1}\ngrid: {x: [1, 2]}\n",
        changes={"max_workers": 8, "base_args.ADIB.size": 5, "base_args.size": 3, "grid.x": [7], "sample.n": 1},
    )
    assert found.max_workers == 8
    assert [(run.id, run.parameters) for run in found.runs] == [("x_7", {"size": 3, "ADIB.size": 5, "x": 7})]


def test_a_fault_of_a_change_has_no_line_of_the_file(faults):
    assert faults(f"max_workers: 2\n{RUN}", changes={"max_workers": 0, "max_worker": 1}) == [
        "max_worker: unknown key; did you mean 'max_workers'?",
        "max_workers: must be a whole number of at least 1, is 0",
    ]


def test_a_change_inside_of_what_is_no_mapping_leaves_the_fault_of_the_file(faults):
    assert "base_args (line 3): must be a mapping of arguments and parameters, is 5" in faults(
        "base_args: 5\ngrid: {x: [1]}\n", changes={"base_args.strategy": "s"}
    )


# --- hashes -----------------------------------------------------------------------------------------------------


def test_the_hash_of_a_run_is_that_of_its_canonical_json(batch, tmp_path):
    from hashlib import sha256

    (tmp_path / "ticks").mkdir()
    text = '{"arguments":{"data":"ticks","strategy":"s"},"parameters":{"b":[1,null],"ä":0.5},"seed":7}'
    run = batch("seed: 7\nruns: [{id: a, strategy: s, data: ./ticks/, overrides: {ä: 0.5, b: [1, null]}}]\n").runs[0]
    assert run.params_hash == sha256(text.replace("ä", "\\u00e4").encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    "change",
    ["seed", "base_args.end_date", "base_args.data", "base_args.size", "base_args.ADIB.size", "base_args.strategy"],
)
def test_seed_dates_data_parameters_and_strategy_are_in_the_hash(batch, tmp_path, change):
    text = "seed: 7\nbase_args: {strategy: s, size: 1}\nruns: [{id: a}]\n"
    value = {"base_args.end_date": "2025-01-01", "base_args.data": "b.yaml", "base_args.strategy": "t"}.get(change, 8)
    assert batch(text).runs[0].params_hash != batch(text, changes={change: value}).runs[0].params_hash


def test_hashes_do_not_depend_on_where_the_folder_lies(tmp_path):
    hashes = set()
    for place in ("here", "there/deeper"):
        folder = tmp_path / place
        (folder / "ticks").mkdir(parents=True)
        (folder / "b.json").write_text(
            json.dumps({"batch_name": "b", "description": "d", "base_args": {"data": "ticks"}, "strategies": ["s"]})
        )
        found = load_batch(folder / "b.json")
        hashes.add((found.runs[0].params_hash, found.config_hash))
    assert len(hashes) == 1


def test_a_name_or_a_tag_of_a_run_is_not_in_its_hash(batch):
    first, second = batch(
        "runs: [{id: a, strategy: s}, {id: b, strategy: s, tags: [x], timeout: 5, priority: 1}]\n"
    ).runs
    assert first.params_hash == second.params_hash


# --- the documentation ------------------------------------------------------------------------------------------


def test_the_batch_file_of_the_documentation_is_one(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "batches.md"
    text = re.search(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "ticks").mkdir()
    (tmp_path / "exposure.yaml").write_text(text, encoding="utf-8")
    found = load_batch(tmp_path / "exposure.yaml")
    assert (len(found.runs), found.runs[0].id, found.runs[1].id) == (
        1 + 6 + 200,
        "careful",
        "exp_refill_interval_sec_10_max_notional_None",
    )
