"""One strategy for all systems of the pool: their signals are an indicator, entries and exits one compiled loop.

Long in at the ask and out at the bid, short mirrored, both half the spread from the close. In order: the stop, booked
at exactly so many pips; the target; the opposite signal. Who was taken out may enter on the same bar. One position at a
time; one that is open at the end is marked to the last close.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

from annotated_types import Ge, Gt, Le, Lt
from numba import njit

from dbatch import ConfigError
from dbatch.sim import Account, Bar, BarOrder, Execution, go_protected, keep
from dbatch.strategies import BarStrategy, Indicator
from dbatch_pool.signals import signals
from dbatch_pool.systems import EXITS, SYSTEMS, System, system_at

NARROWEST_STOP: Final = min(stop for stop, _ in EXITS)
_WHOLE: Final = 1e-9
"""How far from a whole number rounding may leave a number of units."""


class Parameters(NamedTuple):
    """What a user may set; the defaults are those of pairs that are quoted to the fourth decimal."""

    system: Annotated[int, Ge(0), Le(SYSTEMS - 1), "number", "of the pool, templates outermost"] = 0
    lot_size: Annotated[float, Gt(0), "lots", "size of a position"] = 0.1
    spread_pips: Annotated[float, Ge(0), Lt(NARROWEST_STOP), "pips", "between bid and ask, the close in the middle"] = (
        1.0
    )
    pip: Annotated[float, Gt(0), "currency", "one pip"] = 0.0001
    pip_value: Annotated[
        float, Gt(0), "currency", "what a pip is worth to one lot: a lot has pip_value / pip units"
    ] = 10.0
    commission_per_lot: Annotated[float, Ge(0), "currency", "for each lot of a fill"] = 0.05
    capital: Annotated[float, Gt(0), "currency", "what the account begins with"] = 10_000.0
    stops: Annotated[
        Literal["close", "range"], "prices", "stops look at closes and pay their price, or inside bars"
    ] = "close"

    @property
    def chosen(self) -> System:
        """Return the system."""
        return _system(self.system)

    @property
    def template(self) -> str:
        """Return the system's template."""
        return self.chosen.template

    @property
    def lookback(self) -> int:
        """Return how many bars the system looks back."""
        return self.chosen.lookback

    @property
    def threshold(self) -> float:
        """Return the system's threshold."""
        return self.chosen.threshold


_system = lru_cache(maxsize=SYSTEMS)(system_at)


class Params(NamedTuple):
    """Distances from the close at which a position was entered, in currency, to where it is stopped and taken."""

    stop: float
    target: float


class State(NamedTuple):
    """Nothing is remembered from bar to bar but the position, which is the account's."""

    nothing: int


class Values(NamedTuple):
    """What the system wants at one bar: 1.0 to buy, -1.0 to sell, 0.0 neither."""

    signal: float


def bind(parameters: Parameters) -> Params:
    """Return the scalars of the compiled code.

    Entry and exit pay half the spread each, so a stop is nearer to the close than its pips by the spread, a target
    farther.
    """
    system = parameters.chosen
    return Params(
        (system.stop_pips - parameters.spread_pips) * parameters.pip,
        (system.target_pips + parameters.spread_pips) * parameters.pip,
    )


def execution(parameters: Parameters) -> Execution:
    """Return the settings of the execution; raises ConfigError for lots that are no whole number of units."""
    return _execution(*parameters[1:])


@lru_cache(maxsize=256)
def _execution(
    lot_size: float,
    spread_pips: float,
    pip: float,
    pip_value: float,
    commission_per_lot: float,
    capital: float,
    stops: str,
) -> Execution:
    lot = pip_value / pip
    units = round(lot_size * lot)
    if units == 0 or abs(units - lot_size * lot) > _WHOLE * units:
        told = f"{lot_size} is {lot_size * lot:g} units where a lot has {lot:g}, must be a whole number of them above 0"
        raise ConfigError("lot_size", [told])
    return Execution(
        capital=capital,
        at_close=True,
        fraction=0.0,
        units=units,
        least_units=0,
        long=True,
        short=True,
        spread=spread_pips * pip,
        slippage=0.0,
        commission=0.0,
        per_unit=commission_per_lot / lot,
        least_fee=0.0,
        fee_cap=0.0,
        stop=0.0,
        profit=0.0,
        trail=0.0,
        profit_first=False,
        closes_alone=stops == "close",
    )


@njit(inline="always")
def start(params: Params) -> State:
    """Return the state before the first bar."""
    return State(0)


@njit(inline="always")
def on_bar(params: Params, state: State, bar: Bar, values: Values, account: Account) -> tuple[State, BarOrder]:
    """Return the order for the side that is wanted; nothing happens where that is held already."""
    if values.signal != 0.0:
        return state, go_protected(values.signal, params.stop, params.target, 0.0)
    return state, keep()


def create_pool_handler(config: Mapping[str, Mapping[str, object]]) -> BarStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return BarStrategy(
        parameters=Parameters,
        bind=bind,
        execution=execution,
        start=start,
        on_bar=on_bar,
        indicators=(Indicator(signals, ("template", "lookback", "threshold", "pip")),),
    )
