"""A batch of runs that cannot have skill: random entries over a user's data."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from dbatch.config.asked import Check
from dbatch.config.batch_file import BatchFile
from dbatch.config.sweep import sweep_batch


def strategy_path() -> Path:
    """Return the file of the strategy `random_entries` that ships with dbatch."""
    return Path(str(files("dbatch").joinpath("sample", "strategies", "random_entries.py")))


def random_entries(runs: int, base_args: Mapping[str, Any], *, check: Check | None = None) -> BatchFile:
    """Return a batch of so many runs of `random_entries`, each with other draws; `base_args` say over which data.

    Raises ConfigError.
    """
    arguments = {**base_args, "strategy_path": str(strategy_path())}
    fields = {
        "batch_name": "null_test",
        "description": "random entries, which cannot have skill",
        "base_args": arguments,
    }
    return sweep_batch("random_entries", [f"draw=1..{runs}:1"], fields=fields, check=check)
