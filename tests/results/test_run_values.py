"""A column of the summary that is asked for alone is that of the whole summary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dbatch.results.columns import numbers
from dbatch.results.consolidate import summary_of
from dbatch.results.ledger import open_ledger
from dbatch.results.objective import OBJECTIVES
from dbatch.results.run_values import run_values

Make = Callable[..., Any]


@pytest.mark.parametrize("securities", [("AAA",), ("AAA", "BBB")])
def test_a_column_asked_for_alone_is_that_of_the_summary(
    tmp_path: Path, batches: ModuleType, make_batch: Make, securities: tuple[str, ...]
) -> None:
    daily = [(1 / 3, -0.7, 0.0, 2 / 7, -1 / 9), (5.0,), (), (-1.0, -2.0), (4.0, 2.0)]
    runs = [
        {name: batches.MadeJob(daily=pnl, first_day=20_192 + at) for name in securities} for at, pnl in enumerate(daily)
    ]
    made = [*runs, dict.fromkeys(securities, "failed"), dict.fromkeys(securities)]
    receipts = make_batch(tmp_path, [batches.MadeRun(jobs, number=at * 3) for at, jobs in enumerate(made)])
    (tmp_path / receipts["run0", "AAA"].part).unlink()

    with open_ledger(tmp_path) as ledger:
        summary = summary_of(tmp_path, ledger)
        for column in OBJECTIVES:
            ids, values = run_values(tmp_path, ledger, column)
            assert ids == summary.column("run_id").to_pylist()
            assert values.tobytes() == numbers(summary.column(column)).tobytes(), column
    assert np.isnan(values[0])
