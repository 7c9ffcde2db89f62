"""What a benchmark measured, as a value and as a document that a later one can be compared with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dbatch.errors import UsageError
from dbatch.model import Window
from dbatch.trials.trial import Measured

SCHEMA: Final = "dbatch.benchmark/1"


@dataclass(frozen=True)
class Subject:
    """What is measured: the strategy with the hash of its code, and by security a hash of data and parameters."""

    strategy: str
    code: str
    data: Mapping[str, str]
    parameters: Mapping[str, str]
    window: Window
    chunk_rows: int


@dataclass(frozen=True)
class Measurement:
    """One run: in which repeat (from 1), what it took, and in which way its results differ ("" when equal)."""

    repeat: int
    measured: Measured
    differs: str = ""


@dataclass(frozen=True)
class Series:
    """All measurements of one way to run: with so many `workers`, or one after the other without Dask (None)."""

    workers: int | None
    measurements: tuple[Measurement, ...]

    @property
    def name(self) -> str:
        return name_of(self.workers)


@dataclass(frozen=True)
class Report:
    """All that was measured: a series each for sequential and for each number of workers, sequential first.

    `machine` is what it was measured on, `events` the rows of all securities together, `fills` their fills.
    """

    subject: Subject
    machine: Mapping[str, Any]
    events: int
    fills: int
    series: tuple[Series, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        facts = dataclasses.asdict(self)
        for series, own in zip(facts["series"], self.series, strict=True):
            series["name"] = own.name
        return {"schema": SCHEMA, **facts}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Report:
        """Return the report that `as_json` gave; raises KeyError or TypeError for anything else."""
        subject = {**facts["subject"], "window": Window(**facts["subject"]["window"])}
        series = (
            Series(one["workers"], tuple(_measurement(item) for item in one["measurements"])) for one in facts["series"]
        )
        return cls(Subject(**subject), facts["machine"], facts["events"], facts["fills"], tuple(series))


def name_of(workers: int | None) -> str:
    """Return how people call a way to run.

    >>> name_of(None), name_of(1), name_of(2)
    ('sequential', '1 worker', '2 workers')
    """
    return "sequential" if workers is None else f"{workers} worker{'' if workers == 1 else 's'}"


def _measurement(facts: Mapping[str, Any]) -> Measurement:
    return Measurement(facts["repeat"], Measured.from_json(facts["measured"]), facts["differs"])


def read_report(path: Path) -> Report:
    """Return the report that a benchmark wrote to `path`. Raises UsageError for anything else."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON, must be what 'dbatch benchmark --output' wrote") from error
    found = facts.get("schema") if isinstance(facts, dict) else None
    if found != SCHEMA:
        raise UsageError(f"{path}: its schema is {found!r}, must be {SCHEMA!r}")
    try:
        return Report.from_json(facts)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a whole report ({type(error).__name__}: {error})") from error
