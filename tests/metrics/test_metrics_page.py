"""The page about metrics names them all, in order, with their units, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

from dbatch.metrics.names import METRIC_UNITS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_table_has_every_metric_in_order_with_its_unit() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE)

    assert rows == list(METRIC_UNITS.items())


def test_the_example_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    assert "assert" in example
    exec(compile(example, "docs/metrics.md", "exec"), {})
