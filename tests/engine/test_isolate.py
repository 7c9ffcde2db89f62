"""Jobs with limits: whatever one does to its process is filed under it, and the others finish as if nothing was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunOutcome, RunRequest, run
from dbatch.engine.execute import Execution
from dbatch.model import Limits

STRATEGY = '''"""Does to its process what its parameter says."""

import ctypes
import os
import signal
import subprocess
import sys
import time


def hang():
    while True:
        pass


def grow():
    held = []
    while True:
        held.append(bytearray(40_000_000))
        time.sleep(0.02)


def fork_and_ignore():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", SECONDS], start_new_session=True)
    time.sleep(1e6)


FAULTS = {
    "hang": hang,
    "hang in C": lambda: ctypes.PyDLL(None).sleep(100_000),
    "segfault": lambda: ctypes.string_at(0),
    "os._exit": lambda: os._exit(7),
    "sys.exit": lambda: sys.exit(3),
    "grow": grow,
    "grandchild": fork_and_ignore,
    "raise": lambda: {}["nowhere"],
    "none": lambda: None,
}


def create_faulty_handler(config):
    def handler(security, chunk, orderbook, state):
        FAULTS[config[security].get("fault", "none")]()
        row = chunk.iloc[0]
        state["trades"] = [
            {"timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": 1,
             "realized_pnl": 0.0, "position": 1, "pnl": 0.0}
        ]
        return state

    return handler
'''
EXPECTED = {
    "hang": ("timeout", "over its time limit of 2 s, at "),
    "hang in C": ("timeout", "over its time limit of 2 s, at "),
    "segfault": ("crashed", "its process was killed by SIGSEGV"),
    "os._exit": ("crashed", "its process ended with exit code 7"),
    "sys.exit": ("crashed", "the handler called sys.exit(3): exit code 3"),
    "grow": ("oom", "emory"),
    "grandchild": ("timeout", "over its time limit of 2 s, at "),
    "raise": ("failed", "faulty.py:"),
    "none": ("success", ""),
    "none again": ("success", ""),
}


@pytest.fixture
def carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleepers: Any) -> Callable[..., RunOutcome]:
    """Run a security per fault, called F00, F01, ..., in the way that is given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faulty.py").write_text(f"{STRATEGY}\n\nSECONDS = {sleepers.seconds!r}\n")
    (tmp_path / "ticks").mkdir()
    names = [f"F{number:02d}" for number in range(len(EXPECTED))]
    for number, name in enumerate(names):
        moment = np.datetime64("2025-04-14T10:00", "ns")
        pd.DataFrame({"timestamp": [moment], "type": ["TRADE"], "price": [10.0 + number], "volume": [5]}).to_parquet(
            tmp_path / "ticks" / f"{name}.parquet"
        )

    def carry_out(*, faults: bool, **how: object) -> RunOutcome:
        asked = {f"{name}.fault": fault.removesuffix(" again") for name, fault in zip(names, EXPECTED, strict=True)}
        overrides = asked if faults else {}
        paths = ("faulty.py",)
        return run(RunRequest("faulty", "ticks", strategy_paths=paths, overrides=overrides, rerun=True, **how))

    return carry_out


def test_every_job_that_breaks_its_process_is_named_and_the_others_finish(
    carried_out: Callable[..., RunOutcome], sleepers: Any
) -> None:
    workers = Execution(workers=2, dashboard=False)
    outcome = carried_out(faults=True, execution=workers, limits=Limits(seconds=2.0, memory=400 << 20))

    found = {fault: (receipt.status, receipt.error) for fault, receipt in zip(EXPECTED, outcome.receipts, strict=True)}
    assert {fault: status for fault, (status, _) in found.items()} == {
        fault: status for fault, (status, _) in EXPECTED.items()
    }
    assert [fault for fault, (_, said) in EXPECTED.items() if said not in found[fault][1]] == []
    assert "Current thread" in outcome.receipts[0].details  # where it hung
    assert not sleepers()


def test_limits_change_no_result(carried_out: Callable[..., RunOutcome]) -> None:
    plain = carried_out(faults=False, execution=Execution(serial=True))
    limited = carried_out(faults=False, execution=Execution(serial=True), limits=Limits(60.0, 2 << 30))

    assert [receipt.digest for receipt in limited.receipts] == [receipt.digest for receipt in plain.receipts]
    assert {receipt.status for receipt in limited.receipts} == {"success"}
