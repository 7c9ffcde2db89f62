"""`zone` and `adjusted` of bars are named where data are: in requests, and in batch files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest, make_plan, run
from dbatch.batch.check_file import FileCheck
from dbatch.batch.opened import Batch
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch
from dbatch.batch.setups import Setups
from dbatch.batch.walk_forward import market_days
from dbatch.config.batch_file import load_batch
from dbatch.engine.execute import Execution
from dbatch.errors import ConfigError, UsageError
from dbatch.replay import replay

SERIAL = Execution(serial=True, dashboard=False)


@pytest.fixture(autouse=True)
def _bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred hours of New York in `bars.csv`, each adjusted close a half of the close."""
    monkeypatch.chdir(tmp_path)
    closes = 100 + np.round(10 * np.sin(np.arange(100) / 5), 2)
    times = pd.date_range("2024-01-02", periods=100, freq="h").strftime("%Y-%m-%dT%H:%M:%S-05:00")
    frame = pd.DataFrame({"time": times, "open": closes, "high": closes, "low": closes, "close": closes})
    frame.assign(volume=1, adjclose=closes / 2).to_csv("bars.csv", index=False)


def first_fill(name: str = "out", **options: Any) -> tuple[str, float]:
    request = RunRequest(
        "sma_cross",
        data="bars.csv",
        overrides={"fast": 2, "slow": 5},
        output_dir=name,
        execution=SERIAL,
        **options,
    )
    folder = run(request).output_dir
    fill = Batch.open(folder).run(0).fills.iloc[0]
    return str(fill["timestamp"]), float(fill["fill_price"])


def test_a_request_says_in_which_clock_and_at_which_prices_bars_are_read() -> None:
    time, price = first_fill("plain")
    here, half = first_fill("other", zone="America/New_York", adjusted=True)
    assert pd.Timestamp(time) - pd.Timestamp(here) == pd.Timedelta(hours=5)
    assert half == price / 2


def test_how_bars_are_read_is_part_of_the_job_s_key() -> None:
    keys = {
        make_plan(RunRequest("sma_cross", data="bars.csv", **options)).jobs[0].key
        for options in ({}, {"zone": "America/New_York"}, {"adjusted": True})
    }
    assert len(keys) == 3


def test_a_replay_reads_other_data_as_the_run_did() -> None:
    first_fill(zone="America/New_York", adjusted=True)
    Path("bars.csv").rename("moved.csv")
    report = replay("out", "BARS", data="moved.csv")
    assert (report.verdict, [check.name for check in report.inputs if not check.same]) == ("equal", [])


@pytest.mark.parametrize("option", [{"zone": "Asia/Dubai"}, {"adjusted": True}])
def test_ticks_have_neither(option: dict[str, Any]) -> None:
    Path("ticks.csv").write_text("timestamp,type,price,volume\n2025-04-14 10:00:00,trade,10,5\n")
    ((name, value),) = option.items()
    with pytest.raises(UsageError, match=rf"^{name} {value}: is for bars, and ticks\.csv holds ticks$"):
        make_plan(RunRequest("v1_baseline", data="ticks.csv", **option))


def batch_file(**base_args: Any) -> Path:
    base = {"strategy": "sma_cross", "data": "bars.csv", "fast": 2, "slow": 5, **base_args}
    document = {"batch_name": "b", "description": "d", "output_root": "out", "base_args": base}
    path = Path("b.json")
    path.write_text(json.dumps({**document, "grid": {"zone": ["UTC", "America/New_York"]}}))
    return path


def test_a_batch_file_says_so_too_and_a_grid_may_vary_it() -> None:
    from dbatch.batch.notebook import finish

    options = BatchOptions(execution=SERIAL)
    batch = finish(plan_batch(load_batch(batch_file(adjusted=True)), options), options)
    fills = [batch.run(number).fills.iloc[0] for number in (0, 1)]
    assert fills[0]["timestamp"] - fills[1]["timestamp"] == pd.Timedelta(hours=5)
    assert fills[0]["fill_price"] == fills[1]["fill_price"] == first_fill("one")[1] / 2


def test_a_zone_that_does_not_exist_is_told_at_its_place() -> None:
    path = Path("b.yaml")
    path.write_text(
        "batch_name: b\ndescription: d\nbase_args:\n  strategy: sma_cross\n  data: bars.csv\n  zone: Mars/Olympus\n"
        "runs: [{id: one}]\n"
    )
    with pytest.raises(ConfigError, match=r"base_args\.zone \(line 6\).*Mars/Olympus"):
        load_batch(path, check=FileCheck(Setups()))


def test_windows_of_a_walk_forward_are_days_of_that_clock() -> None:
    days = [market_days({"data": "bars.csv", "zone": zone}).tolist() for zone in ("UTC", "Asia/Tokyo")]
    assert [len(each) for each in days] == [5, 5]
    assert days[0][0] == 19_724  # 2024-01-02 05:00 in UTC; in Tokyo it is 19:00 of the same day
    assert days[1][-1] == days[0][-1]
