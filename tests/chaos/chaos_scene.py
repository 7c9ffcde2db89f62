"""A batch in a folder of its own, and what must be true of it in the end, whatever came between."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from chaos_processes import Marked, wait_until

from dbatch.batch.carry_out import BatchOutcome, carry_out
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch, with_name
from dbatch.batch.progress import SilentBatch
from dbatch.batch.stored import stored_batch
from dbatch.config.batch_file import load_batch
from dbatch.engine.control import Control
from dbatch.engine.execute import Execution
from dbatch.errors import OutputError
from dbatch.results.consolidate import read_results, result_digest
from dbatch.results.folder import temporaries
from dbatch.results.ledger import LEDGER_NAME, reading_ledger
from dbatch.results.part import file_hash

IN_PLACE = BatchOptions(execution=Execution(serial=True), isolate="none")
STRATEGY = '''"""Buys at every n-th print and sells at the next one, after a nap as long as the environment says."""

import os
import time
from pathlib import Path


def create_napping_handler(config):
    (section,) = config.values()

    def handler(security, chunk, orderbook, state):
        nap = float(os.environ.get("DBATCH_TEST_NAP", "0"))
        if nap:
            Path(__file__).with_name("began").touch()
            time.sleep(nap)
        trades, held, paid, total = [], 0, 0.0, 0.0
        prints = [row for row in chunk.itertuples(index=False) if row.type == "trade"]
        for row in prints[section["every"] % 7 :: 1 + section["every"] % 5]:
            gained = held * (row.price - paid) if held else 0.0
            total, paid, size = total + gained, row.price, held or section["every"]
            held = 0 if held else size
            trades.append(
                {"timestamp": row.timestamp, "side": "buy" if held else "sell", "fill_price": row.price,
                 "fill_qty": size, "realized_pnl": gained, "position": held, "pnl": total}
            )
        return {**state, "trades": trades}

    return handler
'''


def write_market(folder: Path) -> None:
    """Write prints of four days of the securities AAA and BBB."""
    folder.mkdir()
    start = np.datetime64("2025-04-14T10:00:00", "ns")
    for seed, name in enumerate(("aaa", "bbb")):
        at = start + (np.arange(40) * 86_400 // 10).astype("timedelta64[s]")
        price = np.round(10 + np.random.default_rng(seed).normal(0, 0.05, 40), 2)
        frame = pd.DataFrame({"timestamp": at, "type": "TRADE", "price": price, "volume": 100})
        frame.to_parquet(folder / f"{name}.parquet")


class Scene:
    """A batch of `runs` runs over two securities below `folder`, and the digest that its results must have.

    The digest is that of a serial batch, carried out here unless it is `known`.
    """

    def __init__(self, folder: Path, runs: int, processes: Marked | None = None, known: str | None = None) -> None:
        self.folder, self.runs, self.processes = folder, runs, processes or Marked(folder)
        self.file, self.out = folder / "b.json", folder / "out" / "b"
        write_market(self.folder / "ticks")
        (self.folder / "napping.py").write_text(STRATEGY)
        base = {"strategy": "napping", "strategy_path": str(self.folder / "napping.py"), "data": "ticks"}
        document = {"batch_name": "b", "description": "to be disturbed", "output_root": "out", "base_args": base}
        self.file.write_text(json.dumps({**document, "grid": {"every": list(range(1, self.runs + 1))}}))
        self.digest = known or result_digest(self.carried_out("serial").output_dir)

    def carried_out(self, name: str = "b", options: BatchOptions = IN_PLACE) -> BatchOutcome:
        """Carry the batch out under `name`, in this process unless options say otherwise."""
        return carry_out(plan_batch(with_name(load_batch(self.file), name, None), options), options)

    def interrupted(self, options: BatchOptions = IN_PLACE) -> BatchOutcome:
        """Carry the batch out in this process until the first unit is done."""
        control = Control()

        class Impatient(SilentBatch):
            def tick(self) -> None:
                control.drain()

        return carry_out(plan_batch(load_batch(self.file), options), options, Impatient(), control)

    def resumed(self, options: BatchOptions = IN_PLACE) -> BatchOutcome:
        """Do what `dbatch resume` does in this process."""
        with _temporary_files_in(self.processes.temp):
            stored = stored_batch(self.out)
            chosen = stored.with_stored(options)
            return carry_out(stored.plan(chosen), chosen)

    def went_on(self, options: BatchOptions = IN_PLACE) -> BatchOutcome:
        """Resume the batch; start it again where it was not planned yet."""
        try:
            return self.resumed(options)
        except OutputError as error:
            if "holds no batch" not in str(error):
                raise
            return self.carried_out(options=options)

    def start(self, command: str, *arguments: str, nap: float = 0.0, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command that carries the batch out, whose jobs take a nap of so many seconds."""
        what = str(self.out) if command != "batch" else self.file.name
        return self.processes.dbatch(command, what, *arguments, DBATCH_TEST_NAP=str(nap), **environment)

    def faults(self) -> list[str]:
        """Return what is not as it must be once the batch has been resumed to its end; nothing is good."""
        left = (f"{path} was left behind" for path in temporaries(self.out))
        return [*self._faults_of_results(), *self._faults_of_ledger(), *left, *self.processes.left_behind()]

    def _faults_of_results(self) -> Iterator[str]:
        if result_digest(self.out) != self.digest:
            yield f"results differ from those of a serial batch: {Counter(column(self.out, 'status'))}"
        if len(column(self.out, "key")) != 2 * self.runs or len(set(column(self.out, "key"))) != 2 * self.runs:
            yield "a job is missing from results.parquet, or there twice"

    def _faults_of_ledger(self) -> Iterator[str]:
        with reading_ledger(self.out) as ledger:
            counts = Counter(key for (key,) in ledger.query("select key from receipts"))
            planned = {job.key for job in ledger.planned()}
        if counts != Counter(planned):
            yield f"{len(counts)} receipts for {len(planned)} jobs"
        yield from self.torn_files()

    def torn_files(self) -> Iterator[str]:
        """Yield the files that do not hold what they should, whether all jobs are done or not."""
        for part, sha256 in self._parts().items():
            if file_hash(self.out / part) != sha256:
                yield f"{part} is not what was published"
        for path in self.out.rglob("*.parquet"):
            try:
                with pq.ParquetFile(path, page_checksum_verification=True) as file:
                    file.read()
            except Exception as error:  # noqa: BLE001 - whatever it is, that file cannot be read
                yield f"{path} is torn: {error}"

    def _parts(self) -> dict[str, str]:
        """Return the hash of each part as the ledger knows it, none where nothing was written yet."""
        try:
            with reading_ledger(self.out) as ledger:
                return ledger.parts()
        except OutputError as error:
            if (self.out / LEDGER_NAME).exists() and "holds no batch" not in str(error):
                raise
            return {}

    def receipts(self) -> int:
        """Return how many jobs have a receipt, 0 where there is no ledger yet."""
        try:
            with reading_ledger(self.out) as ledger:
                return len(ledger.statuses())
        except Exception:  # noqa: BLE001 - it is being made
            return 0

    def wait_for_receipts(self, count: int, driver: subprocess.Popen[bytes]) -> None:
        """Wait until `count` jobs have a receipt; `driver` sees to it."""
        wait_until(lambda: self.receipts() >= count or driver.poll() is not None)
        if self.receipts() < count:
            raise AssertionError(f"the driver ended too early: {self.processes.said()}")


def column(folder: Path, name: str) -> list[Any]:
    return read_results(folder).column(name).to_pylist()


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Have this process make its temporary files in `folder`."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
