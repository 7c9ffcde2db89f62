"""From Python: frames that read nothing until they are computed, and equal what the command writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dbatch
from dbatch.data import frame as frames
from dbatch.data.market import open_market
from dbatch.schema import EVENT_COLUMNS, FILL_DTYPES


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the securities read so far in this process."""
    seen: list[str] = []
    original = frames.read_events

    def counting(security: object, rows: int) -> object:
        seen.append(security.name)
        return original(security, rows)

    monkeypatch.setattr(frames, "read_events", counting)
    return seen


def test_ticks_have_a_partition_for_each_security_and_known_divisions() -> None:
    ticks = dbatch.read_ticks(str(sample()))

    names = [security.name for security in open_market(str(sample())).securities]
    assert ticks.divisions == (*names, names[-1])
    assert tuple(ticks.columns) == EVENT_COLUMNS
    one = ticks.partitions[0].compute(scheduler="sync")
    assert one.index.unique().tolist() == names[:1]
    assert one.dtypes.astype(str).to_dict() == ticks._meta.dtypes.astype(str).to_dict()


def test_nothing_is_read_before_it_is_computed(reads: list[str]) -> None:
    fills = dbatch.simulate(dbatch.read_ticks(str(sample())), "v1_baseline", {})

    assert fills.known_divisions
    assert fills.dtypes.astype(str).to_dict() == FILL_DTYPES
    assert reads == []


def test_one_partition_is_computed_without_reading_another(reads: list[str]) -> None:
    fills = dbatch.simulate(dbatch.read_ticks(str(sample())), "v1_baseline", {})

    one = fills.partitions[1].compute(scheduler="sync")

    assert set(one.index) == set(reads)
    assert len(set(reads)) == 1


@pytest.mark.parametrize("scheduler", ["sync", "threads", "distributed"])
def test_simulate_equals_the_command_on_any_scheduler(golden: Path, written: Path, scheduler: str) -> None:
    config = golden / "configs" / "v1_baseline_config.json"
    fills = dbatch.simulate(dbatch.read_ticks(str(golden / "ticks")), "v1_baseline", json.loads(config.read_text()))

    if scheduler == "distributed":
        from distributed import Client

        with Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50):
            computed = fills.compute()
    else:
        computed = fills.compute(scheduler=scheduler)

    for security in ("ADIB", "MODON", "PARKIN", "SPINNEYS"):
        expected = pd.read_csv(written / f"{security}_trades_timeseries.csv", parse_dates=["timestamp"])
        expected = expected.astype(FILL_DTYPES)
        found = computed.loc[security].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.fixture(scope="module")
def written(golden: Path, tmp_path_factory: pytest.TempPathFactory, dbatch_in: Callable[..., Any]) -> Path:
    """What the command wrote of the real ticks."""
    folder = tmp_path_factory.mktemp("written")
    finished = dbatch_in(
        folder, "run", "--strategy", "v1_baseline", "--serial", "--output-dir", "out",
        "--data", golden / "ticks", "--config", golden / "configs" / "v1_baseline_config.json",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return folder / "out"


def test_a_wrong_parameter_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(dbatch.DbatchError, match="quote_sise"):
        dbatch.simulate(dbatch.read_ticks(str(sample())), "v1_baseline", {"default": {"quote_sise": 1}})


def sample() -> Path:
    from dbatch.data.sample import sample_path

    return sample_path()
