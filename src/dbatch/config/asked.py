"""What a batch asks of strategies and data: every value that its runs may get, with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dbatch.config.axes import written_values
from dbatch.config.faults import Faults, Place
from dbatch.config.name_lists import SECURITY_COLUMNS, STRATEGY_COLUMNS, names
from dbatch.config.nodes import Node
from dbatch.config.random_draws import distribution
from dbatch.config.settings import ARGUMENTS, argument, is_parameter

_MOST_DRAWS: Final = 100


@dataclass(frozen=True)
class Placed:
    """One value, an argument's as runs get it, and its place."""

    value: Any
    place: Place


@dataclass(frozen=True)
class Entry:
    """A key at its place, and the values that it has there: none where they could not be read."""

    place: Place
    values: tuple[Placed, ...]


@dataclass(frozen=True)
class Part:
    """Runs that one place of a batch makes: what each may get, any value of an entry with any of the others."""

    arguments: Mapping[str, Entry] = field(default_factory=dict)
    parameters: Mapping[str, Entry] = field(default_factory=dict)

    def over(self, base: Part) -> Part:
        """Return `base` with the entries that are here."""
        return Part({**base.arguments, **self.arguments}, {**base.parameters, **self.parameters})


Check = Callable[[Iterable[Part], Faults], None]
"""Adds the faults of values that a file's reader cannot judge: strategies, their parameters, data."""


def asked(mapping: Mapping[str, Any], folder: Path) -> Iterator[Part]:
    """Yield the parts of the batch that `mapping` describes, as far as they can be read; its faults are not told here.

    Relative paths are below `folder`. Of a distribution there are its ends, or its first draws.
    """
    top = Node(mapping, (), Faults())
    grid, random, runs = top.child("grid"), top.child("random"), top.child("runs")
    base = _setting(top.child("base_args"), folder)
    base = _named(top.child("securities"), "securities", SECURITY_COLUMNS, folder).over(base)
    strategies = _named(top.child("strategies"), "strategy", STRATEGY_COLUMNS, folder).over(base)
    count = 0
    if grid.given or (top.child("strategies").given and not random.given):
        count += 1
        yield _part((key, _entry(key, node, folder)) for key, node in _entries(grid)).over(strategies)
    if random.given:
        count += 1
        yield _part(_drawn(random, top.child("seed"), folder)).over(strategies)
    for run in runs.items("runs") if runs.given else ():
        count += 1
        own = Part(_setting(run, folder).arguments)
        yield _setting(run.child("overrides"), folder).over(own).over(base)
    if not count:
        yield base


def _setting(node: Node, folder: Path) -> Part:
    return _part((key, Entry(child.place, _placed(key, child, folder))) for key, child in _entries(node))


def _named(node: Node, key: str, columns: tuple[str, ...], folder: Path) -> Part:
    """Return what the field `securities` or `strategies` of a batch sets: all securities together, a strategy each."""
    if not node.given:
        return Part()
    found = names(node, folder, columns)
    if key == "securities":
        return Part({key: Entry(node.place, () if found is None else (Placed(found, node.place),))})
    return Part({key: Entry(node.place, tuple(Placed(name, (*node.place, i)) for i, name in enumerate(found or ())))})


def _part(entries: Iterable[tuple[str, Entry]]) -> Part:
    arguments: dict[str, Entry] = {}
    parameters: dict[str, Entry] = {}
    for key, entry in entries:
        (arguments if key in ARGUMENTS else parameters)[key] = entry
    return Part(arguments, parameters)


def _entries(node: Node) -> list[tuple[str, Node]]:
    """Return the entries of a mapping that name an argument or what can be a parameter."""
    return [(key, child) for key, child in node.entries("keys") if key in ARGUMENTS or is_parameter(key, child)]


def _entry(key: str, node: Node, folder: Path) -> Entry:
    """Return the values of one key of a grid, or of a choice."""
    nodes = (item for item in written_values(node) if not isinstance(item.value, dict))
    return Entry(node.place, tuple(placed for item in nodes for placed in _placed(key, item, folder)))


def _placed(key: str, node: Node, folder: Path) -> tuple[Placed, ...]:
    """Return the value at `node`; nothing where it has a fault."""
    if key not in ARGUMENTS:
        return (Placed(node.value, node.place),) if node.is_plain() else ()
    faults = Faults()
    value = argument(key, Node(node.value, node.place, faults), folder)
    return () if faults else (Placed(value, node.place),)


def _drawn(random: Node, seed_of_all: Node, folder: Path) -> Iterator[tuple[str, Entry]]:
    """Yield the keys of a random search with what may be drawn."""
    own = random.child("seed")
    seed = (own if own.given or not seed_of_all.given else seed_of_all).value or 0
    n = random.child("n").value
    draws = min(n, _MOST_DRAWS) if type(n) is int and type(seed) is int else 0
    for key, node in _entries(random.child("parameters")):
        kind, child = next(iter(node.entries("kinds")), ("", node))
        source = None if kind == "choice" else distribution(key, node, folder)
        if kind == "choice":
            yield key, _entry(key, child, folder)
        elif source is None:
            yield key, Entry(node.place, ())
        elif kind == "int":
            yield key, Entry(node.place, tuple(Placed(end, (*child.place, i)) for i, end in enumerate(source.values)))
        else:
            yield key, Entry(node.place, tuple(Placed(source.draw(seed, key, i), child.place) for i in range(draws)))
