"""The fields of a batch file: what each must be, what they make together."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dbatch.config.common import Common, checked_name, duration
from dbatch.config.faults import Faults, shown
from dbatch.config.grid import Axis
from dbatch.config.holdout import holdout_at
from dbatch.config.identity import identity
from dbatch.config.name_lists import SECURITY_COLUMNS, names
from dbatch.config.nodes import Node
from dbatch.config.quantities import parse_size
from dbatch.config.random_draws import RandomSearch
from dbatch.config.run_hash import hash16
from dbatch.config.run_ids import MAX_LENGTH
from dbatch.config.runs import Combinations, Runs, Written
from dbatch.config.searches import Sample, axes_at, check_strategy, grid_runs, random_runs, sample_at, search_at
from dbatch.config.settings import Setting, check_order, setting
from dbatch.config.written_runs import written_runs

DEFAULT_OUTPUT_ROOT: Final = "output"
FIELDS: Final = (
    "batch_name",
    "description",
    "output_root",
    "run_tag",
    "seed",
    "max_workers",
    "fail_fast",
    "timeout",
    "memory_limit",
    "holdout",
    "base_args",
    "securities",
    "strategies",
    "grid",
    "sample",
    "random",
    "runs",
)
_OTHER_WORDS: Final = {
    "base_arguments": "base_args",
    "name": "batch_name",
    "output_dir": "output_root",
    "symbols": "securities",
    "workers": "max_workers",
}


@dataclass(frozen=True)
class BatchFile:
    """A batch as it was asked for, without faults.

    `output_root` is absolute. `seed` and `max_workers` are None when they are not given; `timeout`, in seconds, and
    `memory_limit`, in bytes, are limits of a run, None for no limit. `base_args` and `grid` are as written, without
    comments; `securities` and `strategies` are names. `document` is all that was written, with changes. `path` is
    None for a batch that no file holds.
    """

    batch_name: str
    description: str
    output_root: Path
    runs: Runs = field(compare=False)
    path: Path | None = None
    run_tag: str | None = None
    seed: int | None = None
    max_workers: int | None = None
    fail_fast: bool = False
    timeout: float | None = None
    memory_limit: int | None = None
    base_args: Mapping[str, Any] = field(default_factory=dict)
    securities: tuple[str, ...] | None = None
    strategies: tuple[str, ...] | None = None
    grid: Mapping[str, Any] = field(default_factory=dict)
    sample: Sample | None = None
    random: RandomSearch | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def config_hash(self) -> str:
        """Return 16 hex digits of a hash of all that decides which runs there are: see `dbatch.config.identity`."""
        return hash16(identity(self.document))


@dataclass(frozen=True)
class _Content:
    """The runs of a batch in their parts, and what they were made of."""

    parts: tuple[Written | Combinations, ...] = ()
    axes: tuple[Axis, ...] = ()
    sample: Sample | None = None
    search: RandomSearch | None = None


def read_batch(mapping: Mapping[str, Any], folder: Path, faults: Faults, path: Path | None = None) -> BatchFile:
    """Return the batch that `mapping` describes; it is of use only when `faults` stays empty.

    Relative paths are below `folder`, which is absolute.
    """
    top = Node(mapping, (), faults)
    top.known(FIELDS, _OTHER_WORDS)
    batch_name = _batch_name(top.child("batch_name"))
    description = _description(top.child("description"))
    output_root = _output_root(top.child("output_root"), folder)
    max_workers, fail_fast, memory_limit = (top.child(key) for key in ("max_workers", "fail_fast", "memory_limit"))
    common = _common(top, folder)
    content = _content(top, common)
    return BatchFile(
        batch_name,
        description,
        output_root,
        runs=Runs(content.parts, common.seed, str(folder), holdout_at(top.child("holdout"))),
        path=path,
        run_tag=common.run_tag,
        seed=common.seed,
        max_workers=max_workers.integer(least=1) if max_workers.given else None,
        fail_fast=bool(fail_fast.given and fail_fast.boolean()),
        memory_limit=_size(memory_limit) if memory_limit.given else None,
        timeout=common.timeout,
        base_args=_plain(top.child("base_args")),
        securities=common.base.arguments.get("securities"),
        strategies=next((axis.values for axis in content.axes if axis.place == ("strategies",)), None),
        grid=_plain(top.child("grid")),
        sample=content.sample,
        random=content.search,
        document=mapping,
    )


def _common(top: Node, folder: Path) -> Common:
    """Return what all runs share."""
    node, tag, seed, timeout = (top.child(key) for key in ("base_args", "run_tag", "seed", "timeout"))
    base = setting(node.entries("arguments and parameters"), folder) if node.given else Setting()
    if top.child("securities").given:
        if "securities" in base.arguments:
            node.child("securities").fault("is given at the top too")
        found = names(top.child("securities"), folder, SECURITY_COLUMNS)
        base = Setting({"securities": found}, {}).over(base)
    check_order(*([(base.arguments.get(key), node.child(key))] for key in ("start_date", "end_date")))
    return Common(
        base,
        node,
        folder,
        run_tag=checked_name(tag) if tag.given else None,
        seed=seed.integer(least=0) if seed.given else None,
        timeout=duration(timeout) if timeout.given else None,
    )


def _content(top: Node, common: Common) -> _Content:
    """Return the runs: written ones first, then the grid's, then random ones."""
    random, sample, runs = top.child("random"), top.child("sample"), top.child("runs")
    if not any(top.child(key).given for key in ("runs", "grid", "random", "strategies")):
        top.fault("names no runs, must have at least one of grid, random, strategies and runs")
        return _Content()
    check_strategy(top, common)
    before = len(top.faults)
    axes = axes_at(top, common)
    complete = len(top.faults) == before
    search = search_at(random, common) if random.given else None
    chosen = sample_at(sample, common) if sample.given else None
    searched = []
    if axes and (top.child("grid").given or not random.given):
        searched.append(grid_runs(axes, chosen if complete else None, top, common))
    elif sample.given and not (top.child("grid").given or top.child("strategies").given):
        sample.fault("chooses from a grid, but there is none")
    if search is not None:
        searched.append(random_runs(axes, search, top, common))
    written = [written_runs(runs, common, searched if complete else ())] if runs.given else []
    if sum(part.size for part in searched) >= sys.maxsize:
        top.fault("has more runs than can be counted; 'sample: {n: 500}' takes some of a grid's")
        return _Content()
    return _Content((*written, *searched), axes, chosen, search)


def _batch_name(node: Node) -> str:
    if not node.given:
        node.fault("is required")
        return ""
    name = checked_name(node) or ""
    if len(name) > MAX_LENGTH:
        node.fault(f"has {len(name)} characters, must have at most {MAX_LENGTH}")
    return name


def _description(node: Node) -> str:
    if not node.given:
        node.fault("is required: a line on what the batch is for")
        return ""
    return node.text() or ""


def _output_root(node: Node, folder: Path) -> Path:
    text = node.text() if node.given else DEFAULT_OUTPUT_ROOT
    if text is not None and ("://" in text or "\0" in text):
        node.fault(f"must be a local folder, is {shown(text)}")
        return folder
    root = Path(os.path.normpath(folder / (text or DEFAULT_OUTPUT_ROOT)))
    if os.path.isfile(root):
        node.fault(f"must be a folder, {shown(text)} is a file")
    return root


def _size(node: Node) -> int | None:
    try:
        return parse_size(node.value)
    except ValueError as error:
        node.fault(f"{error}, is {shown(node.value)}")
        return None


def _plain(node: Node) -> dict[str, Any]:
    """Return a mapping without its comments."""
    entries = node.value.items() if isinstance(node.value, dict) else ()
    return {key: value for key, value in entries if not key.startswith("_")}
