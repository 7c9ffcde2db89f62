"""A batch in one line: `refill_interval_sec=10,30,60` and the like, without a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dbatch.config.asked import Check, asked
from dbatch.config.batch_fields import BatchFile, read_batch
from dbatch.config.faults import Faults, shown
from dbatch.config.overrides import parse_values
from dbatch.config.ranges import is_range, range_values

_DISTRIBUTION: Final = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_GRID_FORM: Final = "KEY=VALUE,VALUE or KEY=FIRST..LAST:STEP"
_RANDOM_FORM: Final = "KEY=uniform(LOW,HIGH), or int, log_uniform, normal or choice"


def sweep_batch(
    strategy: str | Sequence[str],
    grid: Sequence[str] = (),
    *,
    random: Sequence[str] = (),
    draws: int | None = None,
    sample: int | None = None,
    most: int | None = None,
    fields: Mapping[str, Any] | None = None,
    folder: str | Path = ".",
    check: Check | None = None,
    source: str = "sweep",
) -> BatchFile:
    """Return the batch of one strategy, or of each of several, over what texts say.

    A text of `grid` is `KEY=10,30,60` or `KEY=1000..5000:1000`; one of `random` is `KEY=uniform(0.5,3)`, of which
    `draws` are made. `sample` takes that many combinations of the grid. With `most`, the number of runs, `grid` may
    hold distributions too: then all is drawn, else combinations of the grid. `fields` are further fields of a file
    (`base_args`, `output_root`, `seed`, ...). Relative paths are below `folder`. `check` is as for `load_batch`.
    Raises one ConfigError, about `source`.
    """
    faults = Faults()
    written = dict(fields or {})
    several = [strategy] if isinstance(strategy, str) else list(strategy)
    drawn = [text for text in grid if _DISTRIBUTION.fullmatch(text.partition("=")[2])]
    if drawn and most is None:
        for text in drawn:
            faults.add((f"--grid {shown(text)}",), "--random N says how many draws there are")
    elif drawn:
        chosen = [_as_choice(text) for text in grid if text not in drawn]
        random, draws, grid = [*random, *drawn, *chosen], most, ()
    elif most is not None:
        sample = most
    axes = _entries("--grid", grid, _GRID_FORM, _grid_values, faults)
    distributions = _entries("--random", random, _RANDOM_FORM, _distribution, faults)
    mapping: dict[str, Any] = {
        "batch_name": "-".join([*(re.sub(r"[^A-Za-z0-9_]", "_", name) for name in several[:3]), "sweep"]),
        "description": f"{', '.join(several)} over {', '.join([*axes, *distributions])}",
        **written,
    }
    if len(several) == 1:
        mapping["base_args"] = {**(written.get("base_args") or {}), "strategy": several[0]}
    else:
        mapping["strategies"] = several
    if axes:
        mapping["grid"] = axes
    if distributions or draws is not None:
        mapping["random"] = {"n": draws, "parameters": distributions}
    if sample is not None:
        mapping["sample"] = {"n": sample}
    if not faults:
        batch = read_batch(mapping, Path(folder).absolute(), faults)
        if check is not None:
            check(asked(mapping, Path(folder).absolute()), faults)
    faults.raise_all(source)
    return batch


def _entries(
    option: str, texts: Sequence[str], form: str, read: Callable[[str], Any], faults: Faults
) -> dict[str, Any]:
    """Return what the texts of an option give, by key in their order."""
    entries: dict[str, Any] = {}
    for text in texts:
        key, equals, right = (part.strip() for part in text.partition("="))
        if not (key and equals and right):
            faults.add((f"{option} {shown(text)}",), f"must be {form}")
        elif key in entries:
            faults.add((f"{option} {shown(text)}",), f"{shown(key)} is given twice")
        else:
            try:
                entries[key] = read(right)
            except ValueError as error:
                faults.add((f"{option} {shown(text)}",), str(error))
    return entries


def _as_choice(text: str) -> str:
    """Return a text of a grid as one of random draws."""
    key, _, values = text.partition("=")
    return f"{key}=choice({values})"


def _grid_values(text: str) -> list[Any]:
    values: list[Any] = []
    for value in parse_values(text):
        values += range_values(value) if isinstance(value, str) and is_range(value) else [value]
    return values


def _distribution(text: str) -> dict[str, Any]:
    found = _DISTRIBUTION.fullmatch(text)
    if found is None:
        raise ValueError(f"must be {_RANDOM_FORM}")
    return {found[1]: _grid_values(found[2]) if found[1] == "choice" else parse_values(found[2])}
