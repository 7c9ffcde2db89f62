"""What a batch's ledger has planned, by columns: its runs, and the jobs of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import numpy as np

from dbatch.quick_json import parsed
from dbatch.results.ledger import Ledger

_ROWS: Final = 4096


@dataclass(frozen=True)
class Runs:
    """Planned runs by number, a value per run in each: `numbers` int64, ids, and what their rows say of them.

    `parameters` has those that are not the same in all runs.
    """

    numbers: np.ndarray
    ids: list[str]
    strategies: list[str]
    hashes: list[str]
    parameters: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Jobs:
    """Planned jobs by run number and security, a value per job in each: `runs` int64 the number of its run."""

    runs: np.ndarray
    securities: Sequence[str]
    keys: Sequence[str]
    stale: Sequence[bool]


def planned_runs(ledger: Ledger) -> Runs:
    """Return the runs that `ledger` has planned."""
    numbers: list[int] = []
    runs = Runs(np.empty(0, np.int64), [], [], [], {})
    asked: list[dict[str, Any]] = []
    rows = ledger.runs_as_text()
    while some := list(islice(rows, _ROWS)):
        own, ids, texts = zip(*some, strict=True)
        specs = list(map(parsed, texts))
        numbers.extend(own)
        runs.ids.extend(ids)
        runs.strategies.extend([spec.get("strategy", "") for spec in specs])
        runs.hashes.extend([spec.get("params_hash", "") for spec in specs])
        asked.extend([spec.get("parameters", {}) for spec in specs])
    for name in dict.fromkeys(chain.from_iterable(asked)):
        values = [parameters.get(name) for parameters in asked]
        first = repr(values[0])
        if any(repr(value) != first for value in values):
            runs.parameters[name] = values
    return Runs(np.array(numbers, np.int64), runs.ids, runs.strategies, runs.hashes, runs.parameters)


def planned_jobs(ledger: Ledger) -> Jobs:
    """Return the jobs that `ledger` has planned."""
    rows = list(ledger.query("select run, security, key, stale from planned order by run, security"))
    runs, securities, keys, stale = zip(*rows, strict=True) if rows else ((), (), (), ())
    same = {name: name for name in set(securities)}  # one text for all jobs over a security
    return Jobs(np.array(runs, np.int64), list(map(same.__getitem__, securities)), keys, stale)
