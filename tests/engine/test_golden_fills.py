"""The published fills of real securities come out bit for bit, however the work is cut and whoever does it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.engine.fills import fill_table
from dbatch.engine.job import run_job
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.strategies.parameters import validate

SECURITIES = ("ADIB", "MODON", "PARKIN", "SPINNEYS")
PUBLISHED = (
    "v1_baseline",
    "v2_price_follow_qty_cooldown",
    "v2_price_follow_qty_cooldown@refill_interval_sec=5",
    "v2_1_stop_loss",
    "v3_liquidity_monitor",
)
WHOLE = 10**9
Dbatch = Callable[..., subprocess.CompletedProcess[str]]


def published_fills(golden: Path, variant: str, security: str) -> pd.DataFrame:
    fills = pd.read_csv(golden / "published" / variant / f"{security}.csv", parse_dates=["timestamp"])
    return fills.astype({"timestamp": "datetime64[ns]", "side": "str"})


def config_of(golden: Path, variant: str) -> dict[str, dict[str, object]]:
    strategy, _, override = variant.partition("@")
    config = json.loads((golden / "configs" / f"{strategy}_config.json").read_text())
    if override:
        key, _, value = override.partition("=")
        config = {security: {**section, key: json.loads(value)} for security, section in config.items()}
    return config


@pytest.mark.parametrize("rows", [1_000, 100_000, WHOLE])
@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("variant", PUBLISHED)
def test_a_built_in_strategy_reproduces_its_published_fills(
    golden: Path, variant: str, security: str, rows: int
) -> None:
    config = config_of(golden, variant)
    handler = make_handler(resolve(variant.partition("@")[0]).ref, config)
    section = validate(handler.parameters, {security: config[security]}, "config")[security]._asdict()
    found = open_market(str(golden / "ticks")).select([security]).securities[0]

    result = run_job(handler, security, section, read_events(found, rows))

    fills = fill_table(result.fills).to_pandas()
    pd.testing.assert_frame_equal(fills, published_fills(golden, variant, security), check_exact=True)


@pytest.mark.parametrize("how", [["--serial"], ["--workers", "2", "--no-dashboard"]])
@pytest.mark.parametrize("variant", PUBLISHED)
def test_the_command_writes_the_published_fills(
    golden: Path, tmp_path: Path, dbatch: Dbatch, variant: str, how: list[str]
) -> None:
    assert_published_fills_are_written(golden, tmp_path, dbatch, variant, how)


def test_a_process_of_its_own_writes_the_published_fills(golden: Path, tmp_path: Path, dbatch_process: Dbatch) -> None:
    assert_published_fills_are_written(golden, tmp_path, dbatch_process, "v2_1_stop_loss", ["--workers", "2"])


def assert_published_fills_are_written(golden: Path, tmp_path: Path, run: Dbatch, variant: str, how: list[str]) -> None:
    strategy, _, override = variant.partition("@")
    setting = ["--set", override] if override else []
    finished = run(
        "run", "--strategy", strategy, "--data", golden / "ticks", "--output-dir", "out",
        "--config", golden / "configs" / f"{strategy}_config.json", *setting, *how,
    )  # fmt: skip

    assert finished.returncode == 0, finished.stderr
    for security in SECURITIES:
        written = pd.read_csv(tmp_path / "out" / f"{security}_trades_timeseries.csv", parse_dates=["timestamp"])
        written = written.astype({"timestamp": "datetime64[ns]", "side": "str"})
        pd.testing.assert_frame_equal(written, published_fills(golden, variant, security), check_exact=True)
