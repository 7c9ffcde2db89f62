"""What tests of the contract share: strategies that break it, which forget what they saw."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # with importlib's import mode what lies here is no importable name

from faulty_handlers import NOW, SEEN_BEFORE


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    yield
    SEEN_BEFORE.clear()
    NOW.clear()
