"""The runs that nobody writes out: combinations of a grid or a sample of them, and random draws."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbatch.config import draws
from dbatch.config.axes import axes_of, check_ids, strategies_axis
from dbatch.config.common import Common
from dbatch.config.grid import Axis, Draws, Grid
from dbatch.config.nodes import Node
from dbatch.config.random_draws import RandomSearch, random_search
from dbatch.config.runs import Combinations
from dbatch.config.settings import check_order

MAX_SAMPLE: Final = 1_000_000
_DATES: Final = ("start_date", "end_date")


@dataclass(frozen=True)
class Sample:
    """A random subset of a grid: `n` combinations, each set of them as likely as another."""

    n: int
    seed: int


def check_strategy(top: Node, common: Common) -> None:
    """Keep a fault when the runs of the batch at `top` that nobody writes out have no strategy."""
    if top.child("strategies").given or "strategy" in common.base.arguments:
        return
    varied = [top.child("grid"), top.child("random").child("parameters")]
    if any("strategy" not in node.value for node in varied if isinstance(node.value, dict)):
        common.node.child("strategy").fault("is required, here or as a key of the grid")


def axes_at(node: Node, common: Common) -> tuple[Axis, ...]:
    """Return the axes that the fields `strategies` and `grid` of a batch make, the strategies first."""
    strategies, grid = node.child("strategies"), node.child("grid")
    axes = axes_of(grid, common.folder) if grid.given else ()
    if not strategies.given:
        return axes
    if any(axis.key == "strategy" for axis in axes):
        grid.child("strategy").fault("cannot be given with strategies, which is the same axis")
    first = strategies_axis(strategies, common.folder)
    return axes if first is None else (first, *axes)


def grid_runs(axes: tuple[Axis, ...], sample: Sample | None, top: Node, common: Common) -> Combinations:
    """Return the runs of the grid of `axes` in the batch at `top`; those that a sample takes, when there is one."""
    grid = Grid(axes, common.prefix)
    field = top.child("grid" if top.child("grid").given else "strategies")
    check_ids(grid, top.faults, field.place)
    _check_dates({axis.key: list(_values(axis, top)) for axis in axes}, common)
    chosen: Sequence[int] | None = None
    if sample is not None and sample.n > grid.size:
        top.child("sample").child("n").fault(
            f"must be at most {grid.size:,}, the number of combinations, is {sample.n:,}"
        )
    elif sample is not None:
        chosen = _packed(sorted(draws.distinct(sample.n, grid.size, sample.seed, "sample")))
    return Combinations(grid, common.base, common.tags("grid_search"), common.timeout, chosen)


def random_runs(axes: tuple[Axis, ...], search: RandomSearch, top: Node, common: Common) -> Combinations:
    """Return the runs of a random search in the batch at `top`: of every strategy that `axes` hold, all draws."""
    strategies = tuple(axis for axis in axes if axis.place == ("strategies",))
    node = top.child("random").child("parameters")
    if strategies and "strategy" in search.parameters:
        node.child("strategy").fault("cannot be given with strategies, which names them all")
    drawn = {key: [(value, node.child(key)) for value in source.values] for key, source in search.parameters.items()}
    _check_dates(drawn, common)
    grid = Grid((*strategies, Draws(search.n)), common.prefix)
    return Combinations(grid, common.base, common.tags("random_search"), common.timeout, search=search)


def sample_at(node: Node, common: Common) -> Sample | None:
    """Return the sample that is asked for; None after a fault."""
    node.known(("n", "seed"))
    if not isinstance(node.value, dict):
        return None
    n = node.child("n").integer(least=1)
    seed = node.child("seed").integer(least=0) if node.child("seed").given else common.seed or 0
    if n is not None and n > MAX_SAMPLE:
        node.child("n").fault(f"must be at most {MAX_SAMPLE:,}, is {n:,}")
        return None
    return None if n is None or seed is None else Sample(n, seed)


def search_at(node: Node, common: Common) -> RandomSearch | None:
    """Return the random search that is asked for; None after a fault."""
    return random_search(node, common.folder, common.seed or 0)


def _check_dates(varied: Mapping[str, Sequence[tuple[Any, Node]]], common: Common) -> None:
    """Keep a fault where a first date lies after a last one; `varied` holds the values of keys, each at its place."""
    if not varied.keys().isdisjoint(_DATES):
        start, end = (varied.get(key, [(common.base.arguments.get(key), common.node.child(key))]) for key in _DATES)
        check_order(start, end)


def _values(axis: Axis, node: Node) -> Iterator[tuple[Any, Node]]:
    return ((value, Node(value, (*axis.place, i), node.faults)) for i, value in enumerate(axis.values))


def _packed(numbers: Sequence[int]) -> Sequence[int]:
    """Return rising numbers in as little memory as they need."""
    return array("Q", numbers) if numbers[-1] < 2**64 else tuple(numbers)
