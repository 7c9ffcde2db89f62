"""Batch files in words: a text becomes a file, a batch, or what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.config.batch_file import BatchFile, load_batch
from dbatch.errors import ConfigError

HEAD = "batch_name: b\ndescription: d\n"


@pytest.fixture
def batch(tmp_path: Path) -> Callable[..., BatchFile]:
    """Load a YAML text that follows a name and a description."""

    def load(text: str, *, head: str = HEAD, name: str = "b.yaml", changes: dict | None = None) -> BatchFile:
        (tmp_path / name).write_text(head + text, encoding="utf-8")
        return load_batch(tmp_path / name, changes=changes)

    return load


@pytest.fixture
def faults(batch: Callable[..., BatchFile], tmp_path: Path) -> Callable[..., list[str]]:
    """Return what is said about such a text, a line each, without the folder."""

    def load(text: str, **options: object) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            batch(text, **options)
        return [fault.replace(str(tmp_path), "FOLDER") for fault in caught.value.faults]

    return load
