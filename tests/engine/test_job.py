"""Plain Python handlers: what the engine gives them, what they owe it, and the order book they get."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.data.blocks import NOT_A_TIME, EventBlock, within
from dbatch.engine.fills import fills_of_trades
from dbatch.engine.job import JobResult, run_job
from dbatch.errors import HandlerError
from dbatch.model import Window
from dbatch.strategies import OrderBook

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MONDAY = 20_192  # 2025-04-14, as days since 1970
BID, ASK, TRADE, OTHER = 0, 1, 2, 3
NAN = float("nan")


def block_of(*rows: tuple[int, int, float, int]) -> EventBlock:
    """Return rows of (timestamp, kind, price, volume) as a block."""
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    dtypes = (np.int64, np.int8, np.float64, np.int64)
    return EventBlock(*(np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)))


def at(day: int, seconds: int = 36_000) -> int:
    """Return a time `seconds` after the midnight of the day-th day from Monday on."""
    return (MONDAY + day) * DAY + seconds * SECOND


QUOTE = (at(0), BID, 10.0, 500)
ONE = block_of(QUOTE)


class Recorder:
    """A handler that keeps what it was given and returns a state with `trades`."""

    def __init__(self, trades: object = ()) -> None:
        self.securities: list[str] = []
        self.chunks: list[pd.DataFrame] = []
        self.books: list[OrderBook] = []
        self.states: list[dict[str, Any]] = []
        self.trades = trades

    def __call__(self, security: str, chunk: pd.DataFrame, book: OrderBook, state: dict[str, Any]) -> dict[str, Any]:
        self.securities.append(security)
        self.chunks.append(chunk)
        self.books.append(book)
        self.states.append(dict(state))
        return {"trades": self.trades, "calls": len(self.chunks)}


def run(handler: object, blocks: Iterable[EventBlock] = (ONE,)) -> JobResult:
    return run_job(handler, "ADIB", {}, blocks)


def trade_of(**changes: object) -> dict[str, object]:
    trade = {
        "timestamp": pd.Timestamp(2025, 4, 14, 10, 0, 1),
        "side": "buy",
        "fill_price": 10.5,
        "fill_qty": 100,
        "realized_pnl": 0.0,
        "position": 100,
        "pnl": 0.0,
    }
    return {**trade, **changes}


# What a handler gets.


def test_a_handler_gets_the_security_and_an_empty_state_and_then_its_own() -> None:
    handler = Recorder()
    run(handler, [ONE, ONE, ONE])
    assert handler.securities == ["ADIB"] * 3
    assert handler.states == [{}, {"trades": (), "calls": 1}, {"trades": (), "calls": 2}]


def test_a_chunk_has_the_event_columns_in_order_with_lower_case_types_and_plain_row_numbers() -> None:
    handler = Recorder()
    run(handler, [block_of(QUOTE, (at(0, 36_001), ASK, 10.5, 0), (at(0, 36_000), TRADE, 10.5, 7))])
    expected = pd.DataFrame(
        {
            "timestamp": np.array(
                ["2025-04-14T10:00:00", "2025-04-14T10:00:01", "2025-04-14T10:00:00"], "datetime64[ns]"
            ),
            "type": np.array(["bid", "ask", "trade"], dtype=object),
            "price": [10.0, 10.5, 10.5],
            "volume": np.array([500, 0, 7], np.int64),
        }
    ).astype({"type": object})
    pd.testing.assert_frame_equal(handler.chunks[0], expected, check_exact=True)
    assert isinstance(handler.chunks[0].index, pd.RangeIndex)


def test_a_missing_or_unknown_type_is_none() -> None:
    handler = Recorder()
    run(handler, [block_of((at(0), OTHER, 10.0, 1))])
    assert handler.chunks[0]["type"].tolist() == [None]


def test_rows_without_time_or_a_price_above_zero_are_left_out_and_counted() -> None:
    handler = Recorder()
    block = block_of(
        (NOT_A_TIME, BID, 10.0, 1),
        (at(0), BID, NAN, 2),
        (at(0), BID, 0.0, 3),
        (at(0), BID, -1.0, 4),
        (at(0), BID, 0.001, 5),
        (at(0), BID, 10.0, 0),
    )
    result = run(handler, [block])
    assert handler.chunks[0]["volume"].tolist() == [5, 0]
    assert handler.chunks[0].index.tolist() == [0, 1]
    assert (result.rows, result.rows_skipped) == (6, 4)


def test_a_chunk_with_no_rows_left_is_not_delivered() -> None:
    handler = Recorder()
    result = run(handler, [block_of(), block_of((at(0), BID, NAN, 1)), ONE, block_of()])
    assert [len(chunk) for chunk in handler.chunks] == [1]
    assert (result.rows, result.rows_skipped) == (2, 1)


def test_no_events_are_no_result() -> None:
    handler = Recorder()
    result = run(handler, [])
    assert (handler.chunks, len(result.fills), result.position, result.rows) == ([], 0, 0, 0)


def test_a_handler_that_writes_to_its_chunk_leaves_the_events_alone() -> None:
    block = block_of(QUOTE)

    def spoil(security: str, chunk: pd.DataFrame, book: OrderBook, state: dict[str, Any]) -> dict[str, Any]:
        chunk["price"] = 0.0
        chunk.loc[0, "volume"] = -1
        return state

    run(spoil, [block])
    assert (block.prices.tolist(), block.volumes.tolist()) == ([10.0], [500])


def test_a_job_has_one_order_book_and_every_job_its_own() -> None:
    first, second = Recorder(), Recorder()
    run(first, [ONE, ONE])
    run(second, [ONE])
    assert first.books[0] is first.books[1]
    assert second.books[0] is not first.books[0]
    assert (second.books[0].bids, second.books[0].asks, second.books[0].last_trade) == ({}, {}, None)


def test_market_dates_are_the_days_with_a_priced_trade() -> None:
    block = block_of(
        (at(0), TRADE, 10.0, 1),
        (at(0, 40_000), TRADE, 10.0, 1),
        (at(1), BID, 10.0, 1),
        (at(2), TRADE, NAN, 1),
        (at(-30_000), TRADE, 10.0, 1),  # before 1970
    )
    assert run(Recorder(), [block, block]).market_dates == 2


# What a handler owes.


def test_its_trades_become_fills() -> None:
    trades = [trade_of(), trade_of(side="SELL", fill_qty=40.0, realized_pnl=2.5, position=60, pnl=2.5)]
    result = run(Recorder(trades))
    assert result.fills.quantities.tolist() == [100, -40]
    assert result.fills.timestamps.tolist() == [at(0, 36_001)] * 2
    assert (result.position, result.realized_pnl) == (60, 2.5)


def test_without_trades_its_position_counts() -> None:
    result = run(lambda security, chunk, book, state: {"position": 70})
    assert (len(result.fills), result.position, result.realized_pnl) == (0, 70, 0.0)


@pytest.mark.parametrize(("returned", "named"), [(None, "NoneType"), ([], "list")])
def test_a_handler_that_returns_no_state_is_refused(returned: object, named: str) -> None:
    with pytest.raises(HandlerError, match=f"the handler returned {named}, must return the state"):
        run(lambda security, chunk, book, state: returned)


def test_a_factory_that_returned_no_handler_is_refused() -> None:
    with pytest.raises(HandlerError, match="the factory returned dict, must be a handler"):
        run({})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({key: value for key, value in trade_of().items() if key != "fill_price"}, "no 'fill_price'"),
        ({key: value for key, value in trade_of().items() if key != "timestamp"}, "no 'timestamp'"),
        (trade_of(side="hold"), "side is 'hold', must be buy or sell"),
        (trade_of(fill_qty=1.5), "fill_qty is 1.5, must be a whole number of shares"),
        (trade_of(position=0.25), "position is 0.25, must be a whole number of shares"),
        (trade_of(fill_qty=NAN), ""),
        (trade_of(fill_qty=float("inf")), ""),
        (trade_of(fill_price=None), ""),
        (trade_of(timestamp="at noon"), ""),
        (("buy", 10.0, 5), ""),
    ],
)
def test_a_trade_that_is_none_is_refused_by_its_number(wrong: object, said: str) -> None:
    with pytest.raises(HandlerError) as caught:
        run(Recorder([trade_of(), wrong, trade_of()]))
    assert str(caught.value).startswith("state['trades'][1]: ")
    assert said in str(caught.value)


def test_trades_that_are_no_list_are_refused() -> None:
    with pytest.raises(HandlerError, match=r"state\['trades'\] is DataFrame, must be a list of dicts"):
        run(Recorder(pd.DataFrame([trade_of()])))


def test_what_a_handler_raises_comes_out_as_it_is() -> None:
    def broken(*arguments: object) -> dict[str, Any]:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        run(broken)


@pytest.mark.parametrize("delivered", [0, 1, 2])
def test_a_stop_from_outside_ends_the_job_between_chunks(delivered: int) -> None:
    handler = Recorder()
    with pytest.raises(InterruptedError):
        run_job(handler, "ADIB", {}, [ONE, ONE, ONE], stop=lambda: len(handler.chunks) == delivered)
    assert len(handler.chunks) == delivered


# Which events it gets.

DAYS = (
    block_of((at(0), BID, 10.0, 1), (at(0), TRADE, 10.0, 2), (NOT_A_TIME, TRADE, 10.0, 3)),
    block_of((at(1, 0), ASK, 10.0, 4), (at(1, 86_399), TRADE, 10.0, 5), (at(2, 0), TRADE, 10.0, 6)),
)


@pytest.mark.parametrize(
    ("window", "volumes"),
    [
        (Window(), [1, 2, 4, 5, 6]),
        (Window(only_trades=True), [2, 5, 6]),
        (Window(start_day=MONDAY + 1), [4, 5, 6]),
        (Window(end_day=MONDAY + 1), [1, 2, 4, 5]),
        (Window(start_day=MONDAY + 1, end_day=MONDAY + 1), [4, 5]),
        (Window(start_day=MONDAY + 1, end_day=MONDAY + 1, only_trades=True), [5]),
        (Window(start_day=MONDAY + 3), []),
    ],
)
def test_a_window_of_dates_and_types_cuts_what_is_delivered(window: Window, volumes: list[int]) -> None:
    handler = Recorder()
    run(handler, within(DAYS, window))
    assert [volume for chunk in handler.chunks for volume in chunk["volume"]] == volumes


def test_rows_outside_the_window_do_not_count_as_rows() -> None:
    result = run(Recorder(), within(DAYS, Window(only_trades=True, end_day=MONDAY + 1)))
    assert (result.rows, result.rows_skipped, result.market_dates) == (2, 0, 2)


# The order book.


def update(kind: str, price: float | None, volume: int | None) -> dict[str, object]:
    return {"type": kind, "price": price, "volume": volume, "timestamp": pd.Timestamp(2025, 4, 14)}


@pytest.mark.parametrize(
    ("kind", "side", "best"),
    [("bid", "bids", OrderBook.get_best_bid), ("ask", "asks", OrderBook.get_best_ask)],
)
def test_a_book_keeps_one_level_a_side(
    kind: str, side: str, best: Callable[[OrderBook], tuple[float, float] | None]
) -> None:
    book = OrderBook()
    assert best(book) is None
    book.apply_update(update(kind, 10.0, 500))
    book.apply_update(update(kind, 9.0, 300))
    book.apply_update(update(kind, 9.5, 400))
    assert getattr(book, side) == {9.5: 400}
    assert best(book) == (9.5, 400)


@pytest.mark.parametrize("volume", [0, None, NAN])
@pytest.mark.parametrize(("kind", "empty", "other"), [("bid", "bids", "asks"), ("ask", "asks", "bids")])
def test_a_quote_of_no_volume_empties_its_side_alone(kind: str, empty: str, other: str, volume: int | None) -> None:
    book = OrderBook()
    book.set_bid(10.0, 500)
    book.set_ask(10.5, 500)
    book.apply_update(update(kind, 10.2, volume))
    assert getattr(book, empty) == {}
    assert len(getattr(book, other)) == 1


def test_a_trade_is_remembered_and_changes_no_side() -> None:
    book = OrderBook()
    book.set_bid(10.0, 500)
    book.apply_update(update("trade", 10.0, 500))
    assert book.bids == {10.0: 500}
    assert book.last_trade == {"price": 10.0, "volume": 500, "timestamp": pd.Timestamp(2025, 4, 14)}


def test_an_unknown_type_changes_nothing() -> None:
    book = OrderBook()
    book.apply_update({"type": None, "price": 10.0, "volume": 5})
    assert (book.bids, book.asks, book.last_trade) == ({}, {}, None)


@pytest.mark.parametrize(
    "given",
    [
        "2025-04-14T10:18:47",
        "2025-04-14 10:18:47.000",
        "2025-04-14T10:18:47+04:00",
        "2025-04-14T10:18:47Z",
        np.datetime64("2025-04-14T10:18:47"),
        pd.Timestamp("2025-04-14T10:18:47", tz="Asia/Dubai"),
        pd.Timestamp("2025-04-14T10:18:47").to_pydatetime(),
    ],
)
def test_a_trades_time_keeps_its_clock_reading(given: object) -> None:
    fills = fills_of_trades([trade(timestamp=given)])

    assert fills.timestamps.tolist() == [pd.Timestamp("2025-04-14T10:18:47").value]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"timestamp": None}, "timestamp is None"),
        ({"timestamp": 1.5}, "timestamp is 1.5"),
        ({"timestamp": pd.NaT}, "timestamp is NaT"),
        ({"timestamp": "noon"}, ""),
        ({"fill_qty": -5}, "fill_qty is -5, must be above 0"),
        ({"fill_qty": 0}, "fill_qty is 0, must be above 0"),
        ({"fill_qty": 2**63}, "fill_qty"),
        ({"fill_price": float("nan")}, "fill_price is nan, must be a finite number"),
        ({"pnl": float("inf")}, "pnl is inf, must be a finite number"),
    ],
)
def test_a_trade_that_means_nothing_is_refused_by_number_and_key(change: dict[str, object], said: str) -> None:
    with pytest.raises(HandlerError, match=r"state\['trades'\]\[1\]: ") as caught:
        fills_of_trades([trade(), trade(**change)])
    assert said in str(caught.value)


def test_trades_may_be_any_sequence_of_dicts() -> None:
    from collections import deque

    assert len(fills_of_trades(deque([trade(), trade()]))) == 2


def trade(**changes: object) -> dict[str, object]:
    usual = {"timestamp": pd.Timestamp("2025-04-14"), "side": "buy", "fill_price": 1.0, "fill_qty": 1}
    return {**usual, "realized_pnl": 0.0, "position": 1, "pnl": 0.0, **changes}


def test_a_trades_time_keeps_its_nanoseconds_whoever_made_it() -> None:
    moment = "2025-04-14 10:00:00.123456789"
    times = (moment, np.datetime64(moment), pd.Timestamp(moment))

    fills = fills_of_trades([trade(timestamp=time) for time in times])

    assert fills.timestamps.tolist() == [np.datetime64(moment, "ns").astype("int64")] * 3


@pytest.mark.parametrize("year", [1500, 3000])
@pytest.mark.parametrize("kind", [str, np.datetime64, pd.Timestamp, pd.Timestamp.fromisoformat])
def test_a_time_that_nanoseconds_cannot_hold_is_refused_whoever_made_it(kind: Any, year: int) -> None:
    with pytest.raises(HandlerError, match="must be a time between the years 1678 and 2261"):
        fills_of_trades([trade(timestamp=kind(f"{year}-01-01T10:00:00"))])
