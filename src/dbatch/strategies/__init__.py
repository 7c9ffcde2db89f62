"""What a strategy is: the kinds of handler, their parameters and the order book of the classic kind."""

from dbatch.strategies.bar import BarStrategy, CompiledStrategy, Indicator, LookAhead, SignalStrategy
from dbatch.strategies.event import EventOrder, EventStrategy
from dbatch.strategies.execution import ExecutionParameters, execution_of, with_execution
from dbatch.strategies.orderbook import OrderBook

__all__ = [
    "BarStrategy",
    "CompiledStrategy",
    "EventOrder",
    "EventStrategy",
    "ExecutionParameters",
    "Indicator",
    "LookAhead",
    "OrderBook",
    "SignalStrategy",
    "execution_of",
    "with_execution",
]
