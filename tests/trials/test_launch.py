"""A trial: what travels to its process, what comes back, and how it may end."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest
from dbatch.engine.execute import Execution
from dbatch.equivalence.results import read_results
from dbatch.model import Window
from dbatch.reference.loop import How
from dbatch.trials.launch import launch
from dbatch.trials.stopwatch import Stopwatch
from dbatch.trials.trial import Measured, Phases, Trial

STRATEGIES = '''
import os
import signal

print("imported")
HANDLERS = []


def fills(count, chunk):
    row = next(chunk.itertuples())
    return [{"timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": 1,
             "realized_pnl": 0.0, "position": 1, "pnl": 0.0}] * count


def create_counting_handler(config):
    """As many fills as this is the how-manieth handler of its process."""
    HANDLERS.append(config)
    number = len(HANDLERS)
    print("handler", number)
    return lambda security, chunk, orderbook, state: {"trades": fills(number, chunk)}


def create_killed_handler(config):
    return lambda *_: os.kill(os.getpid(), signal.SIGKILL)


def create_exiting_handler(config):
    print("so long")
    return lambda *_: os._exit(9)


def create_seed_handler(config):
    return lambda security, chunk, orderbook, state: {"trades": fills(1 + ("PYTHONHASHSEED" in os.environ), chunk)}
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    times = np.datetime64("2025-04-14T10:00", "ns") + np.arange(5).astype("timedelta64[s]")
    (tmp_path / "ticks").mkdir()
    for name in ("aaa", "bbb"):
        frame = pd.DataFrame({"timestamp": times, "type": "trade", "price": 10.0, "volume": 1})
        frame.to_parquet(tmp_path / "ticks" / f"{name}.parquet")
    (tmp_path / "strategies.py").write_text(STRATEGIES)
    return tmp_path


def trial(folder: Path, strategy: str, kind: str = "reference", how: How | None = None) -> Trial:
    request = RunRequest(
        strategy,
        str(folder / "ticks"),
        strategy_paths=(str(folder / "strategies.py"),),
        output_dir=str(folder / "results" / strategy),
        execution=Execution(serial=True),
    )
    return Trial(kind, request, how or How())


def trades(folder: Path) -> list[int]:
    return [security.values["trades"] for security in read_results(folder).securities.values()]


def test_a_trial_survives_its_journey() -> None:
    request = RunRequest(
        "any",
        "ticks",
        ["AAA"],
        max_sheets=3,
        overrides={"size": [1, 2.5, None], "AAA.name": "x"},
        strategy_paths=("a", "b"),
        output_dir="out",
        window=Window(1, 2, True),
        execution=Execution(2, cluster="processes", unit_jobs=3, shuffle=4),
        rerun=True,
    )
    sent = Trial("reference", request, How(("AAA",), 7, True))
    received = Trial.from_json(json.loads(json.dumps(sent.as_json())))
    assert received.request.window == request.window
    assert received.request.execution == request.execution
    assert received.as_json() == json.loads(json.dumps(sent.as_json()))


def test_a_reference_is_made_without_dask_and_what_strategies_print_is_kept_beside_it(folder: Path) -> None:
    outcome = launch(trial(folder, "counting"))
    assert (outcome.fault, outcome.output_dir) == (None, folder / "results" / "counting")
    assert outcome.measured is not None
    assert not outcome.measured.dask
    assert outcome.measured.peak_rss_mb > 20
    assert min(outcome.measured.wall.start_up, outcome.measured.cpu.start_up) > 0.1  # an interpreter and its imports
    assert trades(outcome.output_dir) == [2, 3]  # the plan made the first handler
    log = (folder / "results" / "counting.log").read_text()
    assert log.split() == ["imported", "handler", "1", "handler", "2", "handler", "3"]


def test_planned_elsewhere_the_first_jobs_handler_is_the_first_of_its_process(folder: Path) -> None:
    outcome = launch(trial(folder, "counting", how=How(("BBB", "AAA"), planned_elsewhere=True)))
    assert outcome.fault is None
    assert trades(outcome.output_dir) == [2, 1]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("killed", f"its process was killed by signal {int(signal.SIGKILL)}: imported"),
        ("exiting", "its process ended with exit code 9"),
        ("nobody", "nobody"),
    ],
)
def test_an_end_without_results_is_a_fault(folder: Path, strategy: str, said: str) -> None:
    outcome = launch(trial(folder, strategy))
    assert outcome.measured is None
    assert outcome.fault is not None
    assert said in outcome.fault


def test_no_seed_of_hash_is_inherited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    outcome = launch(trial(folder, "seed", "run"))
    assert trades(outcome.output_dir) == [1, 1]


# The stopwatch.


def test_a_stopwatch_cuts_its_time_into_three_phases() -> None:
    watch = Stopwatch()
    watch.begin_work(3)
    watch.end_work()
    measured = watch.measured()
    assert measured.slots == 3
    assert measured.wall.start_up > 0
    assert 0 <= measured.wall.work < 5
    assert measured.wall.total == measured.wall.start_up + measured.wall.work + measured.wall.closing


def test_work_that_never_began_or_ended_takes_no_time() -> None:
    idle = Stopwatch().measured()
    assert (idle.wall.work, idle.wall.closing) == (0.0, 0.0)
    begun = Stopwatch()
    begun.begin_work(1)
    assert begun.measured().wall.closing == 0.0


def test_measurements_survive_their_journey() -> None:
    measured = Measured(Phases(1.0, 2.0, 3.0), Phases(0.5, 0.25, 0.125), 100.0, 2, True)
    facts = {
        "wall": {"start_up": 1.0, "work": 2.0, "closing": 3.0},
        "cpu": {"start_up": 0.5, "work": 0.25, "closing": 0.125},
        "peak_rss_mb": 100.0,
        "slots": 2,
        "dask": True,
    }
    assert Measured.from_json(facts) == measured
