"""A report against an earlier one: what changed, what may be why, and which reports are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.benchmark.against import changes, circumstances, refuse_other
from dbatch.benchmark.report import Report, Series, read_report
from dbatch.errors import UsageError
from dbatch.model import Window


def test_medians_further_apart_than_either_spread_have_changed(
    series: Callable[..., Series], report: Callable[..., Report]
) -> None:
    earlier = report(series(2, [10.0, 10.5, 11.0]))
    now = report(series(2, [7.0, 8.4, 8.5]))

    wall, cpu, rate = changes(earlier, now)

    assert (wall.quantity, wall.before, wall.now, wall.ratio) == ("work wall", 10.5, 8.4, pytest.approx(0.8))
    assert (wall.spread, wall.changed) == (1.5, True)
    assert (cpu.quantity, cpu.changed) == ("work CPU", True)
    assert (rate.quantity, rate.ratio, rate.changed) == ("events/s", pytest.approx(1.25), False)  # 143 - 118 of spread


def test_medians_nearer_than_the_larger_spread_have_not_changed(
    series: Callable[..., Series], report: Callable[..., Report]
) -> None:
    wall, _, _ = changes(report(series(None, [10.0, 10.1, 10.2])), report(series(None, [9.0, 11.0, 12.0])))

    assert (wall.spread, wall.changed) == (3.0, False)


def test_one_measurement_says_nothing_of_change(series: Callable[..., Series], report: Callable[..., Report]) -> None:
    wall, _, _ = changes(report(series(2, [10.0, 10.1])), report(series(2, [1.0])))

    assert wall.changed is None


def test_only_ways_to_run_that_both_reports_have_are_compared(
    series: Callable[..., Series], report: Callable[..., Report]
) -> None:
    found = changes(report(series(None, [1.0]), series(2, [1.0])), report(series(None, [1.0]), series(4, [1.0])))

    assert [one.workers for one in found] == [None] * 3


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"strategy": "v1"}, "is of strategy 'v1', not 'quoting'"),
        ({"data": {"AAA": "d1", "CCC": "d2"}}, "is of other securities (BBB, CCC on one side only)"),
        ({"data": {"AAA": "d1", "BBB": "d9"}}, "is of other data (BBB has changed)"),
        ({"window": Window(only_trades=True)}, "is of other dates or event types"),
    ],
)
def test_another_strategy_or_other_data_are_refused(
    report: Callable[..., Report], other: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_other("old.json", report(**other).subject, report().subject)

    assert str(caught.value).startswith("--against old.json: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_version_of_the_code_is_compared_and_said(report: Callable[..., Report]) -> None:
    earlier = report(code="c9", chunk_rows=10)

    refuse_other("old.json", earlier.subject, report().subject)

    assert circumstances(earlier, report()) == ["the strategy's code has changed", "chunk size 100,000, was 10"]
    assert circumstances(report(), report()) == []


def test_a_report_reads_back_as_it_was(
    tmp_path: Path, series: Callable[..., Series], report: Callable[..., Report]
) -> None:
    path = tmp_path / "report.json"
    made = report(series(None, [1.5, 2.5]), series(2, [0.75], differs="AAA: fill 0"))
    path.write_text(json.dumps({**made.as_json(), "figures": []}))

    assert read_report(path) == made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": "dbatch.run/1"}', "its schema is 'dbatch.run/1', must be 'dbatch.benchmark/1'"),
        ("[]", "its schema is None, must be"),
        ("{", "not JSON"),
        ('{"schema": "dbatch.benchmark/1"}', "not a whole report (KeyError: 'subject')"),
    ],
)
def test_what_is_no_report_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)

    with pytest.raises(UsageError) as caught:
        read_report(path)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_report_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_report(tmp_path / "none.json")
