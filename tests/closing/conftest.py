"""The closing strategy and its slow twin over the same events."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dbatch.data.blocks import EventBlock
from dbatch.engine.job import JobResult, run_job
from dbatch.strategies.parameters import validate
from dbatch_closing.closing_strategy import create_closing_strategy_handler


@pytest.fixture(scope="session")
def twin() -> ModuleType:
    """The twin's module, loaded from its file: with importlib's import mode it is no importable name."""
    path = Path(__file__).with_name("closing_twin.py")
    spec = importlib.util.spec_from_file_location("dbatch_closing_twin", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def closing() -> Callable[..., JobResult]:
    """Run the compiled strategy over blocks of events, parameters as keywords."""

    def run(*blocks: EventBlock, security: str = "ABC", **settings: Any) -> JobResult:
        handler = create_closing_strategy_handler({})
        section = validate(handler.parameters, {security: settings}, "test")[security]._asdict()
        return run_job(handler, security, section, blocks)

    return run
