"""A job over bars is carried out again as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dbatch.errors import UsageError
from dbatch.replay import replay

Run = Callable[..., Path]


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """A file of 200 hourly bars that rise and fall."""
    path = tmp_path / "hours.csv"
    close = 100.0 + 10.0 * np.sin(np.arange(200) / 10)
    times = pd.date_range("2025-04-14", periods=200, freq="h")
    pd.DataFrame({"time": times, "open": close, "high": close, "low": close, "close": close}).to_csv(path, index=False)
    return path


def test_a_job_over_bars_is_equal_after_a_plain_run(ran: Run, hours: Path) -> None:
    report = replay(ran("sma_cross", data=hours), "HOURS")

    assert report.verdict == "equal"
    assert report.now == report.then
    assert report.now.fills


def test_other_parameters_give_a_job_over_bars_other_fills(ran: Run, hours: Path) -> None:
    report = replay(ran("sma_cross", data=hours), "HOURS", params={"fast": 3})

    assert (report.verdict, report.difference is not None) == ("differs", True)


@pytest.mark.parametrize("part", [{"until": "2025-04-15"}, {"trace": "trace.csv"}])
def test_a_job_over_bars_is_not_replayed_in_parts(ran: Run, hours: Path, part: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="HOURS: a job over bars is replayed as a whole"):
        replay(ran("sma_cross", data=hours), "HOURS", **part)
