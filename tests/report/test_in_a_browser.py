"""Reports in a real headless Chromium: nothing fails, nothing is asked for, names stay names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbatch.looking.formats import printable
from dbatch.report.write import write_report

HEAT = "#heat canvas"


@pytest.fixture(scope="module")
def grid_page(browser: Any, grid: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return browser.open(write_report(grid, tmp_path_factory.mktemp("page") / "report.html"))


def choose(label: str, value: str, section: str) -> str:
    """The script with which a reader chooses from a menu."""
    return (
        f"(() => {{ const found = [...document.querySelectorAll('#{section} label')].find(one => "
        f"one.firstChild.textContent === '{label}').querySelector('select'); found.value = '{value}'; "
        "found.dispatchEvent(new Event('change')); return found.value; })()"
    )


def picture(selector: str) -> str:
    return f"document.querySelector('{selector}').toDataURL()"


def test_a_batch_opens_without_an_error_or_a_request(grid_page: Any) -> None:
    assert grid_page.errors == []
    assert grid_page.requests == []
    assert len(grid_page.texts("section")) >= 12


def test_errors_and_requests_would_be_seen(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<script>throw new Error('seen')</script><img src='http://127.0.0.1:9/x.png'>", encoding="utf-8")

    page = browser.open(path)

    assert any("seen" in error for error in page.errors)
    assert page.requests == ["http://127.0.0.1:9/x.png"]


def test_the_policy_of_a_report_forbids_every_request(browser: Any, grid: Path, tmp_path: Path) -> None:
    page = browser.open(write_report(grid, tmp_path / "report.html"))

    asked = page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'answered', error => String(error))")

    assert asked == "TypeError: Failed to fetch"
    assert any("Content Security Policy" in error for error in page.errors)


def test_best_parameters_belief_and_failures_stand_first(grid_page: Any) -> None:
    best, believed, failed = grid_page.texts(".three section")

    assert "size2" in best
    assert "DSR" in believed
    assert "PBO" in believed
    assert "1 × failed KeyError" in failed
    assert grid_page.texts("#best th")[-1] == "raw Sharpe"


def test_the_expected_maximum_is_marked_in_the_distribution(grid_page: Any) -> None:
    (drawn,) = grid_page.texts("#distribution svg")

    assert "best of 12 by chance" in drawn


def test_a_reader_chooses_metric_and_axes_of_the_heatmap(grid_page: Any) -> None:
    before = grid_page.evaluate(picture(HEAT))
    assert grid_page.evaluate(choose("metric", "total_pnl", "heat")) == "total_pnl"
    other = grid_page.evaluate(picture(HEAT))
    assert grid_page.evaluate(choose("across", "stop", "heat")) == "stop"
    assert grid_page.evaluate(choose("down", "size", "heat")) == "size"
    third = grid_page.evaluate(picture(HEAT))

    assert len({before, other, third}) == 3
    assert grid_page.errors == []


def test_a_heading_sorts_a_table(grid_page: Any) -> None:
    column = "[...document.querySelectorAll('#runs tbody tr')].map(row => Number(row.cells[0].textContent))"
    grid_page.evaluate("document.querySelector('#runs th').click()")
    down = grid_page.evaluate(column)
    grid_page.evaluate("document.querySelector('#runs th').click()")

    assert down == sorted(down, reverse=True)
    assert grid_page.evaluate(column) == sorted(down)


def test_light_and_dark_pages_are_painted(browser: Any, grid: Path, tmp_path: Path) -> None:
    path = write_report(grid, tmp_path / "report.html")
    light, dark = browser.open(path), browser.open(path, dark=True)
    paper = "getComputedStyle(document.body).backgroundColor"

    assert light.evaluate(paper) != dark.evaluate(paper)
    assert len(light.screenshot()) > 20_000
    assert dark.errors == []


def test_hostile_names_are_texts_and_no_markup(
    browser: Any, hostile: Path, hostile_names: tuple[str, ...], tmp_path: Path
) -> None:
    page = browser.open(write_report(hostile, tmp_path / "report.html"))
    elements = page.evaluate("[...new Set([...document.querySelectorAll('*')].map(one => one.localName))]")

    assert page.errors == []
    assert page.requests == []
    assert "img" not in elements
    assert page.evaluate("document.scripts.length") == 2
    assert set(page.evaluate("[...document.links].map(one => one.getAttribute('href')[0])")) == {"#"}
    everything = page.evaluate("document.body.textContent")
    assert printable(hostile_names[1]) in everything
    assert not [c for c in everything if not c.isprintable() and c not in "\n\u200b"]


def test_a_run_shows_its_fills_and_zooms(browser: Any, grid: Path, tmp_path: Path) -> None:
    page = browser.open(write_report(grid, tmp_path / "run.html", run="s2_t0"))
    before = page.evaluate(picture("#fills canvas"))
    wheel = "new WheelEvent('wheel', {deltaY: -100, clientX: 500, clientY: 500, cancelable: true})"
    page.evaluate(f"document.querySelector('#fills canvas').dispatchEvent({wheel})")

    assert page.errors == []
    assert page.requests == []
    assert page.evaluate(picture("#fills canvas")) != before
    assert page.evaluate(choose("security", "1", "fills")) == "1"


@pytest.mark.parametrize("run", [0, 3])
def test_a_run_with_a_hostile_name_is_harmless(
    browser: Any, hostile: Path, hostile_names: tuple[str, ...], tmp_path: Path, run: int
) -> None:
    page = browser.open(write_report(hostile, tmp_path / "run.html", run=str(run)))

    assert page.errors == []
    assert page.requests == []
    assert page.texts("h1") == [printable(hostile_names[run])]
