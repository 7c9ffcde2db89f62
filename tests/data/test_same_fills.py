"""Excel, the Parquet made from it and CSV of the same real ticks give the same fills, to the byte."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

SECURITY = "SPINNEYS"


@pytest.fixture
def sources(golden: Path, spinneys: Path, tmp_path: Path) -> dict[str, Path]:
    """The same ticks in the vendor's layout and as CSV, beside the Parquet they come from."""
    folder = tmp_path / "csv"
    folder.mkdir()
    ticks = pd.read_parquet(golden / "ticks" / f"{SECURITY.lower()}.parquet")
    ticks.to_csv(folder / f"{SECURITY.lower()}.csv", index=False)
    return {"parquet": golden / "ticks", "excel": spinneys, "csv": folder}


def test_excel_parquet_and_csv_of_the_same_ticks_give_the_same_fills(
    golden: Path,
    sources: dict[str, Path],
    tmp_path: Path,
    dbatch: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    made = dbatch("convert-excel", sources["excel"], "--output-dir", "made")
    assert made.returncode == 0, made.stderr
    written = {}
    for name, data in {**sources, "converted": tmp_path / "made"}.items():
        finished = dbatch(
            "run", "--strategy", "v1_baseline", "--data", data, "--output-dir", name, "--no-dashboard",
            "--securities", SECURITY, "--config", golden / "configs" / "v1_baseline_config.json",
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        written[name] = (tmp_path / name / f"{SECURITY}_trades_timeseries.csv").read_bytes()

    assert len(written["parquet"].splitlines()) == 785
    assert written["excel"] == written["parquet"]
    assert written["converted"] == written["parquet"]
    assert written["csv"] == written["parquet"]
