"""What a strategy is: the two kinds of handler, their parameters and the order book of the classic kind."""

from dbatch.strategies.event import EventOrder, EventStrategy
from dbatch.strategies.orderbook import OrderBook

__all__ = ["EventOrder", "EventStrategy", "OrderBook"]
