"""A batch whose names are formulas, markup, paths and terminal codes is shown and exported harmlessly."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import dbatch as library
from dbatch.batch.opened import Batch
from dbatch.exports.export import export
from dbatch.results.run_files import run_folder_name
from dbatch.upkeep.health_report import check_health, write_health

Run = Callable[..., Any]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


def steers(text: str) -> list[str]:
    """The characters of a text, new lines aside, that a terminal would not just print."""
    return sorted({c for c in text if not c.isprintable() and c != "\n"})


@pytest.mark.parametrize(
    "words",
    [
        ["show", "{}"],
        ["show", "{}", "--jobs", "--top", "0", "--columns", "all"],
        ["show", "{}", "-f", "md", "--columns", "all"],
        ["show", "{}", "-f", "json"],
        ["show", "{}", "--where", "nope > 1"],
        ["show", "{}", "--columns", "=HYPERLINK"],
        ["list", "{}/.."],
        ["list", "{}/..", "--json"],
        ["status", "{}"],
        ["status", "{}", "--json"],
        ["health", "--batch-root", "{}/..", "-o", "out"],
        ["sql", "{}", "select * from jobs"],
        ["sql", "{}", "select nope from runs"],
        ["export", "{}", "--to", "csv", "-o", "out", "--fills", "all"],
        ["export", "{}", "--to", "csv", "-o", "out", "--fills", "\x1b[31mno such"],
        ["rm", "{}", "--dry-run"],
    ],
    ids=lambda words: " ".join(words[:1] + words[2:]).replace("\x1b", ""),
)
def test_nothing_that_is_printed_steers_a_terminal(hostile: Path, dbatch: Run, words: list[str]) -> None:
    printed = dbatch(*(word.format(hostile) if "{}" in word else word for word in words))

    assert printed.returncode in (0, 1, 2), printed.stderr
    assert steers(printed.stdout) == []
    assert steers(printed.stderr) == []
    assert "this is a bug" not in printed.stderr


def test_the_check_for_terminal_codes_sees_one() -> None:
    assert steers("red\x1b[31m\n\u202e") == ["\x1b", "\u202e"]


def test_every_line_of_a_table_is_a_row(hostile: Path, hostile_names: tuple[str, ...], dbatch: Run) -> None:
    shown = dbatch("show", hostile, "--top", "0")

    assert len(shown.stdout.splitlines()) == 1 + len(hostile_names)


def test_json_holds_the_names_exactly(hostile: Path, hostile_names: tuple[str, ...], dbatch: Run) -> None:
    shown = json.loads(dbatch("show", hostile, "-f", "json", "--sort-by", "size").stdout)

    assert [row["run_id"] for row in shown["rows"]] == list(hostile_names)


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "xlsx", "sql"])
def test_an_export_writes_into_its_folder_alone(hostile: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / "deep" / "er" / ("out" if form in ("csv", "json", "parquet") else f"book.{form}")

    export(hostile, form, target=target, fills="all")

    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert found
    assert all(path == target or target in path.parents for path in found)


def test_no_cell_of_a_csv_file_is_a_formula(hostile: Path, tmp_path: Path) -> None:
    export(hostile, "csv", target=tmp_path, fills="all")

    for path in tmp_path.glob("*.csv"):
        rows = list(csv.reader(io.StringIO(path.read_text(), newline="")))
        texts = [cell for row in rows for cell in row if not _is_number(cell)]
        assert not [cell for cell in texts if cell.startswith(FORMULA_STARTS)]


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(hostile: Path, tmp_path: Path) -> None:
    export(hostile, "xlsx", target=tmp_path / "b.xlsx", fills="all", best=100)

    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d", "b"}
    assert not [cell for cell in cells if cell.hyperlink]
    assert not any(sheet.title != sheet.title.strip("'") or re.search(r"[\[\]:*?/\\]", sheet.title) for sheet in book)
    assert '=HYPERLINK("http://evil.example/","click")' in {cell.value for cell in cells}


def test_markdown_holds_no_tag_no_link_and_one_cell_a_column(hostile: Path, dbatch: Run) -> None:
    text = dbatch("show", hostile, "-f", "md", "--columns", "run_id,error", "--top", "0").stdout

    assert "<" not in text
    assert not re.search(r"(?<!\\)\[|(?<!\\)`", text)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()} == {3}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def test_the_card_of_a_notebook_holds_no_markup_but_its_own(hostile: Path) -> None:
    tags = Tags()
    tags.feed(Batch.open(hostile)._repr_html_())

    assert tags.found == {"div", "b", "br", "small", "ul", "li", "table", "tr", "th", "td"}
    assert steers(repr(Batch.open(hostile)) + repr(Batch.open(hostile).run(0))) == []


def test_the_health_summary_holds_no_markup(hostile: Path, tmp_path: Path) -> None:
    write_health(check_health(hostile.parent), tmp_path)

    assert "<" not in (tmp_path / "health_summary.md").read_text().replace("&lt;", "")


@pytest.mark.parametrize("place", range(0, 17, 4))
def test_a_run_is_found_by_its_hostile_name(hostile: Path, hostile_names: tuple[str, ...], place: int) -> None:
    run = library.Batch.open(hostile).run(hostile_names[place])

    assert run.number == place
    assert run.fills["security"].unique().tolist() == [hostile_names[place]]
    assert run.log.startswith(f"{hostile_names[place]}  success")


def test_folders_of_runs_stay_below_the_batch(hostile: Path, hostile_names: tuple[str, ...]) -> None:
    names = [run_folder_name(place, name) for place, name in enumerate(hostile_names)]

    assert sorted(os.listdir(hostile / "runs")) == sorted(names)
    assert all(re.fullmatch(r"\d{4}_[A-Za-z0-9_-]+", name) for name in names)
    assert sorted(os.listdir(hostile.parent)) == ["results"]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
