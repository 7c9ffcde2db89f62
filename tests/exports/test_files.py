"""`dbatch export` to files: what they hold, and that doing it again changes nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from dbatch.errors import StorageError, UsageError
from dbatch.exports.export import export
from dbatch.exports.parcel import batch_id, make_parcel
from dbatch.exports.workbook import refuse_too_long, sheet_name, write_workbook
from dbatch.looking.tables import read_tables

Run = Callable[..., Any]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_files_hold_runs_jobs_and_the_fills_of_the_best_run(batch: Path, tmp_path: Path, form: str) -> None:
    made = export(batch, form, target=tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["batch.json", *(f"{name}.{form}" for name in ("runs", "jobs", "fills"))]
    )
    # size_20 earned on three days: six fills over each of two securities.
    assert made.rows == {"runs": 4, "jobs": 8, "fills": 12}
    read = {"csv": _read_csv, "json": _read_json, "parquet": lambda path: pq.read_table(path).to_pylist()}[form]
    runs, jobs, fills = (read(tmp_path / f"{name}.{form}") for name in ("runs", "jobs", "fills"))
    assert [row["run_id"] for row in runs] == ["size_10", "size_20", "size_30", "size_40"]
    assert [int(row["param.size"]) for row in runs] == [10, 20, 30, 40]
    assert len(jobs) == 8
    assert {(row["run_id"], row["security"]) for row in fills} == {("size_20", "A/B"), ("size_20", "CCC")}
    assert [float(row["realized_pnl"]) for row in fills][:4] == [0.0, 10.0, 0.0, 20.0]


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "xlsx"])
def test_twice_leaves_the_same(batch: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / ("book.xlsx" if form == "xlsx" else "out")

    def contents() -> dict[str, bytes]:
        export(batch, form, target=target)
        files = [target] if target.is_file() else list(target.iterdir())
        return {path.name: path.read_bytes() for path in files if form != "xlsx"} or {"": b""}

    assert contents() == contents()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("fills", "securities", "count"),
    [
        ("none", None, 0),
        ("all", None, 6 * 6 + 4),
        ("top:2", None, 24),
        ("size_30,size_10", ["CCC"], 12),
        ("size_40", None, 4),
    ],
)
def test_fills_are_chosen_by_runs_and_securities(
    batch: Path, fills: str, securities: list[str] | None, count: int
) -> None:
    assert make_parcel(batch, fills, securities).fill_count == count


@pytest.mark.parametrize(
    ("fills", "securities", "said"),
    [
        ("top:x", None, "must be all, none, top:N"),
        ("size_5O", None, "has no run 'size_5O'; did you mean 'size_"),
        ("all", ["CCD"], "has no security 'CCD'; did you mean 'CCC'?"),
    ],
)
def test_a_choice_of_fills_that_is_none_is_refused(
    batch: Path, fills: str, securities: list[str] | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        make_parcel(batch, fills, securities)


def test_a_damaged_part_is_never_exported(write_batch: Run, four_runs: list[Any], tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b", four_runs)
    for path in folder.glob("parts/*/*.parquet"):
        path.write_bytes(path.read_bytes()[:-9] + b"123456789")

    with pytest.raises(StorageError, match="not what was published"):
        export(folder, "csv", target=tmp_path / "out", fills="all")


def test_the_id_of_a_batch_stays_when_it_goes_on_and_changes_with_another_start(
    batches: Any, four_runs: list[Any], tmp_path: Path
) -> None:
    def id_of(name: str, **facts: Any) -> str:
        batches.make_batch(tmp_path / name, four_runs, facts=facts)
        return batch_id(read_tables(tmp_path / name))

    assert id_of("a") == id_of("b", finished_at="2025-06-01T00:00:00.000+00:00")
    assert id_of("a") != id_of("c", started_at="2025-06-01T00:00:00.000+00:00")


def test_a_workbook_has_its_sheets_with_numbers_as_numbers_and_times_as_times(batch: Path, tmp_path: Path) -> None:
    export(batch, "xlsx", target=tmp_path / "b.xlsx", best=2)

    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert book.sheetnames == ["summary", "metrics", "best runs", "fills A_B", "fills CCC"]
    best = list(book["best runs"].values)
    assert [row[0] for row in best] == ["run_id", "size_20", "size_10"]
    metrics = list(book["metrics"].values)
    assert len(metrics) == 9
    assert isinstance(metrics[1][metrics[0].index("sharpe")], float)
    fills = list(book["fills CCC"].values)
    assert fills[0][:4] == ("run_id", "timestamp", "side", "fill_price")
    assert fills[1][1].isoformat() == "2025-04-14T10:00:00"
    assert book["best runs"].freeze_panes == "B2"


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(batch: Path, tmp_path: Path) -> None:
    write_workbook(make_parcel(batch, "none"), tmp_path / "b.xlsx", rows=4)  # three and a header

    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert book.sheetnames == ["summary", "metrics", "metrics (2)", "metrics (3)", "best runs"]
    rows = [row for name in book.sheetnames[1:4] for row in list(book[name].values)[1:]]
    assert len(rows) == 8


def test_what_ten_sheets_cannot_hold_is_refused_before_anything_is_read(
    batch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbatch.exports.workbook.each_job", None)
    parcel = make_parcel(batch, "all")

    refuse_too_long(parcel)
    with pytest.raises(UsageError, match=r"8 jobs are more than 0|fills of 'A/B' are more than 10, ten sheets"):
        write_workbook(parcel, tmp_path / "b.xlsx", rows=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("A/B", "A_B"),
        ("x" * 40, "x" * 31),
        ("'quoted'", "quoted"),
        ("History", "History_"),
        ("", "sheet"),
        ("[a]:*?\\", "_a______"[:7]),
    ],
)
def test_a_sheet_has_a_name_that_excel_takes(wanted: str, name: str) -> None:
    assert sheet_name(wanted, set()) == name


def test_sheets_whose_names_are_cut_alike_stay_apart() -> None:
    taken: set[str] = set()

    names = [sheet_name("Y" * 40, taken), sheet_name("y" * 40, taken)]

    assert names == ["Y" * 31, "y" * 27 + " (2)"]


def test_a_plain_run_is_exported_too(dbatch: Run, tmp_path: Path) -> None:
    from dbatch.data.sample import sample_path

    ran = dbatch("run", "--strategy", "v1_baseline", "--data", sample_path(), "--serial", "--output-dir", "out")
    assert ran.returncode == 0, ran.stderr

    made = export(tmp_path / "out", "csv")

    jobs = _read_csv(tmp_path / "out" / "exports" / "jobs.csv")
    assert made.rows["fills"] == sum(int(row["trades"]) for row in jobs)
    assert [row["status"] for row in jobs] == ["success"] * len(jobs)


def test_the_command_prints_what_it_made_and_refuses_other_forms(batch: Path, dbatch: Run) -> None:
    made = dbatch("export", batch, "--to", "csv", "-o", "out", "--json")
    refused = dbatch("export", batch, "--to", "xls")

    document = json.loads(made.stdout)
    assert (document["schema"], document["rows"]["runs"]) == ("dbatch.export/1", 4)
    assert refused.returncode == 2
    assert "csv, json, parquet, xlsx, sql" in refused.stderr


def _read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text())["rows"]
