"""Verify as a whole: what holds, what does not, and the cause of it; every run in processes of its own."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dbatch.batch import RunRequest
from dbatch.data.sample import sample_path
from dbatch.equivalence import causes
from dbatch.equivalence import verify as verifying
from dbatch.equivalence.causes import Cause
from dbatch.equivalence.events import events_around
from dbatch.equivalence.results import read_results
from dbatch.equivalence.verify import VerifyReport, VerifyRequest, sample_of, verify
from dbatch.errors import DataNotFoundError, StrategyError, UsageError
from dbatch.model import Security, Source, Window

Ask = Callable[..., RunRequest]


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes cost seconds; how often a run is repeated is tested with the causes."""
    monkeypatch.setattr(causes, "_REPEATS_WHEN_QUICK", 2)


def found(request: RunRequest, **options: object) -> VerifyReport:
    return verify(VerifyRequest(request, **options))


# What holds.


@pytest.mark.slow
def test_a_slow_strategy_is_sound_and_of_a_sample_only_that_is_looked_at(ask: Ask, tmp_path: Path) -> None:
    said: list[str] = []
    request = ask("slow", overrides={"step": 1, "AAA.step": 2, "BBB.step": 3, "CCC.step": 4})
    report = verify(VerifyRequest(request, sample=2, keep=tmp_path / "kept"), said.append)
    assert report.holds, said
    assert (report.securities, report.available, report.cause, report.events) == (("AAA", "CCC"), 3, None, ())
    assert (report.rows, len(report.checked), report.skipped) == (10 + 11, 1, ())
    assert report.checked[0].variation.name == "2 workers, chunks of 69 rows"  # a fifth of 347
    assert said[0].startswith("reference: 2 securities one after the other, ")
    assert said[1].startswith("2 workers, chunks of 69 rows: 21 fills equal, ")
    kept = read_results(tmp_path / "kept" / "reference"), read_results(tmp_path / "kept" / "distributed-00")
    assert [list(side.securities) for side in kept] == [["AAA", "CCC"]] * 2
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.log")) == ["distributed-00.log", "reference.log"]


def test_a_built_in_strategy_gives_the_same_in_processes() -> None:
    run = RunRequest("v2_price_follow_qty_cooldown", str(sample_path()))
    report = found(run, sample=1, vary=("processes",))
    assert report.holds, report.checked[-1].reason
    assert [checked.variation.dimension for checked in report.checked] == ["distributed", "processes"]
    assert report.rows > 1_000


def test_a_built_in_strategy_gives_the_same_over_real_ticks_in_any_chunks(golden: Path) -> None:
    config = str(golden / "configs" / "v2_1_stop_loss_config.json")
    run = RunRequest("v2_1_stop_loss", str(golden / "ticks"), ["SPINNEYS"], config=config)
    report = found(run, sample=None, vary=("chunks",))
    assert report.holds, report.checked[-1].reason
    chunks = [checked.variation.chunk_rows for checked in report.checked]
    assert len(chunks) == len(set(chunks)) > 3
    assert report.rows > 1_000


# What does not, and why.


def cause_of(report: VerifyReport) -> str:
    assert not report.holds
    assert report.cause is not None
    return report.cause.kind


@pytest.mark.slow
def test_a_strategy_that_draws_random_numbers_is_not_deterministic(ask: Ask) -> None:
    report = found(ask("unsteady", securities=["AAA"]))
    assert cause_of(report) == "not_deterministic"
    assert report.events  # those around the first fill that differs


def test_a_strategy_that_counts_in_a_global_leaks(ask: Ask) -> None:
    report = found(ask("leaking", securities=["AAA", "BBB"]))
    assert cause_of(report) == "leaks_between_securities"
    assert report.cause is not None
    assert ": fill 0, timestamp: " in report.cause.evidence


@pytest.mark.slow
def test_a_strategy_that_counts_anew_at_every_call_depends_on_chunks(ask: Ask) -> None:
    report = found(ask("forgetful", securities=["BBB"]), vary=("order", "chunks"))
    assert cause_of(report) == "depends_on_chunks"
    assert report.skipped[-1] == "one chunk a security"


@pytest.mark.slow
def test_a_strategy_that_asks_where_it_runs_has_none_of_the_usual_faults(ask: Ask) -> None:
    report = found(ask("homesick", securities=["BBB"], chunk_rows=1))
    assert cause_of(report) == "engine"
    assert report.cause is not None
    assert report.cause.evidence.endswith("agrees with them, so it is where or when jobs run")


LOSING_A_ROW = '''"""Makes the engine's reader lose the first row of every security."""

import importlib.machinery
import sys


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "dbatch.data.read":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            whole = module.read_events

            def read_events(*arguments):
                for number, block in enumerate(whole(*arguments)):
                    yield block if number else block.rows(slice(1, None))

            module.read_events = read_events

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)
'''


@pytest.mark.slow
def test_a_fault_of_the_engine_itself_is_seen_and_not_laid_at_the_strategys_door(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LOSING_A_ROW)  # Python imports it in every child
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = found(ask("sound", securities=["BBB"], chunk_rows=1))
    assert cause_of(report) == "engine"
    assert report.cause is not None
    assert report.cause.evidence.startswith("the engine's own serial run of BBB differs: fill 0, timestamp: ")


PICKY = """
import random

from counting import record, trades_of


def create_picky_handler(config):
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            if security == "AAA" or random.random() < 0.5:
                record(state, row)
        return state

    return handler
"""


@pytest.mark.slow
def test_of_two_strategies_the_one_at_fault_is_named_and_looked_at_where_it_is_at_fault(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both securities differ, AAA as another strategy's should, BBB by chance. That of two sound ones is elsewhere."""
    looked_at: list[object] = []

    def no_cause(trials: object, reference: object, security: str, *rest: object) -> Cause:
        looked_at.append(security)
        return Cause("not_deterministic", "it draws random numbers")

    monkeypatch.setattr(verifying, "find_cause", no_cause)
    (tmp_path / "picky.py").write_text(PICKY)
    first = ask("sound", securities=["AAA", "BBB"])
    shutil.copy(Path(first.strategy_paths[0]) / "counting.py", tmp_path)
    other = dataclasses.replace(first, strategy="picky", strategy_paths=(str(tmp_path),))
    report = found(first, against=other)
    assert report.checked[0].reason == "2 differs of 2"
    assert report.against == f"picky of {tmp_path}"
    assert looked_at == ["BBB"]
    assert report.cause is not None
    assert (report.cause.kind, report.cause.text) == (
        "not_deterministic",
        "the other strategy: it draws random numbers",
    )


def test_a_strategy_that_kills_its_process_leaves_nothing_to_compare(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(
        "import os\n\ndef create_dying_handler(config):\n    return lambda *_: os._exit(9)\n"
    )
    report = found(ask("dying", securities=["AAA"], strategy_paths=(str(tmp_path),)))
    assert not report.holds
    assert report.fault == "the sequential reference gave nothing: its process ended with exit code 9"
    assert (report.checked, report.cause) == ((), None)


# What cannot be asked.


def test_what_cannot_be_carried_out_is_refused_before_anything_is_computed(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="--vary speed: must be some of workers,chunks,units,order,processes"):
        found(ask("sound"), vary=("order", "speed"))
    with pytest.raises(StrategyError, match="nobody"):
        found(ask("nobody"))
    with pytest.raises(StrategyError, match="nobody"):
        found(ask("sound"), against=ask("nobody"))
    with pytest.raises(DataNotFoundError):
        found(ask("sound", data=str(tmp_path / "empty")))
    assert not list(tmp_path.glob("**/reference*"))


# Its parts.


def test_a_sample_is_always_the_same_and_in_the_order_of_all() -> None:
    names = [f"S{number:02d}" for number in range(20)]
    chosen = sample_of(names, 4)
    assert len(chosen) == 4
    assert chosen == tuple(sorted(chosen)) == sample_of(names, 4)
    assert set(chosen) < set(sample_of(names, 5))
    assert set(sample_of(names[::-1], 4)) == set(chosen)
    assert sample_of(names, None) == sample_of(names, 20) == sample_of(names, 99) == tuple(names)


def test_the_events_around_a_moment_are_found_to_the_nanosecond(tmp_path: Path) -> None:
    start = pd.Timestamp("2025-04-14 10:00").value
    times = pd.to_datetime([start + number for number in range(20)])
    frame = pd.DataFrame({"timestamp": times, "type": "trade", "price": range(20), "volume": 1}).astype(
        {"price": float}
    )
    frame.loc[9, ["type", "price"]] = None
    frame.to_parquet(tmp_path / "adib.parquet")
    security = Security("ADIB", "adib", Source("parquet", (str(tmp_path / "adib.parquet"),)))
    around = events_around(security, Window(), times[10])
    assert [event["row"] for event in around] == [7, 8, 9, 10, 11, 12, 13]
    assert around[3]["timestamp"] == "2025-04-14T10:00:00.000000010"
    assert (around[2]["type"], str(around[2]["price"])) == (None, "nan")
    assert [event["row"] for event in events_around(security, Window(), times[0])] == [0, 1, 2, 3]
    assert events_around(security, Window(), times[0] + pd.Timedelta("1D")) == ()


def test_the_events_of_a_busy_moment_are_not_more_than_twelve(tmp_path: Path) -> None:
    moment = pd.Timestamp("2025-04-14 10:00")
    frame = pd.DataFrame({"timestamp": [moment] * 50, "type": "bid", "price": 1.0, "volume": 1})
    frame.to_parquet(tmp_path / "adib.parquet")
    security = Security("ADIB", "adib", Source("parquet", (str(tmp_path / "adib.parquet"),)))
    assert [event["row"] for event in events_around(security, Window(), moment)] == list(range(12))
