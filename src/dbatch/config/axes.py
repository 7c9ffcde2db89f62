"""The axes of a grid, read from a batch file; ids that two runs would share are found without expanding the grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dbatch.config.faults import Faults, Place, place_text, shown
from dbatch.config.grid import Axis, Grid
from dbatch.config.name_lists import STRATEGY_COLUMNS, names
from dbatch.config.nodes import Node
from dbatch.config.ranges import is_range, range_values
from dbatch.config.run_ids import value_text
from dbatch.config.settings import ARGUMENTS, PATHS, argument, is_parameter

MAX_AXES: Final = 100
MAX_EXPANDED: Final = 100_000


def axes_of(node: Node, folder: Path) -> tuple[Axis, ...]:
    """Return the axes of a `grid` mapping in the order of its keys; those without faults."""
    entries = node.entries("lists of values")
    if not entries and isinstance(node.value, dict):
        node.fault("is empty, must name values of an argument or a parameter")
    if len(entries) > MAX_AXES:
        node.fault(f"has {len(entries)} keys, must have at most {MAX_AXES}")
        return ()
    axes = (axis_of(key, values, folder) for key, values in entries)
    return tuple(axis for axis in axes if axis is not None)


def axis_of(key: str, node: Node, folder: Path) -> Axis | None:
    """Return the axis of `key` from a list of values or a range; None after a fault."""
    found = values_of(key, node, folder)
    if found is None:
        return None
    nodes, values = found
    texts = [value_text(item.value if key in PATHS else value) for item, value in zip(nodes, values, strict=True)]
    axis = Axis(key, tuple(values), tuple(texts), node.place)
    return None if _repeats(axis, nodes, node.faults) else axis


def values_of(key: str, node: Node, folder: Path) -> tuple[list[Node], list[Any]] | None:
    """Return the values of `key` as written and as runs get them, from a list or a range; None after a fault."""
    before = len(node.faults)
    if key not in ARGUMENTS and not is_parameter(key, node):
        return None
    nodes = written_values(node)
    values = [_value(key, item, folder) for item in nodes]
    return None if len(node.faults) > before else (nodes, values)


def strategies_axis(node: Node, folder: Path) -> Axis | None:
    """Return the axis `strategy` of the `strategies` of a batch; None after a fault."""
    found = names(node, folder, STRATEGY_COLUMNS)
    if found is None:
        return None
    axis = Axis("strategy", found, tuple(map(value_text, found)), node.place)
    items = [Node(name, (*node.place, i), node.faults) for i, name in enumerate(found)]
    return None if _repeats(axis, items, node.faults) else axis


def check_ids(grid: Grid, faults: Faults, place: Place) -> None:
    """Keep a fault when two combinations of `grid` have one id, in any case.

    Texts of one axis differ already. So ids can only be equal where one text is another one that goes on like the
    next key (`stop: [1, 1_size_2]` before `size`): only then the ids are compared, and a grid too large for that is
    refused.
    """
    risk = _goes_on_like_a_key(grid)
    if risk is None:
        return
    if grid.size > MAX_EXPANDED:
        faults.add(place, f"ids of runs may clash: {risk}; name one otherwise, or put the keys in another order")
        return
    seen: dict[str, int] = {}
    for i in range(grid.size):
        other = seen.setdefault(grid.full_id(grid.digits(i)).casefold(), i)
        if other != i:
            both = " and ".join(_combination(grid, j) for j in (other, i))
            faults.add(place, f"{both} have one run id, '{grid.full_id(grid.digits(i))}'")
            return


def written_values(node: Node) -> list[Node]:
    """Return the values in a list or a range; none after a fault."""
    if isinstance(node.value, str) and is_range(node.value):
        try:
            return [Node(value, node.place, node.faults) for value in range_values(node.value)]
        except ValueError as error:
            node.fault(f"{shown(node.value)} {error}")
            return []
    if not isinstance(node.value, list):
        node.must_be("a list of values, or a range such as 1000..5000:1000")
        return []
    return node.items("values")


def _value(key: str, node: Node, folder: Path) -> Any:
    if key in ARGUMENTS:
        return argument(key, node, folder)
    if isinstance(node.value, dict):
        node.must_be("a number, text, true, false, null or a list")
    node.is_plain()
    return node.value


def _repeats(axis: Axis, nodes: Sequence[Node], faults: Faults) -> bool:
    """Return whether two values have one text in ids; each such value is a fault."""
    before = len(faults)
    for i, text in enumerate(axis.texts):
        first = axis.positions[text.casefold()]
        if first != i:
            alike = "is the same" if axis.texts[first] == text else "differs only in case"
            faults.add(
                (*axis.place, i),
                f"{shown(nodes[i].value)} gives run ids with '{axis.lead}{text}'; that of "
                f"{place_text((*axis.place, first))}, {shown(nodes[first].value)}, {alike}",
            )
    return len(faults) > before


def _goes_on_like_a_key(grid: Grid) -> str | None:
    """Return, in words, two texts of an axis of which one goes on like the next key; None when there are none."""
    axes = [axis for axis in grid.axes if isinstance(axis, Axis)]
    for axis, following in itertools.pairwise(axes):
        key = f"_{following.lead}".casefold()
        for text in axis.positions:
            for cut in (i for i, character in enumerate(text) if character == "_"):
                goes_on = text[cut:].startswith(key) or key.startswith(text[cut:])
                if goes_on and text[:cut] in axis.positions:
                    return f"values '{text[:cut]}' and '{text}' of {axis.key} stand before {following.key}"
    return None


def _combination(grid: Grid, i: int) -> str:
    pairs = zip(grid.axes, grid.digits(i), strict=True)
    values = (f"{axis.key}: {shown(axis.values[digit])}" for axis, digit in pairs if isinstance(axis, Axis))
    return f"{{{', '.join(values)}}}"
