"""The page about statistics names every column, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

from dbatch.statistics.tables import RUN_STATISTIC_KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
KNOWN_ELSEWHERE = {
    "run_id", "status", "days", "p_value", "turnover", "max_dd_pct", "round_trips", "skewness", "kurtosis",
    "autocorrelation",
}  # fmt: skip


def test_the_page_names_every_column() -> None:
    assert [name for name in RUN_STATISTIC_KINDS if f"`{name}`" not in PAGE and name not in KNOWN_ELSEWHERE] == []


def test_the_example_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    assert "assert" in example
    exec(compile(example, "docs/statistics.md", "exec"), {})
