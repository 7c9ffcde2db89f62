"""A batch in the hands of fate: calls, crashes, changes and damage in any order, and what holds all the while."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dbatch import durable
from dbatch.batch.carry_out import BatchOutcome, carry_out
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch, with_name
from dbatch.batch.progress import SilentBatch
from dbatch.batch.stored import stored_batch
from dbatch.config.batch_file import load_batch
from dbatch.engine import unit
from dbatch.engine.control import Control
from dbatch.engine.execute import Execution
from dbatch.errors import OutputError
from dbatch.results import ledger, publish
from dbatch.results.batch_names import BATCH_FILE_NAMES
from dbatch.results.consolidate import consolidate, read_results, result_digest
from dbatch.results.folder import temporaries
from dbatch.results.part import is_intact, receipts_in

STRATEGY = '''"""Buys at every n-th print; every second run fails while there is a file `broken` beside this one."""

from pathlib import Path

VERSION = 1


def create_mortal_handler(config):
    (section,) = config.values()

    def handler(security, chunk, orderbook, state):
        if section["every"] == 2 and Path(__file__).with_name("broken").exists():
            raise ValueError("broken")
        size, prints = VERSION * section["every"], list(chunk.itertuples(index=False))[:: section["every"]]
        bought = [
            {"timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": size,
             "realized_pnl": 0.0, "position": size * number, "pnl": 0.0}
            for number, row in enumerate(prints, start=1)
        ]
        return {**state, "trades": bought}

    return handler
'''
JOBS = 6
MEMORY = "/dev/shm"  # a process that dies loses nothing that it wrote: there is no need to wait for a disk
VERSIONS = st.integers(1, 3)
OPTIONS = st.builds(
    BatchOptions,
    execution=st.just(Execution(serial=True)),
    isolate=st.just("none"),
    unit_jobs=st.integers(1, 3),
    fills=st.sampled_from(["all", "none", "top:1"]),
    stale=st.sampled_from(["refuse", "accept", "rerun"]),
)


class Crash(BaseException):
    """What a process that is killed does not live to see."""


class DisturbedBatch(RuleBasedStateMachine):
    """A batch of three runs over two securities, all that can befall it, and what must be true after each step.

    `kept` are the keys of jobs that have succeeded and must not be lost, `hurt` the parts that were damaged.
    """

    fresh: ClassVar[dict[tuple[int, int], tuple[dict[str, str], str]]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        self.out = self.folder / "out" / "b"
        self.code = self.data = 1
        self.kept: set[str] = set()
        self.hurt: set[str] = set()
        self.complete = self.files_hurt = self.ledger_lost = False
        self.digests: dict[str, str] = {}
        (self.folder / "ticks").mkdir()
        (self.folder / "mortal.py").write_text(STRATEGY)
        base = {"strategy": "mortal", "strategy_path": str(self.folder / "mortal.py"), "data": "ticks"}
        document = {"batch_name": "b", "description": "mortal", "output_root": "out", "base_args": base}
        (self.folder / "b.json").write_text(json.dumps({**document, "grid": {"every": [1, 2, 3]}}))
        self.write_prints("bbb", 0)
        self.edit_data(1)

    def write_prints(self, name: str, seed: int) -> None:
        at = np.datetime64("2025-04-14T10:00:00", "ns") + np.arange(12).astype("timedelta64[h]")
        price = np.round(10 + np.random.default_rng(seed).normal(0, 0.05, 12), 2)
        frame = pd.DataFrame({"timestamp": at, "type": "TRADE", "price": price, "volume": 100})
        frame.to_parquet(self.folder / "ticks" / f"{name}.parquet")

    # what happens

    @initialize(options=OPTIONS, units=st.sampled_from([None, 1, 2]))
    def begin(self, options: BatchOptions, units: int | None) -> None:
        self.call(self.planned, options, units=units)

    @rule(options=OPTIONS)
    def run(self, options: BatchOptions) -> None:
        self.call(self.planned, options)

    @rule(options=OPTIONS, moment=st.integers(1, 60))
    def run_and_crash(self, options: BatchOptions, moment: int) -> None:
        self.call(self.planned, options, crash=moment)

    @rule(options=OPTIONS, units=st.integers(1, 3))
    def run_and_interrupt(self, options: BatchOptions, units: int) -> None:
        self.call(self.planned, options, units=units)

    @rule(options=OPTIONS)
    def resume(self, options: BatchOptions) -> None:
        self.call(self.stored, options)

    @rule(options=OPTIONS, moment=st.integers(1, 60))
    def resume_and_crash(self, options: BatchOptions, moment: int) -> None:
        self.call(self.stored, options, crash=moment)

    @rule(options=OPTIONS)
    def retry(self, options: BatchOptions) -> None:
        outcome = self.call(self.stored, options, redo=("failed",))
        assert outcome is None or outcome.exit_code == 0 or (self.folder / "broken").exists()

    @precondition(lambda self: self.complete)
    @rule()
    def resume_once_more(self) -> None:
        before = {name: (self.out / name).read_bytes() for name in BATCH_FILE_NAMES}
        outcome = self.call(self.stored, BatchOptions(execution=Execution(serial=True), isolate="none"))
        assert outcome is not None
        assert outcome.computed == 0
        assert {name: (self.out / name).read_bytes() for name in BATCH_FILE_NAMES} == before

    @rule()
    def break_or_mend(self) -> None:
        broken = self.folder / "broken"
        broken.unlink() if broken.exists() else broken.touch()

    @rule(version=VERSIONS)
    def edit_strategy(self, version: int) -> None:
        self.code, self.complete = version, False
        (self.folder / "mortal.py").write_text(STRATEGY.replace("VERSION = 1", f"VERSION = {version}"))
        self.learn()

    @rule(version=VERSIONS)
    def edit_data(self, version: int) -> None:
        self.data, self.complete = version, False
        self.write_prints("aaa", version)
        self.learn()

    @precondition(lambda self: list(self.out.glob("parts/*/*")))
    @rule(place=st.integers(0, 5), how=st.sampled_from(["cut", "flip", "remove"]))
    def damage_a_part(self, place: int, how: str) -> None:
        parts = sorted(self.out.glob("parts/*/*"))
        part = parts[place % len(parts)]
        self.complete = False
        self.hurt.add(part.relative_to(self.out).as_posix())
        damage(part, how)

    @rule(name=st.sampled_from(BATCH_FILE_NAMES), how=st.sampled_from(["cut", "flip", "remove"]))
    def damage_a_file(self, name: str, how: str) -> None:
        self.complete, self.files_hurt = False, True
        damage(self.out / name, how)

    @rule()
    def lose_the_ledger(self) -> None:
        self.complete, self.ledger_lost = False, True
        for path in self.out.glob("ledger.sqlite*"):
            path.unlink()

    @rule()
    def leave_a_temporary_file(self) -> None:
        (self.out / "parts" / "00").mkdir(parents=True, exist_ok=True)
        (self.out / "parts" / "00" / ".abcd1234.tmp").write_bytes(b"half of a")

    # how

    def planned(self, options: BatchOptions) -> tuple[Any, BatchOptions]:
        return plan_batch(load_batch(self.folder / "b.json"), options), options

    def stored(self, options: BatchOptions) -> tuple[Any, BatchOptions]:
        stored = stored_batch(self.out)
        chosen = stored.with_stored(options)
        return stored.plan(chosen), chosen

    def call(
        self,
        plan: Callable[[BatchOptions], tuple[Any, BatchOptions]],
        options: BatchOptions,
        *,
        redo: Sequence[str] = (),
        units: int | None = None,
        crash: int | None = None,
    ) -> BatchOutcome | None:
        """Make a call, and check what must be true then; None where it crashed or was refused."""
        control = Control()
        must_refuse = self.is_stale() and options.stale == "refuse"
        finished = self.finished()
        try:
            with self.dying(crash):
                outcome = carry_out(*plan(options), Impatient(control, units), control, redo=redo)
        except Crash:
            self.complete = False
            self.check_ledger()
            return None
        except OutputError as refusal:
            if ("are stale" if must_refuse else "holds no batch") not in str(refusal):
                raise
            return None
        assert not must_refuse
        assert outcome.computed <= JOBS - len(finished & self.now().keys())
        self.files_hurt = self.ledger_lost = False
        self.check_ledger()
        self.check_files()
        self.complete = units is None
        return outcome

    @contextmanager
    def dying(self, moment: int | None) -> Iterator[None]:
        """Crash at the `moment`-th step of a publication or end of a transaction; the folder stays as it was then."""
        moments, image, original = count(1), self.folder / "image", ledger.Ledger._transaction

        def passed(step: int = 0) -> None:
            if next(moments) == moment:
                shutil.copytree(self.out, image)
                raise Crash

        @contextmanager
        def transaction(book: Any) -> Iterator[None]:
            with original(book):
                yield
            passed()

        with pytest.MonkeyPatch.context() as patch:
            for module in (durable, publish, unit, ledger):
                patch.setattr(module, "passed", passed)
            patch.setattr(ledger.Ledger, "_transaction", transaction)
            try:
                yield
            except Crash:
                shutil.rmtree(self.out)
                image.rename(self.out)
                raise

    # what holds

    def learn(self) -> None:
        """Know what the jobs give with the code and data of now."""
        now = self.code, self.data
        if now not in self.fresh:
            broken = self.folder / "broken"
            was_broken = broken.exists()
            broken.unlink(missing_ok=True)
            options = BatchOptions(execution=Execution(serial=True), isolate="none", rerun=True)
            batch = with_name(load_batch(self.folder / "b.json"), "fresh", None)
            out = carry_out(plan_batch(batch, options), options).output_dir
            rows = read_results(out).select(["key", "digest"]).to_pylist()
            self.fresh[now] = {row["key"]: row["digest"] for row in rows}, result_digest(out)
            if was_broken:
                broken.touch()
        self.digests |= self.fresh[now][0]

    def now(self) -> dict[str, str]:
        """Return the digest of each job of the code and data of now, by key."""
        return self.fresh[self.code, self.data][0]

    def finished(self) -> set[str]:
        """Return the keys of the jobs that have succeeded and lie in a part that is whole."""
        parts = (path.relative_to(self.out).as_posix() for path in self.out.glob("parts/*/*.parquet"))
        whole = [receipt for part in parts if part not in self.hurt for receipt in receipts_in(self.out, part)]
        return {receipt.key for receipt in whole if receipt.status == "success"}

    def is_stale(self) -> bool:
        """Return whether there are finished jobs of other code or data that nobody has accepted."""
        if not (self.out / ledger.LEDGER_NAME).exists():
            return False
        with ledger.reading_ledger(self.out) as book:
            done = book.statuses()
            return any(job.key in done and not job.stale and job.key not in self.now() for job in book.planned())

    def check_ledger(self) -> None:
        """What the ledger calls a success was published and is right, and none is lost."""
        with ledger.reading_ledger(self.out) as book:
            receipts, planned = book.receipts(), {job.key for job in book.planned()}
        good = {key: receipt for key, receipt in receipts.items() if receipt.status == "success"}
        for key, receipt in good.items():
            assert receipt.digest == self.digests[key]
            assert receipt.part in self.hurt or is_intact(self.out, receipt)
        lost = (self.kept & planned) - good.keys()
        assert not lost or self.hurt or self.ledger_lost
        self.kept |= good.keys()
        self.check_shown()

    def check_shown(self) -> None:
        """What the files show is right, even where a call ended before it could write new ones."""
        if self.files_hurt or not (self.out / "results.parquet").exists():
            return
        for row in read_results(self.out).to_pylist():
            assert row["status"] != "success" or row["digest"] == self.digests[row["key"]]

    def check_files(self) -> None:
        """After a call that came to its end, ledger, files and parts agree."""
        with ledger.reading_ledger(self.out) as book:
            receipts = book.receipts()
        rows = read_results(self.out).to_pylist()
        assert len(rows) == JOBS
        for row in rows:
            receipt = receipts.get(row["key"])
            assert row["status"] == (receipt.status if receipt else "cancelled")
            assert row["status"] != "success" or is_intact(self.out, receipt)
            assert row["stale"] or row["key"] in self.now()
        assert not list(temporaries(self.out))
        self.hurt -= {receipt.part for receipt in receipts.values()}
        self.check_all_is_told()

    def check_all_is_told(self) -> None:
        """Making the files once more, from ledger and parts, changes none of them."""
        before = {path: path.read_bytes() for path in self.shown()}
        with ledger.open_ledger(self.out) as book:
            consolidate(self.out, book)
        assert {path: path.read_bytes() for path in self.shown()} == before

    def shown(self) -> list[Path]:
        return [path for path in self.out.rglob("*") if path.is_file() and "ledger.sqlite" not in path.name]

    def teardown(self) -> None:
        """In the end, mended, the batch is what a fresh one is."""
        (self.folder / "broken").unlink(missing_ok=True)
        options = BatchOptions(execution=Execution(serial=True), isolate="none", stale="rerun")
        outcome = self.call(self.planned, options, redo=("failed",))
        assert outcome is not None
        assert outcome.exit_code == 0
        assert result_digest(self.out) == self.fresh[self.code, self.data][1]
        shutil.rmtree(self.folder)


class Impatient(SilentBatch):
    """Ends a batch when so many units are done."""

    def __init__(self, control: Control, units: int | None) -> None:
        self._control, self._units, self._done = control, units, 0

    def tick(self) -> None:
        self._done += 1
        if self._done == self._units:
            self._control.drain()


def damage(path: Path, how: str) -> None:
    """Cut the file, flip a byte in its middle, or remove it."""
    if how == "remove" or not path.exists():
        path.unlink(missing_ok=True)
        return
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content if how == "flip" else content[: len(content) // 2])


def disturb(examples: int, steps: int, **options: Any) -> None:
    """Let so many things befall so many batches. Raises AssertionError, with what befell it, where one is wrong."""
    common = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    run_state_machine_as_test(
        DisturbedBatch, settings=settings(common, max_examples=examples, stateful_step_count=steps, **options)
    )


def test_whatever_befalls_a_batch_it_shows_the_truth_and_comes_to_its_end() -> None:
    disturb(10, 20, derandomize=True)


@pytest.mark.slow
def test_a_batch_that_does_not_look_at_its_parts_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbatch.batch.books.file_hash", lambda path: None)
    monkeypatch.setattr("dbatch.results.ledger.Ledger.parts", lambda book: {})

    with pytest.raises(AssertionError):
        disturb(15, 20, derandomize=True)
