"""Random values of parameters: distributions as a batch file names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dbatch.config import draws
from dbatch.config.axes import values_of
from dbatch.config.faults import did_you_mean, shown
from dbatch.config.nodes import Node
from dbatch.config.settings import ARGUMENTS, Setting, is_parameter

KINDS: Final = ("int", "uniform", "log_uniform", "normal", "choice")
MAX_DRAWS: Final = 10**9
_LARGEST: Final = 1e18  # so that sums stay finite, and integers far below what a draw can tell apart
_EXAMPLE: Final = "a distribution such as {uniform: [0.5, 3]}"
_DRAWN: Final[Mapping[str, Callable[..., float]]] = {
    "uniform": draws.uniform,
    "log_uniform": draws.log_uniform,
    "normal": draws.normal,
}


@dataclass(frozen=True)
class Distribution:
    """What a value is drawn from: `kind` of KINDS and its numbers, or the values of a choice."""

    kind: str
    values: tuple[Any, ...]

    def draw(self, seed: int, *labels: str | int) -> Any:
        """Return the value for a seed and what it is drawn for."""
        if self.kind == "choice":
            return self.values[draws.below(len(self.values), seed, *labels)]
        if self.kind == "int":
            low, high = self.values
            return low + draws.below(high - low + 1, seed, *labels)
        return _DRAWN[self.kind](*self.values, seed, *labels)


@dataclass(frozen=True)
class RandomSearch:
    """`n` draws of every distribution. Draw `i` of a parameter depends on seed, name and `i` alone."""

    n: int
    seed: int
    parameters: Mapping[str, Distribution] = field(default_factory=dict)

    def setting(self, i: int) -> Setting:
        """Return what draw `i`, from 0, sets."""
        drawn = {key: source.draw(self.seed, key, i) for key, source in self.parameters.items()}
        return Setting(
            {key: value for key, value in drawn.items() if key in ARGUMENTS},
            {key: value for key, value in drawn.items() if key not in ARGUMENTS},
        )


def random_search(node: Node, folder: Path, default_seed: int) -> RandomSearch | None:
    """Return the random search at `node`; None after a fault."""
    before = len(node.faults)
    node.known(("n", "seed", "parameters"))
    if not isinstance(node.value, dict):
        return None
    n = node.child("n").integer(least=1)
    if n is not None and n > MAX_DRAWS:
        node.child("n").fault(f"must be at most {MAX_DRAWS:,}, is {n:,}")
    seed = node.child("seed").integer(least=0) if node.child("seed").given else default_seed
    entries = node.child("parameters").entries("distributions")
    if not entries and isinstance(node.child("parameters").value, dict):
        node.child("parameters").fault(f"is empty, must name parameters with {_EXAMPLE}")
    found = {key: distribution(key, entry, folder) for key, entry in entries}
    parameters = {key: source for key, source in found.items() if source is not None}
    return RandomSearch(n, seed, parameters) if n and seed is not None and len(node.faults) == before else None


def distribution(key: str, node: Node, folder: Path) -> Distribution | None:
    """Return what `key` is drawn from; None after a fault."""
    if not isinstance(node.value, dict) or len(node.value) != 1:
        node.fault(f"must be {_EXAMPLE}, is {shown(node.value)}")
        return None
    ((kind, child),) = node.entries("distributions") or [("", node)]
    if kind not in KINDS:
        child.fault(f"unknown distribution; {did_you_mean(kind, KINDS)}")
        return None
    if kind == "choice":
        found = values_of(key, child, folder)
        return Distribution(kind, tuple(found[1])) if found else None
    if key in ARGUMENTS:
        child.fault("is an argument, its values can only be drawn by {choice: [...]}")
        return None
    if not is_parameter(key, node):
        return None
    return _of_two_numbers(kind, child)


def _of_two_numbers(kind: str, node: Node) -> Distribution | None:
    if not isinstance(node.value, list) or len(node.value) != 2:
        wanted = "[mean, standard deviation]" if kind == "normal" else "[lowest, highest]"
        node.fault(f"must be {wanted}, is {shown(node.value)}" + _items_text(node.value))
        return None
    first, second = (item.integer() if kind == "int" else item.number() for item in node.items("numbers"))
    if first is None or second is None:
        return None
    problem = _problem(kind, first, second)
    if problem:
        node.fault(problem)
        return None
    return Distribution(kind, (first, second))


def _problem(kind: str, first: float, second: float) -> str:
    if abs(first) >= _LARGEST or abs(second) >= _LARGEST:
        return f"must be numbers below {_LARGEST:g}"
    if kind == "normal":
        return "" if second > 0 else f"standard deviation must be above zero, is {second}"
    if kind == "log_uniform" and first <= 0:
        return f"lowest must be above zero, is {first}"
    return "" if first < second else f"lowest must be below highest, is {first} with {second}"


def _items_text(value: Any) -> str:
    return f" of {len(value)}" if isinstance(value, list) else ""
