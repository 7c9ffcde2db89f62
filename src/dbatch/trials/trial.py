"""What a trial is, and what is known of it when it is over; both travel as JSON between processes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from dbatch.batch import RunRequest
from dbatch.engine.execute import Execution
from dbatch.model import Limits, Window
from dbatch.reference.loop import How


@dataclass(frozen=True)
class Trial:
    """A request to carry out in a fresh process: by the sequential `reference`, or as `dbatch run` does it.

    Results go to the request's `output_dir`. `how` is for the reference alone.
    """

    kind: Literal["reference", "run"]
    request: RunRequest
    how: How = dataclasses.field(default_factory=How)

    def as_json(self) -> dict[str, Any]:
        """Return the trial as JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Trial:
        """Return the trial that `as_json` gave."""
        request = dict(facts["request"])
        request["window"] = Window(**request["window"])
        request["limits"] = Limits(**request["limits"])
        request["execution"] = Execution(**request["execution"])
        return cls(facts["kind"], RunRequest(**request), How(**facts["how"]))


@dataclass(frozen=True)
class Phases:
    """Seconds of a trial's phases: until workers are ready, until the last job is done, and what follows that."""

    start_up: float
    work: float
    closing: float

    @property
    def total(self) -> float:
        return self.start_up + self.work + self.closing


@dataclass(frozen=True)
class Measured:
    """What a trial took: wall and CPU seconds of its whole process tree, memory in MiB.

    `peak_rss_mb` is the largest of the processes that ran jobs, `slots` how many jobs ran at a time, `dask`
    whether Dask was imported.
    """

    wall: Phases
    cpu: Phases
    peak_rss_mb: float
    slots: int
    dask: bool

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Measured:
        """Return the measurements that `dataclasses.asdict` gave."""
        return cls(**{**facts, "wall": Phases(**facts["wall"]), "cpu": Phases(**facts["cpu"])})
