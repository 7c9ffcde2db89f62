"""The cause that experiments show, found without processes.

First a strategy is a function from how it is run to the number of its fills; then real ones that lose something
between chunks, for which no fresh process is needed.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.batch import RunRequest
from dbatch.engine.execute import Execution
from dbatch.equivalence.causes import Cause, Trials, find_cause
from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.results import ResultSet, read_results
from dbatch.equivalence.variations import Variation
from dbatch.reference.loop import How, run_reference
from dbatch.schema import FILL_DTYPES
from dbatch.trials.launch import TrialOutcome
from dbatch.trials.trial import Trial

SECURITIES = ("AAA", "BBB", "CCC")


@dataclass(frozen=True)
class Turn:
    """One job: what its process did before, and how."""

    security: str
    before: tuple[str, ...]
    chunk_rows: int | None
    planned_elsewhere: bool
    engine: bool
    number: int


Strategy = Callable[[Turn], int | str | None]
"""Returns how many fills there are, or the text of an error, or None when the process dies."""


class FakeTrials:
    """Trials without processes."""

    def __init__(self, folder: Path, strategy: Strategy) -> None:
        self._folder = folder
        self._strategy = strategy
        self._numbers = count()
        self.made: Counter[str] = Counter()

    def reference(
        self, name: str = "", *, securities: Sequence[str] | None = None, how: How | None = None
    ) -> TrialOutcome:
        chosen, how = securities or SECURITIES, how or How()
        self.made[f"{'+'.join(how.order or chosen)}/{how.chunk_rows}{'/elsewhere' * how.planned_elsewhere}"] += 1
        return self._run(list(how.order or chosen), how, engine=False)

    def distributed(
        self, variation: Variation, name: str = "", *, securities: Sequence[str] | None = None
    ) -> TrialOutcome:
        self.made[f"engine/{variation.execution.serial}"] += 1
        return self._run(list(securities or SECURITIES), How(), engine=True)

    def _run(self, order: Sequence[str], how: How, *, engine: bool) -> TrialOutcome:
        number = next(self._numbers)
        folder = self._folder / str(number)
        folder.mkdir()
        found = {}
        for place, security in enumerate(order):
            turn = Turn(security, tuple(order[:place]), how.chunk_rows, how.planned_elsewhere, engine, number)
            fills = self._strategy(turn)
            if fills is None:
                return TrialOutcome(Trial("reference", RunRequest("fake")), folder, None, "it was killed")
            found[security] = written(folder, security, fills)
        (folder / "reference.json").write_text(json.dumps({"strategy": "fake", "securities": found}))
        return TrialOutcome(Trial("reference", RunRequest("fake")), folder, None, None)


def written(folder: Path, security: str, fills: int | str) -> dict[str, Any]:
    if isinstance(fills, str):
        return {"status": "failed", "error": fills}
    columns = {name: ["buy"] * fills if name == "side" else range(fills) for name in FILL_DTYPES}
    pq.write_table(pa.table(columns), folder / f"{security}.parquet")
    return {"status": "success", "error": "", "rows": 100, "values": {}, "fills": f"{security}.parquet"}


def cause_of(
    strategy: Strategy, folder: Path, *, securities: Sequence[str] = SECURITIES, in_turn: bool = True, rows: int = 66
) -> tuple[Cause, FakeTrials]:
    """Return the cause found with the last of `securities`, and the trials made for it."""
    trials = FakeTrials(folder, strategy)
    reference: ResultSet | None = None
    if in_turn:
        reference = read_results(trials.reference(securities=securities).output_dir)
        trials.made.clear()
    variation = Variation("distributed", "2 workers", Execution(workers=2), rows)
    cause = find_cause(trials, reference, securities[-1], securities, variation, Tolerance())
    return cause, trials


def test_other_results_of_the_same_run_are_not_deterministic(tmp_path: Path) -> None:
    cause, trials = cause_of(lambda turn: turn.number, tmp_path)
    assert cause.kind == "not_deterministic"
    assert cause.evidence.startswith("CCC alone, twice: ")
    assert trials.made == {"CCC/None": 2}


def test_a_run_that_differs_once_in_five_is_not_deterministic(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: 9 if turn.number == 5 else 10, tmp_path)
    assert cause.kind == "not_deterministic"


def test_what_differs_in_its_turn_leaks_and_that_is_looked_at_twice(tmp_path: Path) -> None:
    cause, trials = cause_of(lambda turn: 10 + len(turn.before), tmp_path)
    assert cause.kind == "leaks_between_securities"
    assert cause.evidence.startswith("CCC alone, and in its turn: ")
    assert trials.made == {"CCC/None": 5, "AAA+BBB+CCC/None": 1}


def test_chance_is_not_taken_for_a_leak(tmp_path: Path) -> None:
    """Five times alone it gave 10, then 11 in its turn by chance, and not again."""
    cause, _ = cause_of(lambda turn: 11 if turn.number == 0 else 10, tmp_path)
    assert cause.kind == "not_deterministic"
    assert cause.evidence.startswith("CCC in its turn, twice: ")


def test_a_leak_that_one_order_hides_shows_in_another(tmp_path: Path) -> None:
    """A counter that two securities together bring round again."""
    cause, trials = cause_of(lambda turn: 10 + len(turn.before) % 2, tmp_path)
    assert cause.kind == "leaks_between_securities"
    assert cause.evidence.startswith("CCC alone, and after BBB: ")
    assert trials.made["AAA+BBB+CCC/None"] == 1


def test_a_leak_of_the_second_strategy_is_found_without_its_reference(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: 10 + len(turn.before), tmp_path, in_turn=False)
    assert cause.evidence.startswith("CCC alone, and after AAA, BBB: ")


def test_a_security_that_fails_only_after_others_leaks(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: "used before" if turn.before else 10, tmp_path)
    assert cause.kind == "leaks_between_securities"
    assert "failed: used before" in cause.evidence


@pytest.mark.parametrize("cut", [66, 33])
def test_what_differs_in_chunks_depends_on_them(tmp_path: Path, cut: int) -> None:
    cause, _ = cause_of(lambda turn: 11 if turn.chunk_rows == cut else 10, tmp_path)
    assert cause.kind == "depends_on_chunks"
    assert cause.evidence.startswith(f"CCC alone, and in chunks of {cut} rows: ")


def test_a_leak_that_needs_chunks_is_no_fault_of_the_engine(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: 11 if turn.before and turn.chunk_rows else 10, tmp_path)
    assert cause.kind == "leaks_between_securities"
    assert cause.evidence.startswith("CCC alone, and after AAA, BBB, all in chunks of 66 rows: ")


def test_a_factory_that_treats_its_first_handler_otherwise_is_no_fault_of_the_engine(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: 11 if turn.planned_elsewhere else 10, tmp_path)
    assert cause.kind == "leaks_between_securities"
    assert cause.evidence.startswith("CCC alone, and with its handler as the first that the process makes: ")


def test_when_no_experiment_matters_it_is_the_engine(tmp_path: Path) -> None:
    cause, trials = cause_of(lambda turn: 11 if turn.engine else 10, tmp_path)
    assert cause.kind == "engine"
    assert cause.evidence.startswith("the engine's own serial run of CCC differs: ")
    assert trials.made == {
        "CCC/None": 5,
        "AAA+BBB+CCC/None": 1,
        "BBB+CCC/None": 1,
        "AAA+CCC/None": 1,
        "CCC/66": 1,
        "CCC/33": 1,
        "AAA+BBB+CCC/66": 1,
        "CCC/None/elsewhere": 1,
        "engine/True": 1,
    }


def test_or_a_strategy_that_asks_where_it_runs(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: 10, tmp_path)
    assert cause.kind == "engine"
    assert "a strategy that asks where it runs" in cause.text
    assert cause.evidence.endswith("agrees with them, so it is where or when jobs run")


def test_a_single_security_has_no_neighbours_to_leak_from(tmp_path: Path) -> None:
    cause, trials = cause_of(lambda turn: 10, tmp_path, securities=("CCC",), rows=1)
    assert cause.kind == "engine"
    assert trials.made == {"CCC/None": 5, "CCC/1": 1, "CCC/None/elsewhere": 1, "engine/True": 1}


def test_failing_in_both_runs_is_no_difference_whatever_the_errors_say(tmp_path: Path) -> None:
    cause, _ = cause_of(lambda turn: f"<object at {turn.number}>", tmp_path)
    assert cause.kind == "engine"


def test_a_process_that_dies_is_a_difference_and_dying_twice_is_none(tmp_path: Path) -> None:
    (tmp_path / "once").mkdir()
    (tmp_path / "always").mkdir()
    once, _ = cause_of(lambda turn: None if turn.chunk_rows else 10, tmp_path / "once")
    assert (once.kind, "one of the two runs ended before its time" in once.evidence) == ("depends_on_chunks", True)
    always, _ = cause_of(lambda turn: None, tmp_path / "always", in_turn=False)
    assert always.kind == "engine"


def test_what_is_set_for_other_securities_is_left_out_of_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Trial] = []

    def launch(trial: Trial) -> TrialOutcome:
        seen.append(trial)
        return TrialOutcome(trial, tmp_path, None, None)

    monkeypatch.setattr("dbatch.equivalence.causes.launch", launch)
    overrides = {"size": 1, "AAA.size": 2, "bbb.size": 3}
    trials = Trials(RunRequest("any", overrides=overrides), ("AAA", "BBB"), tmp_path)
    trials.reference()
    trials.reference(securities=["BBB"])
    trials.distributed(Variation("order", "shuffled", Execution(workers=3, shuffle=1), 7), "named")
    assert [trial.request.overrides for trial in seen] == [overrides, {"size": 1, "bbb.size": 3}, overrides]
    assert [trial.request.securities for trial in seen] == [("AAA", "BBB"), ("BBB",), ("AAA", "BBB")]
    run = seen[2]
    assert (run.kind, run.request.execution.shuffle, run.request.chunk_rows, run.request.rerun) == ("run", 1, 7, True)
    assert [trial.request.output_dir for trial in seen] == [
        str(tmp_path / name) for name in ("experiment-01", "experiment-02", "named")
    ]


# Real strategies.


class HereTrials:
    """Trials in this process."""

    def __init__(self, request: RunRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._numbers = count()

    def reference(
        self, name: str = "", *, securities: Sequence[str] | None = None, how: How | None = None
    ) -> TrialOutcome:
        folder = self._folder / str(next(self._numbers))
        request = dataclasses.replace(self._request, securities=securities)
        run_reference(request, folder, how or How(), lambda: None, lambda: None)
        return TrialOutcome(Trial("reference", request), folder, None, None)


FAULTY = {
    "settling": """
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            state["row"] = row
        record(state, state["row"])  # at the end of what it takes for the day
        return state
""",
    "numbering": """
    def handler(security, chunk, orderbook, state):
        for row in chunk.itertuples():
            if row.type == "trade" and row.Index % 10 == 0:  # starts at 0 in every chunk
                record(state, row)
        return state
""",
    "skipping": """
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk.iloc[:-1]):  # the last row is not finished yet, it says
            record(state, row)
        return state
""",
    "averaging": """
    def handler(security, chunk, orderbook, state):
        mean = chunk["price"].mean()
        for row in trades_of(chunk):
            if row.price > mean:
                record(state, row)
        return state
""",
}


@pytest.mark.parametrize("name", ["forgetful", "repeating", *FAULTY])
def test_faults_between_chunks_are_named(ask: Callable[..., RunRequest], tmp_path: Path, name: str) -> None:
    request = ask(name)
    if name in FAULTY:
        shutil.copy(Path(request.strategy_paths[0]) / "counting.py", tmp_path)
        head = f"from counting import record, trades_of\n\n\ndef create_{name}_handler(config):"
        (tmp_path / f"{name}.py").write_text(f"{head}{FAULTY[name]}\n    return handler\n")
        request = ask(name, strategy_paths=(str(tmp_path),))
    variation = Variation("distributed", "2 workers", Execution(workers=2), 64)
    trials = HereTrials(request, tmp_path)
    cause = find_cause(trials, None, "BBB", ("AAA", "BBB"), variation, Tolerance())
    assert cause.kind == "depends_on_chunks"
    assert cause.evidence.startswith("BBB alone, and in chunks of 64 rows: ")
