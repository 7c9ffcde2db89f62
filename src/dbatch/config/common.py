"""What all runs of a batch share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbatch.config.faults import shown
from dbatch.config.nodes import Node
from dbatch.config.quantities import parse_duration
from dbatch.config.run_ids import name_fault
from dbatch.config.settings import Setting


@dataclass(frozen=True)
class Common:
    """What all runs of a batch share: `base` is what `base_args`, at `node`, and `securities` set."""

    base: Setting
    node: Node
    folder: Path
    run_tag: str | None = None
    seed: int | None = None
    timeout: float | None = None

    @property
    def prefix(self) -> str:
        """Return what begins the id of every run that is not written out."""
        return f"{self.run_tag}_" if self.run_tag else ""

    def tags(self, first: str) -> tuple[str, ...]:
        """Return the tags of runs that are not written out: the kind of search, and the parts of the run tag."""
        return (first, *(word for word in (self.run_tag or "").split("_") if word))


def checked_name(node: Node) -> str | None:
    """Return the name of a run, a batch or a tag of runs; None after a fault."""
    text = str(node.value) if type(node.value) is int else node.text()
    problem = name_fault(text) if text is not None else None
    if problem:
        node.fault(f"{problem}, is {shown(text)}")
        return None
    return text


def duration(node: Node) -> float | None:
    """Return a duration in seconds; None after a fault."""
    try:
        return parse_duration(node.value)
    except ValueError as error:
        node.fault(f"{error}, is {shown(node.value)}")
        return None
