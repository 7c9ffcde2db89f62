"""What a folder holds that was computed from other code, data or parameters than there are now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbatch.results.ledger import Planned, PlannedJob


@dataclass(frozen=True)
class StaleJobs:
    """Jobs that are finished, but would be other jobs now; `causes` says in words what has changed."""

    jobs: tuple[Planned, ...]
    causes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.jobs)

    @property
    def runs(self) -> int:
        """Return how many runs they belong to."""
        return len({job.run for job in self.jobs})

    def text(self) -> str:
        """Return in a line how many there are, and why."""
        return f"{len(self.jobs):,} finished jobs of {self.runs:,} runs are stale: {'; '.join(self.causes)}"


def find_stale(
    kept: Iterable[Planned],
    done: Collection[str],
    planned: Iterable[PlannedJob],
    before: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
) -> StaleJobs:
    """Return the finished jobs of the plan `kept` that differ from those of the same run and security in `planned`.

    `done` has the keys of jobs that are finished; `before` and `now` are the inputs (see `Setup.facts`) of both.
    Jobs whose results were accepted as stale before are not counted again.
    """
    was = {job[:2]: job for job in kept}
    stale = []
    for run, security, key, _ in planned if was else ():
        old = was.get((run, security))
        if old is not None and old.key != key and old.key in done and not old.stale:
            stale.append(old)
    return StaleJobs(tuple(stale), tuple(_causes(before, now)) if stale else ())


def _causes(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    causes: dict[str, None] = {}
    old = {_name(inputs): inputs for inputs in before}
    for inputs in now:
        was = old.get(_name(inputs))
        if was is None:
            continue
        strategy = inputs["strategy"]["name"]
        if was["code"] != inputs["code"]:
            causes[f"the code of strategy '{strategy}' has changed"] = None
        held = was["securities"]
        changed = [
            name
            for name, facts in inputs["securities"].items()
            if name in held and held[name]["fingerprint"] != facts["fingerprint"]
        ]
        if changed:
            causes[f"the data of {_few(changed)} has changed"] = None
    return list(causes) or ["parameters, dates or dbatch's rules for results have changed"]


def _name(inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    return inputs["strategy"]["name"], inputs["data"], repr(sorted(inputs["window"].items())), inputs["chunk_rows"]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(sorted(names)[:5]) + more
