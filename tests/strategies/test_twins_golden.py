"""The twins give the published fills bit for bit: what the compiled strategies are compared with is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.engine.fills import fill_table
from dbatch.engine.job import run_job

SECURITY = "SPINNEYS"


@pytest.mark.parametrize(
    ("strategy", "override"),
    [
        ("v1_baseline", ""),
        ("v2_price_follow_qty_cooldown", ""),
        ("v2_price_follow_qty_cooldown", "@refill_interval_sec=5"),
        ("v2_1_stop_loss", ""),
        ("v3_liquidity_monitor", ""),
    ],
)
def test_a_twin_reproduces_the_published_fills(
    golden: Path, pair: Callable[[str], Any], strategy: str, override: str
) -> None:
    config = json.loads((golden / "configs" / f"{strategy}_config.json").read_text())
    section = {**config[SECURITY], **({"refill_interval_sec": 5} if override else {})}
    found = open_market(str(golden / "ticks")).select([SECURITY]).securities[0]

    twin = pair(strategy).create_twin({SECURITY: section})
    fills = fill_table(run_job(twin, SECURITY, section, read_events(found, 20_000)).fills).to_pandas()

    path = golden / "published" / f"{strategy}{override}" / f"{SECURITY}.csv"
    published = pd.read_csv(path, parse_dates=["timestamp"])
    published = published.astype({"timestamp": "datetime64[ns]", "side": "str"})
    pd.testing.assert_frame_equal(fills, published, check_exact=True)
