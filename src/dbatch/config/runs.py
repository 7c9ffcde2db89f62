"""The runs of a batch: a sequence that makes each run when it is asked for, and keeps none."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, groupby
from typing import Any, Final, overload

from dbatch.config.grid import Axis, Grid
from dbatch.config.holdout import Holdout
from dbatch.config.random_draws import RandomSearch
from dbatch.config.run_hash import params_hash
from dbatch.config.settings import Setting

_TOGETHER: Final = 4096
"""Runs that are made at a time: columns of so many are short beside what a batch keeps of its runs."""

_FEWEST: Final = 8
"""Runs of which what they share is worth finding."""


@dataclass(frozen=True)
class RunSpec:
    """One run of a batch.

    `arguments` say what is run over what (strategy, data, dates, ...), their paths absolute; `parameters` go to the
    strategy, one named `SECURITY.NAME` for that security only. Runs of higher `priority` start earlier; `timeout`
    is in seconds. `origin` says where the run is from: "grid", "random" or "runs[2]". `params_hash` is equal for
    equal arguments, parameters and seed of the batch; paths count as seen from the batch file's folder.
    """

    index: int
    id: str
    arguments: Mapping[str, Any]
    parameters: Mapping[str, Any]
    tags: tuple[str, ...]
    priority: int
    timeout: float | None
    origin: str
    params_hash: str


@dataclass(frozen=True)
class Draft:
    """A run before it has its number in the batch and its hash."""

    id: str
    setting: Setting
    origin: str
    tags: tuple[str, ...] = ()
    priority: int = 0
    timeout: float | None = None


@dataclass(frozen=True)
class Combinations:
    """The runs of a grid: all of them, or those that `chosen` names in rising order.

    With a `search`, the grid's axis of draws stands for what they set.
    """

    grid: Grid
    base: Setting
    tags: tuple[str, ...]
    timeout: float | None = None
    chosen: Sequence[int] | None = None
    search: RandomSearch | None = None

    @property
    def size(self) -> int:
        """Return how many runs there are; may exceed what `len` can return."""
        return self.grid.size if self.chosen is None else len(self.chosen)

    @property
    def origin(self) -> str:
        """Return the field of a batch file that makes these runs."""
        return "grid" if self.search is None else "random"

    def draft(self, i: int) -> Draft:
        digits = self.grid.digits(i if self.chosen is None else self.chosen[i])
        arguments = dict(self.base.arguments)
        parameters = dict(self.base.parameters)
        for axis, digit in zip(self.grid.axes, digits, strict=True):
            if isinstance(axis, Axis):
                (arguments if axis.is_argument else parameters)[axis.key] = axis.values[digit]
            elif self.search is not None:
                drawn = self.search.setting(digit)
                arguments.update(drawn.arguments)
                parameters.update(drawn.parameters)
        own = Setting(arguments, parameters)
        return Draft(self.grid.run_id(digits), own, self.origin, self.tags, timeout=self.timeout)

    def combinations(self, places: Iterable[int]) -> list[int]:
        """Return the combinations that the runs at `places` among these are."""
        return list(places) if self.chosen is None else [self.chosen[i] for i in places]

    def holds(self, run_id: str) -> bool:
        """Return whether one of these runs is called `run_id`, in any case."""
        i = self.grid.find(run_id)
        if i is None:
            return self.grid.may_hold(run_id)
        if self.chosen is None:
            return True
        place = bisect_left(self.chosen, i)
        return place < len(self.chosen) and self.chosen[place] == i


@dataclass(frozen=True)
class Written:
    """The runs that a batch file writes out."""

    drafts: tuple[Draft, ...]

    @property
    def size(self) -> int:
        return len(self.drafts)

    def draft(self, i: int) -> Draft:
        return self.drafts[i]


@dataclass(frozen=True)
class Positions:
    """Where runs stand in their grid: `part` holds those from number `first` of the batch on; `axes` vary."""

    part: Combinations
    first: int
    axes: tuple[int, ...]

    def columns(self, numbers: Iterable[int]) -> list[list[int]]:
        """Return the positions of the runs with `numbers` on each of the axes, a column an axis."""
        combinations = self.part.combinations([number - self.first for number in numbers])
        return [self.part.grid.column(axis, combinations) for axis in self.axes]


@dataclass(frozen=True)
class Alike:
    """Runs of a grid that differ in nothing but the values of parameters.

    `axes` has these values, `columns` the places of each run's among them, a column an axis; `positions` finds those.
    `first` is the run with the first of `numbers`. All runs of a `family` are alike.
    """

    family: tuple[int, ...]
    numbers: Sequence[int]
    ids: Sequence[str]
    first: RunSpec
    axes: tuple[Axis, ...]
    columns: Sequence[Sequence[int]]
    positions: Positions


class Runs(Sequence[RunSpec]):
    """All runs of a batch in their order: written ones, those of the grid, random ones.

    A run is made anew whenever it is asked for; equal numbers give equal runs.
    """

    def __init__(
        self,
        parts: Sequence[Written | Combinations],
        seed: int | None,
        folder: str,
        holdout: Holdout | None = None,
    ) -> None:
        self._parts = tuple(parts)
        self._seed = seed
        self._folder = folder
        self._holdout = holdout

    @property
    def folder(self) -> str:
        """Return the folder that relative paths of the batch are below."""
        return self._folder

    @property
    def seed(self) -> int | None:
        """Return the seed of the batch."""
        return self._seed

    def __len__(self) -> int:
        return sum(part.size for part in self._parts)

    @overload
    def __getitem__(self, index: int) -> RunSpec: ...
    @overload
    def __getitem__(self, index: slice) -> list[RunSpec]: ...
    def __getitem__(self, index: int | slice) -> RunSpec | list[RunSpec]:
        if isinstance(index, slice):
            return [self._run(i) for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"run {index} of {len(self)}")
        return self._run(place)

    def __iter__(self) -> Iterator[RunSpec]:
        return (self._run(i) for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<{len(self):,} runs>"

    def together(self, numbers: Sequence[int]) -> Iterator[Alike | RunSpec]:
        """Yield the runs with `numbers` in that order: those of a grid that are alike together, others one by one."""
        ends = list(accumulate(part.size for part in self._parts))
        for first in range(0, len(numbers), _TOGETHER):
            for place, some in groupby(numbers[first : first + _TOGETHER], partial(bisect_right, ends)):
                part = self._parts[place]
                if isinstance(part, Combinations) and part.search is None:
                    yield from self._of_grid(place, part, ends[place] - part.size, list(some))
                else:
                    yield from map(self._run, some)

    def _of_grid(self, place: int, part: Combinations, first: int, numbers: list[int]) -> Iterator[Alike | RunSpec]:
        grid, axes = part.grid, [(i, axis) for i, axis in enumerate(part.grid.axes) if isinstance(axis, Axis)]
        varied = [(i, axis) for i, axis in axes if not axis.is_argument]
        positions = Positions(part, first, tuple(i for i, _ in varied))
        columns = Positions(part, first, tuple(i for i, _ in axes)).columns(numbers)
        ids = grid.run_ids(columns)
        arguments = list(zip(*(columns[i] for i, axis in axes if axis.is_argument), strict=True)) or [()] * len(numbers)
        begin = 0
        for family, some in groupby(arguments):
            end = begin + sum(1 for _ in some)
            if varied and end - begin >= _FEWEST:
                same, run = numbers[begin:end], self._run(numbers[begin])
                own = tuple(axis for _, axis in varied)
                places = [columns[i][begin:end] for i, _ in varied]
                yield Alike((place, *family), same, ids[begin:end], run, own, places, positions)
            else:
                yield from map(self._run, numbers[begin:end])
            begin = end

    def _run(self, index: int) -> RunSpec:
        i = index
        for part in self._parts:
            if i < part.size:
                return self._finished(index, part.draft(i))
            i -= part.size
        raise IndexError(index)

    def _finished(self, index: int, draft: Draft) -> RunSpec:
        arguments = {key: _own(value) for key, value in draft.setting.arguments.items() if value is not None}
        if self._holdout is not None:
            arguments = self._holdout.over(draft.id, arguments)
        parameters = {key: _own(value) for key, value in draft.setting.parameters.items()}
        return RunSpec(
            index=index,
            id=draft.id,
            arguments=arguments,
            parameters=parameters,
            tags=draft.tags,
            priority=draft.priority,
            timeout=draft.timeout,
            origin=draft.origin,
            params_hash=params_hash(arguments, parameters, self._seed, self._folder),
        )


def _own(value: Any) -> Any:
    """Return a copy of lists and mappings, so that no run can change another's."""
    match value:
        case list():
            return [_own(item) for item in value]
        case dict():
            return {key: _own(item) for key, item in value.items()}
    return value
