"""The published fills of the closing strategy come out bit for bit, wherever the events are cut."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.engine.fills import fill_table
from dbatch.engine.job import JobResult
from dbatch.engine.order import in_order
from dbatch_closing.trade_types import trade_types

CONFIGS = {
    "closing_strategy": "closing_strategy_config.json",
    "closing_strategy_1m_cap": "closing_strategy_config_1m_cap.json",
}
SECURITIES = ("ADIB", "MODON", "PARKIN", "SPINNEYS")
PUBLISHED = {"trend_filter_sell_enabled": False, "event_order": "published"}
Trade = tuple[int, str, float, int, float, str, float]


def published(golden: Path, name: str, security: str) -> list[Trade]:
    path = golden / "published" / "closing" / name / f"{security}.csv"
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    times = np.array([row[0].replace(" ", "T") for row in rows], "datetime64[ns]").astype("int64").tolist()
    return [
        (time, row[1], float(row[2]), int(row[3]), float(row[4]), row[5], float(row[6]))
        for time, row in zip(times, rows, strict=True)
    ]


def section_of(golden: Path, name: str, security: str) -> dict[str, Any]:
    section: dict[str, Any] = json.loads((golden / "configs" / CONFIGS[name]).read_text())[security]
    return section


def blocks_of(golden: Path, security: str, rows: int) -> list[EventBlock]:
    found = open_market(str(golden / "ticks")).select([security]).securities[0]
    return list(read_events(found, rows))


def fills_of(result: JobResult) -> list[tuple[Any, ...]]:
    fills = result.fills
    sides = np.where(fills.quantities > 0, "buy", "sell").tolist()
    columns = (fills.timestamps, fills.prices, np.abs(fills.quantities), fills.realized)
    times, prices, quantities, realized = (column.tolist() for column in columns)
    return list(zip(times, sides, prices, quantities, realized, strict=True))


@pytest.mark.parametrize("rows", [999, 100_000, 10**9])
@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("name", CONFIGS)
def test_the_published_fills_come_out_bit_for_bit(
    golden: Path, closing: Callable[..., JobResult], name: str, security: str, rows: int
) -> None:
    section = {**section_of(golden, name, security), **PUBLISHED}
    result = closing(*blocks_of(golden, security, rows), security=security, **section)

    expected = published(golden, name, security)
    assert fills_of(result) == [trade[:5] for trade in expected]
    signed = [trade[3] if trade[1] == "buy" else -trade[3] for trade in expected]
    assert result.fills.positions.tolist() == np.cumsum(signed).tolist()
    assert result.fills.pnl.tolist() == np.cumsum([trade[4] for trade in expected]).tolist()


@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("name", CONFIGS)
def test_the_published_types_of_trades_follow_from_the_fills(
    golden: Path, closing: Callable[..., JobResult], name: str, security: str
) -> None:
    section = {**section_of(golden, name, security), **PUBLISHED}
    fills = fill_table(closing(*blocks_of(golden, security, 10**9), security=security, **section).fills).to_pandas()
    assert trade_types(fills).tolist() == [trade[5] for trade in published(golden, name, security)]


@pytest.mark.parametrize("security", ["MODON", "SPINNEYS"])
def test_the_order_of_time_gives_other_fills_wherever_events_are_cut(
    golden: Path, closing: Callable[..., JobResult], security: str
) -> None:
    section = {**section_of(golden, "closing_strategy", security), **PUBLISHED, "event_order": "time"}
    digests = {closing(*blocks_of(golden, security, rows), **section).fills.digest() for rows in (777, 10**9)}
    in_published_order = closing(
        *blocks_of(golden, security, 10**9), **{**section, "event_order": "published"}
    ).fills.digest()
    assert len(digests) == 1
    assert in_published_order not in digests


def test_the_twin_gives_every_published_column(golden: Path, twin: ModuleType) -> None:
    (block,) = in_order(blocks_of(golden, "SPINNEYS", 10**9), "unstable_time").blocks
    section = section_of(golden, "closing_strategy", "SPINNEYS")
    trades = twin.Twin(**{**section, "trend_filter_sell_enabled": False}).run(events_of(block))
    assert trades == published(golden, "closing_strategy", "SPINNEYS")


@pytest.mark.parametrize(
    "change",
    [{"trend_filter_sell_enabled": True, "trend_filter_buy_enabled": True}, {"vwap_preclose_period_min": 60},
     {"spread_vwap_pct": 1.0, "stop_loss_threshold_pct": 0.75}],
)  # fmt: skip
def test_the_twin_agrees_on_other_parameters(
    golden: Path, closing: Callable[..., JobResult], twin: ModuleType, change: dict[str, Any]
) -> None:
    blocks = blocks_of(golden, "SPINNEYS", 10**9)
    section = {**section_of(golden, "closing_strategy", "SPINNEYS"), **PUBLISHED, **change}
    (block,) = in_order(blocks, "unstable_time").blocks
    slow = twin.Twin(**{key: value for key, value in section.items() if key != "event_order"})
    assert fills_of(closing(*blocks, **section)) == [trade[:5] for trade in slow.run(events_of(block))]


def events_of(block: EventBlock) -> list[tuple[int, int, float, int]]:
    return list(zip(*(column.tolist() for column in block), strict=True))


def test_the_command_writes_the_published_fills(
    golden: Path, tmp_path: Path, dbatch: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    finished = dbatch(
        "run", "--strategy", "closing_strategy", "--data", golden / "ticks", "--output-dir", "out",
        "--config", golden / "configs" / "closing_strategy_config.json", "--set", "event_order=published",
        "--set", "trend_filter_sell_enabled=false", "--workers", "2", "--no-dashboard",
    )  # fmt: skip

    assert finished.returncode == 0, finished.stderr
    for security in SECURITIES:
        written = pd.read_csv(tmp_path / "out" / f"{security}_trades_timeseries.csv", parse_dates=["timestamp"])
        times = written["timestamp"].astype("datetime64[ns]").astype("int64").tolist()
        columns = (written[name].tolist() for name in ("side", "fill_price", "fill_qty", "realized_pnl"))
        found = list(zip(times, *columns, strict=True))
        assert found == [trade[:5] for trade in published(golden, "closing_strategy", security)]
