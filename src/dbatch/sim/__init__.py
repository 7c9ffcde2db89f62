"""The building blocks of compiled strategies: what happens at one event, as values in and values out.

Everything here is a NamedTuple of scalars or a function compiled with `inline="always"`, so that a strategy
composed from them keeps its state in registers. It knows numpy and numba only.
"""

from dbatch.sim.bars import Account, Bar, BarOrder, go_protected, go_to, keep
from dbatch.sim.book import Book, Level, apply_event, empty_book, is_quoted, mid_price
from dbatch.sim.clock import DAY, SECOND, SessionWindows, phase_bounds, time_of_day
from dbatch.sim.events import ASK, BID, OTHER, TRADE, Event
from dbatch.sim.execution import Execution
from dbatch.sim.position import DatedFill, Fill, Position, execute, flat, no_fill
from dbatch.sim.queue import Order, match_trade, no_order

__all__ = [
    "ASK",
    "BID",
    "DAY",
    "OTHER",
    "SECOND",
    "TRADE",
    "Account",
    "Bar",
    "BarOrder",
    "Book",
    "DatedFill",
    "Event",
    "Execution",
    "Fill",
    "Level",
    "Order",
    "Position",
    "SessionWindows",
    "apply_event",
    "empty_book",
    "execute",
    "flat",
    "go_protected",
    "go_to",
    "is_quoted",
    "keep",
    "match_trade",
    "mid_price",
    "no_fill",
    "no_order",
    "phase_bounds",
    "time_of_day",
]
