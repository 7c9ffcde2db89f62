"""What whoever watches a job is shown, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.engine import compiled
from dbatch.engine.fills import Fills
from dbatch.engine.job import Seen, run_job
from dbatch.engine.kernel import compile_kernel
from dbatch_market_making.v1_baseline import create_v1_baseline_handler

SECOND = 1_000_000_000
BUSY = {"refill_interval_sec": 0, "min_local_currency_before_quote": 0.0, "quote_size": 50}


def every_other_fills(rows: int) -> EventBlock:
    """Return bids of 100 at 10.00, each followed by a trade of 150 there: 50 of it are ours."""
    number = np.arange(rows)
    kinds = np.where(number % 2 == 0, 0, 2).astype(np.int8)
    times = 20_192 * 86_400 * SECOND + (36_000 + number) * SECOND
    return EventBlock(times, kinds, np.full(rows, 10.0), np.where(number % 2 == 0, 100, 150).astype(np.int64))


def watched(block: EventBlock, rows: int) -> list[tuple[int, Fills | None, list[list[Any]]]]:
    """Return block sizes, fills and a copy of the state, as they are shown when blocks of `rows` are delivered."""
    seen: list[tuple[int, Fills | None, list[list[Any]]]] = []

    def watch(what: Seen) -> None:
        seen.append((len(what.block), what.fills, [array.tolist() for array in what.state]))

    blocks = [block.rows(slice(first, first + rows)) for first in range(0, len(block), rows)]
    run_job(create_v1_baseline_handler({}), "AAA", BUSY, blocks, watch=watch)
    return seen


@pytest.mark.parametrize("room", [3, 5, 1 << 17])
@pytest.mark.parametrize("rows", [1, 4, 64])
def test_fills_are_shown_with_the_block_they_came_in(monkeypatch: pytest.MonkeyPatch, rows: int, room: int) -> None:
    monkeypatch.setattr(compiled, "FILL_ROOM", room)
    block = every_other_fills(64)

    seen = watched(block, rows)

    whole = run_job(create_v1_baseline_handler({}), "AAA", BUSY, [block]).fills
    shown = [fills for _, fills, _ in seen if fills is not None]
    joined = Fills(*(np.concatenate(columns) for columns in zip(*(fills.columns for fills in shown), strict=True)))
    assert joined.digest() == whole.digest()
    assert [len(fills) for fills in shown] == ([0, 1] * 32 if rows == 1 else [rows // 2] * (64 // rows))


def test_the_state_shown_is_that_after_the_block() -> None:
    leaves = compile_kernel(create_v1_baseline_handler({})).loop.leaves
    names = [leaf.name for leaf in leaves if leaf.kind is not float]
    shares = names.index("desk.position.shares")

    assert [ints[shares] for _, _, (ints, _) in watched(every_other_fills(6), 2)] == [50, 100, 150]


def test_leaves_are_the_scalars_of_the_state_in_the_order_of_its_fields() -> None:
    leaves = compile_kernel(create_v1_baseline_handler({})).loop.leaves

    assert [(leaf.name, leaf.kind) for leaf in leaves[:5]] == [
        ("desk.book.bid.price", float),
        ("desk.book.bid.quantity", int),
        ("desk.book.ask.price", float),
        ("desk.book.ask.quantity", int),
        ("desk.position.shares", int),
    ]
    assert ("desk.closed", bool) in [(leaf.name, leaf.kind) for leaf in leaves]
    assert leaves[-1].name == "ask.due"


def test_a_block_of_which_a_plain_handler_gets_nothing_is_shown_too() -> None:
    block = every_other_fills(4)
    block.prices[2:] = np.nan
    seen: list[tuple[int, int]] = []

    def handler(security: str, chunk: Any, book: Any, state: dict[str, Any]) -> dict[str, Any]:
        return {"calls": state.get("calls", 0) + 1}

    blocks = [block.rows(slice(0, 2)), block.rows(slice(2, 4))]
    run_job(handler, "AAA", {}, blocks, watch=lambda what: seen.append((len(what.block), what.state["calls"])))

    assert seen == [(2, 1), (2, 1)]
