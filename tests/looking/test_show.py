"""`dbatch show`: rows chosen by expressions, sorted, cut, and written in every format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.errors import UsageError
from dbatch.looking.formats import as_json
from dbatch.looking.query import Choice, choose, runs_table
from dbatch.looking.show import show
from dbatch.looking.tables import read_tables
from dbatch.results.ledger import open_ledger

Run = Callable[..., Any]


def ids(folder: Path, **choice: Any) -> list[str]:
    return show(folder, Choice(**choice)).rows.column("run_id").to_pylist()


def test_the_best_runs_come_first_and_those_without_a_ratio_last(batch: Path) -> None:
    assert ids(batch) == ["size_20", "size_10", "size_30", "size_40"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("sharpe > 0", ["size_20", "size_10"]),
        ("status = 'success' and total_pnl < 0", ["size_30"]),
        ("size between 20 and 30", ["size_20", "size_30"]),
        ('"param.size" = 40', ["size_40"]),
        ("error is not null", ["size_40"]),
        ("sharpe > 0 -- of those that won", ["size_20", "size_10"]),
        ("sharpe > 1e9", []),
    ],
)
def test_an_expression_over_columns_and_parameters_chooses_rows(batch: Path, where: str, found: list[str]) -> None:
    assert ids(batch, where=where) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (["-size"], ["size_40", "size_30", "size_20", "size_10"]),
        (["total_pnl"], ["size_30", "size_10", "size_20", "size_40"]),
        (["-total_pnl"], ["size_20", "size_10", "size_30", "size_40"]),
        (["-status", "-size"], ["size_30", "size_20", "size_10", "size_40"]),
    ],
)
def test_rows_are_sorted_by_columns_missing_values_last_either_way(
    batch: Path, order: list[str], found: list[str]
) -> None:
    assert ids(batch, sort_by=order) == found


def test_top_cuts_and_says_how_many_there_were(batch: Path) -> None:
    shown = show(batch, Choice(where="status = 'success'", top=1))

    assert (shown.rows.num_rows, shown.found) == (1, 3)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"where": "sharp > 1"}, "--where: no column 'sharp'; did you mean 'sharpe'?"),
        ({"sort_by": ["-shrpe"]}, "--sort-by: no column 'shrpe'; did you mean 'sharpe'?"),
        ({"columns": ["run_idd"]}, "--columns: no column 'run_idd'; did you mean 'run_id'?"),
        ({"where": "sharpe >"}, "--where 'sharpe >': Parser Error"),
        ({"where": "sharpe > 'high'"}, "Could not convert string 'high'"),
    ],
)
def test_what_cannot_be_chosen_is_said_in_a_line_with_a_suggestion(
    batch: Path, choice: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        show(batch, Choice(**choice))

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    [
        "1 = (select count(*) from read_csv('/etc/hostname'))",
        "1 = (select count(*) from '/etc/hostname')",
        "1=1); copy (select 1) to 'made.csv'; select (1",
        "run_id in (select name from ledger)",
        "getenv('HOME') <> ''",
    ],
)
def test_an_expression_reaches_no_file_no_statement_and_no_variable(
    batch: Path, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError):
        show(batch, Choice(where=where))
    assert list(tmp_path.iterdir()) == []


def test_a_parameter_called_as_a_column_is_reached_by_its_whole_name_only(
    batches: Any, write_batch: Callable[..., Path], tmp_path: Path
) -> None:
    runs = [batches.MadeRun({"A": "success"}, parameters={"Sharpe": size}) for size in (1, 2)]
    table = runs_table(read_tables(write_batch(tmp_path / "b", runs)))

    chosen, _ = choose(table, Choice(where='"param.Sharpe" = 2', columns=["run_id", "sharpe"]))

    assert chosen.column("run_id").to_pylist() == ["run1"]


def test_jobs_are_shown_a_row_each(batch: Path) -> None:
    rows = show(batch, Choice(where="security = 'CCC'"), jobs=True).rows

    assert rows.num_rows == 4
    assert {"run_id", "security", "digest", "param.size"} <= set(rows.column_names)


def test_a_batch_without_its_files_is_shown_from_its_ledger(batches: Any, four_runs: list[Any], tmp_path: Path) -> None:
    batches.make_batch(tmp_path / "b", four_runs)

    shown = show(tmp_path / "b", Choice())

    assert not shown.is_final
    assert shown.rows.column("run_id").to_pylist() == ["size_20", "size_10", "size_30", "size_40"]


def test_a_damaged_summary_is_never_shown(
    write_batch: Callable[..., Path], four_runs: list[Any], tmp_path: Path
) -> None:
    folder = write_batch(tmp_path / "b", four_runs)
    path = folder / "batch_summary.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)

    shown = show(folder, Choice())

    assert not shown.is_final
    assert shown.rows.num_rows == 4


def test_a_later_receipt_is_shown_though_the_files_are_older(
    batches: Any, write_batch: Callable[..., Path], four_runs: list[Any], tmp_path: Path
) -> None:
    folder = write_batch(tmp_path / "b", four_runs)
    with open_ledger(folder) as ledger:
        ledger.forget([job.key for job in ledger.planned() if job.run == 1])

    assert show(folder, Choice(where="status = 'cancelled'")).rows.column("run_id").to_pylist() == ["size_20"]


def test_csv_json_and_parquet_hold_all_rows_and_columns(batch: Path, dbatch_in: Run, tmp_path: Path) -> None:
    as_csv = dbatch_in(tmp_path, "show", batch, "-f", "csv").stdout
    as_json = json.loads(dbatch_in(tmp_path, "show", batch, "-f", "json").stdout)
    dbatch_in(tmp_path, "show", batch, "-f", "parquet", "-o", "runs.parquet")
    table = pq.read_table(tmp_path / "runs.parquet")

    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert (as_json["schema"], as_json["batch"], as_json["found"]) == ("dbatch.show/1", "nightly", 4)
    assert table.to_pylist() == as_json["rows"]
    assert [row["sharpe"] for row in rows] == ["" if s is None else repr(s) for s in table.column("sharpe").to_pylist()]


def test_the_table_has_the_columns_people_look_at_and_says_what_it_left_out(batch: Path, dbatch: Run) -> None:
    shown = dbatch("show", batch, "--top", "2")

    lines = shown.stdout.splitlines()
    assert lines[0].split()[:3] == ["run_id", "status", "sharpe"]
    assert [line.split()[0] for line in lines[1:]] == ["size_20", "size_10"]
    assert shown.stderr == "2 of 4 rows; --top 0 shows all\n"


def test_markdown_is_a_table_with_numbers_to_the_right(batch: Path, dbatch: Run) -> None:
    shown = dbatch("show", batch, "-f", "md", "--columns", "run_id,size", "--sort-by", "-size", "--top", "1")

    assert shown.stdout.splitlines() == ["| run_id | param.size |", "|---|---:|", "| size_40 | 40 |"]


def test_a_folder_without_a_batch_is_refused(dbatch: Run, tmp_path: Path) -> None:
    shown = dbatch("show", tmp_path)

    assert shown.returncode == 2
    assert "holds no batch" in shown.stderr


def test_what_json_cannot_hold_is_null() -> None:
    table = pa.table({"x": [1.0, float("nan"), float("inf"), None], "t": ["a", None, "\x1b", "="]})

    assert json.loads(as_json(table, a=1)) == {
        "a": 1,
        "rows": [{"x": 1.0, "t": "a"}, {"x": None, "t": None}, {"x": None, "t": "\x1b"}, {"x": None, "t": "="}],
    }
    assert json.loads(as_json(table.slice(0, 0))) == {"rows": []}


def test_stored_statistics_are_columns_until_the_batch_changes(
    write_batch: Run, four_runs: list[Any], tmp_path: Path, dbatch: Run
) -> None:
    folder = write_batch(tmp_path / "b", four_runs)
    assert "dsr" not in show(folder, Choice()).rows.column_names

    assert dbatch("stats", folder).returncode == 0

    assert {"dsr", "psr", "min_trl_days"} <= set(show(folder, Choice(sort_by=["-dsr"])).rows.column_names)
    with open_ledger(folder) as ledger:
        ledger.forget([job.key for job in ledger.planned() if job.run == 1])
    assert "dsr" not in show(folder, Choice()).rows.column_names
