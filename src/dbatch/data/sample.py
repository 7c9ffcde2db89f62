"""The small market that ships with dbatch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def sample_path() -> Path:
    """Return the folder of the sample's Parquet files: three invented securities, a few days of ticks."""
    return Path(str(files("dbatch").joinpath("sample", "ticks")))
