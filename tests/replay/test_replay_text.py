"""What a replay says to people."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbatch.cli.replay import report_lines
from dbatch.replay.report import Outcome, ReplayReport, TraceOutcome, Verdict


def lines(then: int, now: int, verdict: Verdict = "equal", traced: bool | None = None) -> list[str]:
    """Return the lines below the job's of a replay with so many fills; a trace is equal as `traced` says, if at all."""
    return report_lines(
        ReplayReport(
            Path("out"), "2025-04-14T10:00:00", "dip", "ALFA", None, (),
            Outcome("success", then, "1" * 64), Outcome("success", now, "2" * 64), verdict,
            trace=None if traced is None else TraceOutcome("t.csv", 1_234, traced),
        )
    )[1:]  # fmt: skip


@pytest.mark.parametrize(("count", "words"), [(0, "0 fills"), (1, "1 fill"), (2, "2 fills"), (1_000, "1,000 fills")])
def test_one_fill_is_a_fill(count: int, words: str) -> None:
    assert lines(count, count) == [f"equal: {words}, digest 222222222222"]


def test_both_sides_of_a_difference_count_their_fills() -> None:
    assert lines(1, 2, "differs") == [
        "differs",
        "  then  1 fill, digest 111111111111",
        "  now   2 fills, digest 222222222222",
    ]


def test_a_trace_says_whether_it_changed_the_result() -> None:
    assert lines(1, 1, traced=True)[0] == "trace: 1,234 events in t.csv; tracing did not change the result"
    assert lines(1, 1, traced=False)[0] == "trace: 1,234 events in t.csv; tracing CHANGED the result"
