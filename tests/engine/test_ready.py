"""What a process does before its first job."""

from __future__ import annotations

import gc

import pytest

from dbatch.engine.ready import modules_left_alone
from dbatch.model import RunContext, StrategyRef, Window


def context_of(*, compiled: bool) -> RunContext:
    strategy = StrategyRef("quoting", "create_quoting_handler", "quoting", None, "here", "hash")
    return RunContext(
        run_id="1", strategy=strategy, compiled=compiled, sections={}, window=Window(), chunk_rows=1, output_dir=""
    )


def test_modules_are_left_alone_until_the_block_ends_however_it_ends() -> None:
    frozen: list[int] = []

    def fail() -> None:
        with modules_left_alone([context_of(compiled=False)]):
            frozen.append(gc.get_freeze_count())
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()

    assert frozen[0] > 10_000
    assert gc.get_freeze_count() == 0


def test_a_compiled_strategy_needs_nothing_of_it() -> None:
    with modules_left_alone([context_of(compiled=True)]):
        assert gc.get_freeze_count() == 0
