"""Folders of batches and runs as drivers leave them, made of receipts and parts, without any backtest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbatch.model import Receipt
from dbatch.results.ledger import Planned, open_ledger
from dbatch.results.part import PartRow, publish

STARTED = "2026-03-02T10:00:00.000+00:00"
ENDED = "2026-03-02T10:10:00.000+00:00"


def key_of(run: int, security: str) -> str:
    return hashlib.md5(f"{run} {security}".encode()).hexdigest()


def receipt_of(run: int, security: str, error: str = "", **facts: Any) -> Receipt:
    """The receipt of a job: a success, or with `error` ("status: text") what it says."""
    status, _, text = error.partition(": ")
    common = {"runtime_sec": 0.5, "peak_rss_mb": 100.0, "digest": "" if error else key_of(run, security)[::-1], **facts}
    return Receipt(key_of(run, security), security, status or "success", error=text, **common)


def publish_run(folder: Path, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Publish receipts as one part, as a unit does; one without any success has none."""
    if not any(receipt.status == "success" for receipt in receipts):
        return list(receipts)
    days, pnl = np.array([20_000, 20_001]), np.array([1.0, -0.5])
    return publish(folder, [PartRow(receipt, days, pnl) for receipt in receipts])


def write_batch(
    folder: Path,
    *,
    runs: Collection[int] = range(4),
    securities: Sequence[str] = ("AAA", "BBB"),
    done: Collection[int] | None = None,
    errors: Mapping[tuple[int, str], str] | None = None,
    total: int = 4,
    config_hash: str = "c0ffee0000000000",
    state: str = "finished",
    inputs: Sequence[Mapping[str, Any]] = (),
    sessions: Sequence[Mapping[str, Any]] | None = None,
) -> Path:
    """Make a batch of `runs` over `securities`; of the runs `done`, all by default, `errors` say which jobs failed."""
    folder.mkdir(parents=True, exist_ok=True)
    ended = {"started_at": STARTED, "finished_at": ENDED, "pid": 1, "host": "h", "computed": 8, "workers": 2}
    with open_ledger(folder) as ledger:
        ledger.plan(
            [(run, f"size_{run}", {"strategy": "dip", "params_hash": f"{run:016x}", "parameters": {}}) for run in runs],
            [Planned(run, security, key_of(run, security)) for run in runs for security in securities],
        )
        for place, run in enumerate(runs if done is None else done):
            receipts = [receipt_of(run, name, (errors or {}).get((run, name), "")) for name in securities]
            at = 1772445600.0 + 60 * (place + 1)  # a minute each from STARTED on
            ledger.commit(*publish_run(folder, receipts), at=at, rss_mb=400.0)
        ledger.remember(
            batch={"batch_name": "sizes", "config_hash": config_hash, "runs": total},
            state=state,
            started_at=STARTED,
            finished_at=None if state == "running" else ENDED,
            inputs=list(inputs),
            sessions=[ended] if sessions is None else list(sessions),
        )
    return folder


@pytest.fixture
def make_batch(tmp_path: Path) -> Callable[..., Path]:
    """Make a batch below the test's folder, by default `batch`; see `write_batch`."""

    def make(name: str = "batch", **facts: Any) -> Path:
        return write_batch(tmp_path / name, **facts)

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Make the folder of a plain run over AAA and BBB, as `dbatch run` does; `errors` by security."""

    def make(errors: Mapping[str, str] | None = None, status: str = "finished") -> Path:
        folder = tmp_path / "run"
        folder.mkdir()
        names = ("AAA", "BBB")
        with open_ledger(folder) as ledger:
            for name in names:
                ledger.commit(*publish_run(folder, [receipt_of(0, name, (errors or {}).get(name, ""))]))
        manifest = {
            "request": {"strategy": "dip", "jobs": {name: key_of(0, name) for name in names}},
            "status": status,
            "started_at": STARTED,
            "finished_at": None if status == "running" else ENDED,
            "execution": {"workers": 2},
        }
        (folder / "run_manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


@pytest.fixture
def job_key() -> Callable[[int, str], str]:
    """The key of the job of a run, by its number, over a security."""
    return key_of


@pytest.fixture
def made_receipt() -> Callable[..., Receipt]:
    """Make the receipt of a job; see `receipt_of`."""
    return receipt_of


@pytest.fixture
def make_part() -> Callable[[Path, Sequence[Receipt]], list[Receipt]]:
    """Publish receipts as one part of a folder, its ledger not told."""
    return publish_run


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Read all files of a folder, by their paths in it."""

    def read(folder: Path) -> dict[str, bytes]:
        paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    return read
