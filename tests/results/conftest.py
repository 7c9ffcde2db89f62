"""What tests about a batch's derived files share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dbatch.results.consolidate import Consolidation, consolidate
from dbatch.results.ledger import open_ledger


@pytest.fixture(scope="session")
def consolidated() -> Callable[..., Consolidation]:
    """Consolidate the batch in a folder; options are those of `consolidate`."""

    def run(folder: Path, **options: bool) -> Consolidation:
        with open_ledger(folder) as ledger:
            return consolidate(folder, ledger, **options)

    return run


@pytest.fixture
def run(batches: ModuleType) -> Callable[..., Any]:
    """A run by its jobs; "AAA" is one success."""
    return lambda jobs=None, **more: batches.MadeRun({"AAA": "success"} if jobs is None else jobs, **more)
