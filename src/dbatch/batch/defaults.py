"""What is taken where nobody said so: the working folder's data and configurations, or the sample."""

from __future__ import annotations

from pathlib import Path

from dbatch.data.sample import sample_path


def default_config(strategy: str) -> str | None:
    """Return the configuration file that a strategy has in the working folder, None where it has none."""
    path = Path("configs", f"{strategy}_config.json")
    return str(path) if path.is_file() else None


def default_data() -> tuple[str, str | None]:
    """Return where the data is when nobody said so, and what the user should be told about it."""
    for folder in (Path("data", "parquet"), Path("data")):
        if folder.is_dir():
            return str(folder), None
    return str(sample_path()), "no --data given and no data/ folder here: running on the sample that ships with dbatch"
