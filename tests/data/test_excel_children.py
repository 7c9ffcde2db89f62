"""The child processes that read workbooks: which are used again, which are not, and how many there are at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.data.allowance import Allowance
from dbatch.data.convert import convert_workbook
from dbatch.data.excel import check_security, children_kept, guard, list_securities, memory_needed
from dbatch.errors import WorkbookError

Make = Callable[..., Any]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The children as they are started."""
    children: list[Any] = []

    class Counted(guard._Child):
        def __init__(self) -> None:
            super().__init__()
            children.append(self)

    monkeypatch.setattr(guard, "_Child", Counted)
    return children


def ended(children: list[Any]) -> list[bool]:
    return [child.process.poll() is not None for child in children]


def test_one_worker_reads_all_sheets_in_one_child_which_ends_with_the_workbook(
    workbook: Make, vendor_rows: Make, started: list[Any], tmp_path: Path
) -> None:
    path = workbook({"A": vendor_rows(3), "B": vendor_rows(4), "C": vendor_rows(5)})
    outcomes = convert_workbook(path, tmp_path / "out", workers=1)
    assert [outcome.report.rows for outcome in outcomes if outcome.report] == [3, 4, 5]
    assert ended(started) == [True]


def test_a_child_that_met_a_fault_is_not_used_again(workbook: Make, vendor_rows: Make, started: list[Any]) -> None:
    path = workbook({"A": [["nothing"]], "B": vendor_rows(4)})
    bad, good = list_securities(path)
    with children_kept():
        with pytest.raises(WorkbookError, match="sheet 'A' has no header row"):
            check_security(path, bad)
        assert ended(started) == [True]
        assert check_security(path, good).rows == 4
        assert ended(started) == [True, False]
    assert ended(started) == [True, True]


def test_a_used_child_without_memory_is_followed_by_a_new_one_before_the_slow_reader(
    workbook: Make, vendor_rows: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    class Pretended:
        def __init__(self) -> None:
            self.is_new = True

        def ask(self, job: dict[str, Any]) -> dict[str, Any]:
            asked.append(("new" if self.is_new else "used", job["low_memory"]))
            is_full, self.is_new = not self.is_new, False
            return {"error": "full", "kind": "memory"} if is_full else {"report": {}}

        def end(self) -> None:
            pass

    monkeypatch.setattr(guard, "_Child", Pretended)
    with children_kept():
        for _ in range(2):
            guard._run({"low_memory": False})
    assert asked == [("new", False), ("used", False), ("new", False)]


def test_a_child_that_dies_between_two_sheets_is_replaced(
    workbook: Make, vendor_rows: Make, started: list[Any]
) -> None:
    path = workbook({"A": vendor_rows(3)})
    (security,) = list_securities(path)
    with children_kept():
        check_security(path, security)
        started[0].process.kill()
        started[0].process.wait()
        assert check_security(path, security).rows == 3


def test_a_new_child_that_is_killed_fails_its_sheet(
    workbook: Make, vendor_rows: Make, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook({"A": vendor_rows(3)})
    (security,) = list_securities(path)
    monkeypatch.setattr(guard._Child, "_write", lambda child, line: child.process.kill())
    with pytest.raises(WorkbookError, match=r"reading sheet 'A' failed \(signal 9\)"):
        check_security(path, security)


def test_the_memory_of_a_reader_is_that_of_its_largest_sheet(workbook: Make, vendor_rows: Make) -> None:
    path = workbook({"SMALL": vendor_rows(1), "LARGE": vendor_rows(1), "LARGE (2)": vendor_rows(10_000)})
    needed = memory_needed(path, list_securities(path))
    assert needed["SMALL"] == pytest.approx(80, abs=0.1)
    assert 82 < needed["LARGE"] < 85


def test_work_waits_until_what_it_needs_is_free_and_too_much_of_it_until_all_is() -> None:
    allowance = Allowance(10)
    begun, order = threading.Event(), []

    def other() -> None:
        begun.set()
        with allowance.taken(100):
            order.append("other")

    with allowance.taken(4), allowance.taken(6):
        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        thread.join(timeout=0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]
