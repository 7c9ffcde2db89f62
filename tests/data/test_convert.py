"""A workbook to one Parquet file per security: the files, what is made again, the commands, real ticks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from dbatch.cli import convert_excel as convert_command
from dbatch.cli import data as data_command
from dbatch.data.check import check_path
from dbatch.data.convert import ConversionOutcome, convert_workbook
from dbatch.data.events import EVENT_ARROW_SCHEMA
from dbatch.data.fingerprint import file_sha256
from dbatch.errors import DataNotFoundError, OutputError

Make = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("read_here")


def statuses(outcomes: list[ConversionOutcome]) -> dict[str, str]:
    return {outcome.security: outcome.status for outcome in outcomes}


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def run(app: typer.Typer, *arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def three(workbook: Make, vendor_rows: Make) -> Path:
    """ADIB and SALIK, and between them BAD whose prices are all text."""
    bad = vendor_rows(events=[["2025-04-14", "BID", "n/a", 1]])
    path: Path = workbook({"ADIB UH Equity": vendor_rows(20), "BAD": bad, "SALIK DH Equity": vendor_rows(20)})
    return path


@pytest.fixture
def adib(workbook: Make, vendor_rows: Make) -> Path:
    path: Path = workbook({"ADIB UH Equity": vendor_rows(20)})
    return path


def test_a_file_has_the_canonical_schema_page_checksums_and_says_where_it_comes_from(
    adib: Path, tmp_path: Path
) -> None:
    convert_workbook(adib, tmp_path / "out")
    target = tmp_path / "out" / "adib.parquet"
    with pq.ParquetFile(target, page_checksum_verification=True) as file:
        schema, group = file.schema_arrow, file.metadata.row_group(0)
        assert file.read().num_rows == 20
    assert schema.equals(pa.schema([field.with_nullable(False) for field in EVENT_ARROW_SCHEMA]))
    assert "RLE_DICTIONARY" in group.column(1).encodings
    assert json.loads(schema.metadata[b"dbatch"]) == {
        "security": "ADIB",
        "label": "ADIB UH Equity",
        "sheets": ["ADIB UH Equity"],
        "source": "ticks.xlsx",
        "source_sha256": file_sha256(adib),
        "rules_version": 2,
        "header_row": None,
        "sort": False,
    }


def test_row_groups_have_one_size(tmp_path: Path) -> None:
    from dbatch.data.coerce import Faults, coerce_cells
    from dbatch.data.write import EventWriter

    writer = EventWriter(tmp_path / "x.parquet", {})
    batch = coerce_cells([("2025-04-14", "bid", 1, 1)] * 50_000, lambda row, column: "", Faults())
    for _ in range(6):
        writer.add(batch)
    writer.close({})
    metadata = pq.read_metadata(tmp_path / "x.parquet")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [
        131_072,
        131_072,
        37_856,
    ]


def test_converting_again_does_nothing(adib: Path, tmp_path: Path) -> None:
    (first,) = convert_workbook(adib, tmp_path / "out")
    before = first.target.stat().st_mtime_ns
    (second,) = convert_workbook(adib, tmp_path / "out")
    assert (second.status, second.report) == ("up to date", first.report)
    assert first.target.stat().st_mtime_ns == before


@pytest.mark.parametrize("change", [{"force": True}, {"sort": True}, {"header_row": 3}])
def test_another_way_to_convert_makes_the_file_anew(adib: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    convert_workbook(adib, tmp_path / "out")
    assert statuses(convert_workbook(adib, tmp_path / "out", **change)) == {"ADIB": "converted"}


def test_another_content_or_rule_version_makes_the_file_anew(
    workbook: Make, vendor_rows: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_workbook(workbook({"ADIB": vendor_rows(5)}), tmp_path / "out")
    changed = workbook({"ADIB": vendor_rows(6)})
    assert statuses(convert_workbook(changed, tmp_path / "out")) == {"ADIB": "converted"}
    monkeypatch.setattr("dbatch.data.excel.EVENT_RULES_VERSION", 3)
    assert statuses(convert_workbook(changed, tmp_path / "out")) == {"ADIB": "converted"}


@pytest.mark.parametrize("content", [b"", b"PAR1 of somebody else"])
def test_a_file_that_is_not_ours_is_overwritten_only_by_force(adib: Path, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "adib.parquet"
    target.write_bytes(content)
    (outcome,) = convert_workbook(adib, tmp_path)
    assert (outcome.status, target.read_bytes()) == ("failed", content)
    assert "overwrite it with --force" in str(outcome.error)
    assert statuses(convert_workbook(adib, tmp_path, force=True)) == {"ADIB": "converted"}


def test_a_security_that_fails_is_named_and_does_not_stop_the_others(three: Path, tmp_path: Path) -> None:
    outcomes = convert_workbook(three, tmp_path / "out")
    assert statuses(outcomes) == {"ADIB": "converted", "BAD": "failed", "SALIK": "converted"}
    assert "BAD" in str(outcomes[1].error)
    assert "BAD!C4: price is not a number, found 'n/a'" in str(outcomes[1].error)
    assert files(tmp_path / "out") == ["adib.parquet", "salik.parquet"]


def test_a_failed_conversion_leaves_the_file_that_was_there(workbook: Make, vendor_rows: Make, tmp_path: Path) -> None:
    (first,) = convert_workbook(workbook({"ADIB": vendor_rows(5)}), tmp_path / "out")
    content = first.target.read_bytes()
    bad = workbook({"ADIB": vendor_rows(events=[["x", "BID", 1, 1]])})
    assert statuses(convert_workbook(bad, tmp_path / "out")) == {"ADIB": "failed"}
    assert (files(tmp_path / "out"), first.target.read_bytes()) == (["adib.parquet"], content)


def test_only_the_first_securities_are_converted_when_asked(three: Path, tmp_path: Path) -> None:
    assert statuses(convert_workbook(three, tmp_path / "out", max_sheets=1)) == {"ADIB": "converted"}


def test_each_security_is_told_when_it_is_done(three: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    convert_workbook(
        three,
        tmp_path / "out",
        workers=1,
        on_done=lambda outcome, done, total: told.append((outcome.security, done, total)),
    )
    assert told == [("ADIB", 1, 3), ("BAD", 2, 3), ("SALIK", 3, 3)]


@pytest.mark.parametrize("sheet", ["../../evil", "CON", "سهم 😀", "=cmd|x", "C:evil"])
def test_no_sheet_name_makes_a_path(workbook: Make, vendor_rows: Make, tmp_path: Path, sheet: str) -> None:
    out = tmp_path / "a" / "b" / "out"
    (outcome,) = convert_workbook(workbook({sheet: vendor_rows()}), out)
    assert outcome.status == "converted"
    assert outcome.target.resolve().parent == out.resolve()
    assert files(out) == [outcome.target.name]
    assert not {file for file in tmp_path.rglob("*") if "evil" in file.name} - {outcome.target}


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_an_output_folder_that_cannot_be_written_is_refused_before_any_work(
    adib: Path, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        convert_workbook(adib, tmp_path / folder)


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is POSIX")
def test_a_full_disk_leaves_no_file_and_names_the_security(workbook: Make, vendor_rows: Make, tmp_path: Path) -> None:
    path = workbook({"ADIB": vendor_rows(20_000)})
    script = (
        "import resource, sys; from pathlib import Path; from dbatch.data.convert import convert_workbook;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000));"
        "print(convert_workbook(Path(sys.argv[1]), Path(sys.argv[2]))[0].error)"
    )
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", script, path, out], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert files(out) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT as from a terminal is POSIX")
def test_an_interrupt_ends_the_children_and_leaves_no_torn_file(
    workbook: Make, vendor_rows: Make, tmp_path: Path
) -> None:
    path = workbook({"ADIB": vendor_rows(60_000)})
    out = tmp_path / "out"
    script = (
        "import sys; from pathlib import Path; from dbatch.data.convert import convert_workbook;"
        "convert_workbook(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, path, out], stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 20
    found: list[int] = []
    while not found and time.monotonic() < deadline:
        tasks = children.parent.parent.glob("*/children") if children.exists() else iter(())
        found = [int(pid) for task in tasks for pid in task.read_text().split()]
    parent.send_signal(signal.SIGINT)
    _, complaint = parent.communicate(timeout=20)
    assert "KeyboardInterrupt" in complaint
    assert found
    assert not any(Path(f"/proc/{pid}").exists() for pid in found)
    assert not list(out.glob(".*"))  # a file is whole or not there


def test_the_command_reports_and_exits_with_1_if_a_security_failed(three: Path, tmp_path: Path) -> None:
    done = run(convert_command.app, three, "--output-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "ADIB: 20 rows, 2025-04-14T10:00:00 to 2025-04-14T10:00:19" in done.stderr
    assert "BAD: failed: " in done.stderr
    assert "2 converted, 0 up to date, 1 failed" in done.stderr


def test_the_command_prints_json_on_standard_output_alone(adib: Path, tmp_path: Path) -> None:
    done = run(convert_command.app, adib, "--output-dir", tmp_path / "out", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["schema"]) == (0, "dbatch.convert-excel/1")
    assert found["securities"][0]["report"]["rows"] == 20


def test_a_report_in_words_names_the_cells(workbook: Make, vendor_rows: Make, tmp_path: Path) -> None:
    good, bad = vendor_rows(2)[3:], [["2025-04-14", "BID", "abc", 0]] * 5
    path = workbook({"ADIB": vendor_rows(events=[*good, *bad])})
    done = run(convert_command.app, path, "--output-dir", tmp_path / "out")
    cells = "ADIB!C6 'abc', ADIB!C7 'abc', ADIB!C8 'abc', …"
    assert f"  5 cells: price is not a number: {cells}\n" in done.stderr
    assert "  5 volumes of zero\n" in done.stderr


def test_data_check_finds_all_problems_and_writes_nothing(three: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = run(data_command.app, "check", three, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [(entry["security"], entry["usable"]) for entry in found["securities"]] == [
        ("ADIB", True),
        ("BAD", False),
        ("SALIK", True),
    ]
    assert sorted(tmp_path.rglob("*")) == before


def test_data_check_of_sound_files_exits_with_0(adib: Path, tmp_path: Path) -> None:
    convert_workbook(adib, tmp_path / "out")
    (tmp_path / "out" / "b.csv").write_text("date,type,price,size\n2025-04-14,bid,1,1\n")
    done = run(data_command.app, "check", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "ADIB: 20 rows" in done.stderr
    assert "2 usable, 0 not" in done.stderr


def test_data_check_names_the_file_and_row(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("ticker,date,type,price,size\nNA,2025-04-14,bid,1,1\nNA,2025-04-14,bid,x,1\n")
    done = run(data_command.app, "check", tmp_path)
    assert "NA: 2 rows" in done.stderr
    assert "  1 cell: price is not a number: b.csv:3 'x'" in done.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"x,y\n1,2\n"),
        ("a.parquet", b"no parquet"),
        ("a.xlsx", b""),
        ("a.csv", b"date,type,price,size\n"),
    ],
)
def test_data_check_of_a_folder_goes_on_past_a_bad_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "b.csv").write_text("date,type,price,size\n2025-04-14,bid,1,1\n")
    assert [(found.security, found.is_usable) for found in check_path(tmp_path)] == [
        ("A", False),
        ("B", True),
    ]


def test_data_check_of_a_parquet_file_with_other_columns_says_which(tmp_path: Path) -> None:
    import pyarrow as pa

    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    (found,) = check_path(tmp_path / "a.parquet")
    assert "has columns 'x'; events need" in str(found.error)


def test_data_check_of_a_folder_without_data_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataNotFoundError):
            list(check_path(path))


def test_the_sample_workbook_in_the_vendors_layout_converts(golden: Path, tmp_path: Path) -> None:
    outcomes = convert_workbook(golden / "TickData_Sample.xlsx", tmp_path)
    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    assert [(report.security, report.rows, report.usable_rows) for report in reports] == [
        (f"SECURITY_0{n}", 5000, 5000) for n in range(3)
    ]
    assert reports[0].first == "2025-01-02T10:00:00"


def test_real_ticks_survive_a_trip_through_excel_row_for_row(spinneys: Path, golden: Path, tmp_path: Path) -> None:
    real = pq.read_table(golden / "ticks" / "spinneys.parquet")
    (outcome,) = convert_workbook(spinneys, tmp_path)
    found = pq.read_table(outcome.target)
    for name in ("timestamp", "price", "volume"):
        assert found[name].to_pylist() == real[name].to_pylist()
    assert found["type"].to_pylist() == [text.lower() for text in real["type"].to_pylist()]
    assert outcome.report is not None
    assert (outcome.report.rows, outcome.report.unusable, outcome.report.gap_days) == (51_465, {}, 4)


def test_ctrl_c_ends_a_conversion_whose_sheets_are_still_queued(workbook: Make, tmp_path: Path) -> None:
    events = [[f"2025-04-14 10:{row // 60 % 60:02d}:{row % 60:02d}", "BID", 10.5, 100] for row in range(4_000)]
    sheet = [["Dates", "Type", "Price", "Size"], *events]
    workbook({f"S{number} UH Equity": sheet for number in range(12)}, "book.xlsx")
    process = subprocess.Popen(
        [sys.executable, "-m", "dbatch", "convert-excel", "book.xlsx", "--output-dir", "made"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("made/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=30)
    assert process.returncode in (0, 130), said
    assert not list(tmp_path.glob("made/*.tmp"))
