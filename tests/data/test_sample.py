"""The sample that ships with dbatch: the same events in both formats, made again as they are, worth trading on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.job import JobResult, run_job
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.strategies.parameters import validate

PROJECT = Path(__file__).resolve().parents[2]
SECURITIES = ("ALFA", "GAMA", "VETA")
STRATEGIES = ("v1_baseline", "v2_price_follow_qty_cooldown", "v2_1_stop_loss")


def from_parquet(folder: Path, security: str) -> pd.DataFrame:
    frame = pd.read_parquet(folder / f"{security.lower()}.parquet")
    return frame.astype({"type": "str"})


def from_workbook(path: Path, security: str) -> pd.DataFrame:
    sheet = CalamineWorkbook.from_path(path).get_sheet_by_name(f"{security} UH Equity")
    rows = sheet.to_python(skip_empty_area=False)[3:]
    frame = pd.DataFrame(rows, columns=["timestamp", "type", "price", "volume"])
    frame["type"] = frame["type"].str.lower()
    dtypes = {"timestamp": "datetime64[ns]", "type": "str", "price": "float64", "volume": "int64"}
    return frame.astype(dtypes)


def backtest(strategy: str, security: str, parameters: dict[str, object]) -> JobResult:
    handler = make_handler(resolve(strategy).ref, {})
    section = validate(handler.parameters, {security: parameters}, "test")[security]._asdict()
    found = open_market(str(sample_path())).select([security]).securities[0]
    return run_job(handler, security, section, read_events(found))


@pytest.mark.parametrize("security", SECURITIES)
def test_the_workbook_holds_the_events_of_the_parquet_files_in_their_order(security: str) -> None:
    workbook = from_workbook(sample_path().parent / "ticks.xlsx", security)

    pd.testing.assert_frame_equal(workbook, from_parquet(sample_path(), security), check_exact=True)


def test_the_workbook_has_the_vendors_layout() -> None:
    workbook = openpyxl.load_workbook(sample_path().parent / "ticks.xlsx", read_only=True)
    heads = {sheet.title: list(sheet.iter_rows(max_row=3, values_only=True)) for sheet in workbook}
    workbook.close()

    assert list(heads) == [f"{security} UH Equity" for security in SECURITIES]
    for title, (name, _free_text, header) in heads.items():
        assert name[0] == title
        assert header == ("Dates", "Type", "Price", "Size")


def test_the_sample_made_again_has_the_same_events(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROJECT / "tools" / "make_sample.py", tmp_path], check=True)

    for security in SECURITIES:
        made = from_parquet(tmp_path / "ticks", security)
        pd.testing.assert_frame_equal(made, from_parquet(sample_path(), security), check_exact=True)
        pd.testing.assert_frame_equal(made, from_workbook(tmp_path / "ticks.xlsx", security), check_exact=True)


@pytest.mark.parametrize("security", SECURITIES)
def test_the_sample_has_the_oddities_of_real_ticks(security: str) -> None:
    ticks = from_parquet(sample_path(), security)
    steps = ticks["timestamp"].diff().dt.total_seconds()

    assert (steps == 0).any()
    assert steps.between(-2, -1).any()
    assert steps.min() >= -2
    assert (ticks["price"] == 0).any()
    assert ((ticks["price"] > 0) & (ticks["volume"] == 0)).any()
    assert ticks["timestamp"].dt.date.nunique() == 5


@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_default_parameters_give_fills_and_end_flat(strategy: str, security: str) -> None:
    result = backtest(strategy, security, {})

    assert len(result.fills) > 50
    assert result.position == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_example_configs_fit_their_strategy_and_the_sample(strategy: str) -> None:
    config = json.loads((PROJECT / "configs" / f"{strategy}_config.json").read_text())

    assert set(config) == {"default", *SECURITIES}
    for security in SECURITIES:
        assert len(backtest(strategy, security, config["default"] | config[security]).fills) > 50


def test_the_example_stop_is_near_enough_to_act_on_the_sample() -> None:
    config = json.loads((PROJECT / "configs" / "v2_1_stop_loss_config.json").read_text())
    parameters = config["default"] | config["VETA"]

    stopped = backtest("v2_1_stop_loss", "VETA", parameters)
    patient = backtest("v2_1_stop_loss", "VETA", parameters | {"stop_loss_threshold_pct": 100.0})

    assert stopped.fills.digest() != patient.fills.digest()
