"""What a user may set, and the form in which the compiled code gets it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

from annotated_types import Ge, Gt, Le, Lt

from dbatch.sim import SECOND
from dbatch.strategies import EventOrder
from dbatch_closing.tick_sizes import EXCHANGES, exchange_of
from dbatch_closing.trading_day import CALL_BEGINS

MOST_CURRENCY: Final = 1e15
MINUTE: Final = 60 * SECOND
MOST_MINUTES: Final = CALL_BEGINS // MINUTE

Period = Annotated[int, Ge(1), Le(MOST_MINUTES), "minutes", "length of the VWAP window, which ends at 14:45"]
Spread = Annotated[float, Ge(0), Lt(100), "per cent", "distance of the entry orders from the VWAP"]
Notional = Annotated[float, Gt(0), Le(MOST_CURRENCY), "currency", "value of an entry order at the VWAP"]
StopLoss = Annotated[float, Ge(0), "per cent", "loss against the entry price beyond which the position is closed"]
FillShare = Annotated[float, Ge(0), Le(100), "per cent", "most of the auction's volume that an entry order gets"]
SellFilter = Annotated[bool, "yes or no", "no sell order on a day whose prices rise faster than the threshold"]
BuyFilter = Annotated[bool, "yes or no", "no buy order on a day whose prices fall faster than the threshold"]
Slope = Annotated[float, "basis points an hour", "threshold of the filter"]
Exchange = Annotated[
    Literal["ADX", "DFM"] | None, "exchange", "whose tick sizes hold; none: DFM for EMAAR, DIB and DEWA, else ADX"
]
Order = Annotated[
    Literal["time", "published"], "order of events", "of equal times, as the source or as the published fills have them"
]


class Parameters(NamedTuple):
    """Parameters of one security."""

    vwap_preclose_period_min: Period = 15
    spread_vwap_pct: Spread = 0.5
    order_notional: Notional = 250_000.0
    stop_loss_threshold_pct: StopLoss = 2.0
    trend_filter_sell_enabled: SellFilter = True
    trend_filter_sell_threshold_bps_hr: Slope = 10.0
    trend_filter_buy_enabled: BuyFilter = False
    trend_filter_buy_threshold_bps_hr: Slope = 10.0
    auction_fill_pct: FillShare = 10.0
    exchange: Exchange = None
    event_order: Order = "time"

    def for_security(self, security: str) -> Parameters:
        """Return these parameters with the exchange on which `security` trades, unless one is set."""
        return self if self.exchange is not None else self._replace(exchange=exchange_of(security))


class Params(NamedTuple):
    """The parameters as scalars: `vwap_from` in nanoseconds since midnight, shares as fractions of 1."""

    vwap_from: int
    spread: float
    notional: float
    stop_loss_pct: float
    filters_sells: bool
    most_rise: float
    filters_buys: bool
    most_fall: float
    fill_share: float
    exchange: int


def bind(parameters: Parameters) -> Params:
    """Return `parameters` with units converted."""
    return Params(
        vwap_from=CALL_BEGINS - parameters.vwap_preclose_period_min * MINUTE,
        spread=parameters.spread_vwap_pct / 100,
        notional=float(parameters.order_notional),
        stop_loss_pct=float(parameters.stop_loss_threshold_pct),
        filters_sells=parameters.trend_filter_sell_enabled,
        most_rise=float(parameters.trend_filter_sell_threshold_bps_hr),
        filters_buys=parameters.trend_filter_buy_enabled,
        most_fall=float(parameters.trend_filter_buy_threshold_bps_hr),
        fill_share=parameters.auction_fill_pct / 100,
        exchange=EXCHANGES.index(parameters.exchange or "ADX"),
    )


def event_order(parameters: Parameters) -> EventOrder:
    """Return the engine's name for the order of events that `parameters` ask for."""
    return "unstable_time" if parameters.event_order == "published" else "time"
