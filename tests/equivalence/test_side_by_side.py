"""Two strategies over the same securities, in numbers worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from dbatch.equivalence.results import ResultSet, SecurityResult
from dbatch.equivalence.side_by_side import Performance, SideBySide, side_by_side


def result(name: str, *fills: tuple[int, float], kind: str = "ns") -> SecurityResult:
    """Return a result with fills of (time, realised P&L)."""
    times = pa.array([time for time, _ in fills], pa.int64()).cast(pa.timestamp(kind))
    table = pa.table(
        {
            "timestamp": times,
            "side": ["buy"] * len(fills),
            "realized_pnl": pa.array([x for _, x in fills], pa.float64()),
        }
    )
    return SecurityResult(name, "success", load=lambda: table)


def sides(left: Sequence[SecurityResult], right: Sequence[SecurityResult]) -> list[SideBySide]:
    sets = [ResultSet(Path(), "run", {item.security: item for item in items}) for items in (left, right)]
    return side_by_side(*sets)


def test_each_security_has_its_fills_profit_share_of_winners_and_deepest_fall() -> None:
    first, total = sides(
        [result("ADIB", (1, 0.0), (2, 10.0), (3, -4.0), (4, 0.0), (5, 1.0))],  # 10, 6, 6, 7: it fell by 4
        [result("ADIB", (1, -3.0), (2, 1.0))],  # -3, -2: it fell by 3 from the start
    )
    assert first.security == "ADIB"
    assert first.left == Performance(trades=5, realized_pnl=7.0, win_rate=2 / 3, max_drawdown=4.0)
    assert first.right == Performance(trades=2, realized_pnl=-2.0, win_rate=0.5, max_drawdown=3.0)
    assert total == SideBySide("total", first.left, first.right)


def test_without_a_decided_fill_there_is_no_share_of_winners() -> None:
    first, _ = sides([result("ADIB", (1, 0.0))], [result("ADIB")])
    assert first.left == Performance(1, 0.0, None, 0.0)
    assert first.right == Performance(0, 0.0, None, 0.0)


def test_the_fall_of_the_total_follows_the_time_over_all_securities() -> None:
    early, late = result("ADIB", (1, 5.0), (4, -5.0)), result("MODON", (2, 5.0), (3, -5.0))
    total = sides([late, early], [late, early])[-1]
    assert total.left == Performance(4, 0.0, 0.5, 10.0)  # 5, 10, 5, 0; one after the other they fall by 5


def test_the_total_is_of_what_both_sides_have_and_can_be_read() -> None:
    def unreadable() -> pa.Table:
        raise OSError("no such part")

    both, alone = result("ADIB", (1, 2.0)), result("MODON", (1, 70.0))
    failed = SecurityResult("PARKIN", "failed", "it broke")
    gone = SecurityResult("SALIK", "success", load=unreadable)
    bare = SecurityResult("TAQA", "success", load=lambda: pa.table({"side": ["buy"]}))
    told = SecurityResult("ZAND", "success", load=lambda: pa.table({"timestamp": ["ten"], "realized_pnl": [1.0]}))
    others = [result(name, (1, 70.0)) for name in ("PARKIN", "SALIK", "TAQA", "ZAND")]
    lines = sides([both, alone, *others], [both, failed, gone, bare, told])
    assert [(line.security, line.left is None, line.right is None) for line in lines] == [
        ("ADIB", False, False),
        ("MODON", False, True),
        ("PARKIN", False, True),
        ("SALIK", False, True),
        ("TAQA", False, True),
        ("ZAND", False, True),
        ("total", False, False),
    ]
    assert lines[-1].left == lines[-1].right == Performance(1, 2.0, 1.0, 0.0)


def test_a_security_has_one_line_though_its_name_differs_in_case() -> None:
    lines = sides([result("ADIB", (1, 2.0))], [result("adib", (1, 3.0)), result("MODON")])
    assert [line.security for line in lines] == ["ADIB", "MODON", "total"]
    assert lines[0].right is not None


def test_nothing_on_both_sides_is_a_total_of_nothing() -> None:
    assert sides([], []) == [SideBySide("total", Performance(0, 0.0, None, 0.0), Performance(0, 0.0, None, 0.0))]
