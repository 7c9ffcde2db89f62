"""What a user may set, and the form in which the compiled code gets it."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from annotated_types import Ge, Gt, Le

NO_LIMIT: Final = float("inf")
MOST_SHARES: Final = 10**15
CENTURY: Final = 100 * 366 * 86_400

QuoteSize = Annotated[int, Ge(0), Le(MOST_SHARES), "shares", "size of a quote on either side"]
BidSize = Annotated[int | None, Ge(0), Le(MOST_SHARES), "shares", "size of a bid, in place of quote_size"]
AskSize = Annotated[int | None, Ge(0), Le(MOST_SHARES), "shares", "size of an ask, in place of quote_size"]
Refill = Annotated[float, Ge(0), Le(CENTURY), "seconds", "wait before a side is quoted in full again"]
MaxPosition = Annotated[int, Ge(0), Le(MOST_SHARES), "shares", "largest position, long or short"]
MaxNotional = Annotated[float | None, Gt(0), "currency", "largest position by value (v1_baseline only)"]
Threshold = Annotated[float, Ge(0), "currency", "displayed value a level must have before we join it"]
StopLoss = Annotated[float, Ge(0), "per cent", "loss of the cost basis that stops us out"]


class Parameters(NamedTuple):
    """Parameters of one security."""

    quote_size: QuoteSize = 50_000
    quote_size_bid: BidSize = None
    quote_size_ask: AskSize = None
    refill_interval_sec: Refill = 60
    max_position: MaxPosition = 2_000_000
    max_notional: MaxNotional = None
    min_local_currency_before_quote: Threshold = 25_000


class StopLossParameters(NamedTuple):
    """Parameters of one security, with a stop."""

    quote_size: QuoteSize = 50_000
    quote_size_bid: BidSize = None
    quote_size_ask: AskSize = None
    refill_interval_sec: Refill = 60
    max_position: MaxPosition = 2_000_000
    max_notional: MaxNotional = None
    min_local_currency_before_quote: Threshold = 25_000
    stop_loss_threshold_pct: StopLoss = 2.0


class Limits(NamedTuple):
    """The parameters as scalars: sizes and positions in shares, `refill` in nanoseconds, values in currency."""

    bid_size: int
    ask_size: int
    refill: int
    max_position: int
    max_notional: float
    threshold: float


def limits(parameters: Parameters | StopLossParameters) -> Limits:
    """Return `parameters` with defaults resolved and units converted; no notional limit is infinity."""
    size = parameters.quote_size
    return Limits(
        bid_size=size if parameters.quote_size_bid is None else parameters.quote_size_bid,
        ask_size=size if parameters.quote_size_ask is None else parameters.quote_size_ask,
        refill=round(parameters.refill_interval_sec * 1e9),
        max_position=parameters.max_position,
        max_notional=NO_LIMIT if parameters.max_notional is None else float(parameters.max_notional),
        threshold=float(parameters.min_local_currency_before_quote),
    )
