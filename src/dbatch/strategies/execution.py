"""The parameters that every strategy over bars may have: size, fills, costs and what protects a position."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

from annotated_types import Ge, Gt, Le

from dbatch.sim.execution import Execution


class ExecutionParameters(NamedTuple):
    """How orders are executed, as users set it; `sim.execution` has the rules."""

    capital: Annotated[float, Gt(0), "currency", "what the account begins with"] = 100_000.0
    fill_at: Annotated[Literal["open", "close"], "price", "orders fill at the next bar's open or at this close"] = (
        "open"
    )
    fraction: Annotated[float, Ge(0), "share of equity", "size of a position where units is 0"] = 0.95
    units: Annotated[int, Ge(0), "units", "size of a position; 0: by fraction"] = 0
    direction: Annotated[Literal["both", "long", "short"], "sides", "which positions are allowed"] = "both"
    spread: Annotated[float, Ge(0), "currency", "between bid and ask; each fill pays half"] = 0.0
    slippage_bps: Annotated[float, Ge(0), "0.01 %", "of the price, on market orders and stops"] = 0.0
    commission_bps: Annotated[float, Ge(0), "0.01 %", "of a fill's value"] = 0.0
    commission_per_unit: Annotated[float, Ge(0), "currency", "for each unit of a fill"] = 0.0
    commission_min: Annotated[float, Ge(0), "currency", "least commission per unit of a fill as a whole"] = 0.0
    commission_max_pct: Annotated[float, Ge(0), "%", "of a fill's value, most commission per unit; 0: no cap"] = 0.0
    stop_loss_pct: Annotated[float, Ge(0), Le(100), "%", "of the entry price; 0: no stop"] = 0.0
    take_profit_pct: Annotated[float, Ge(0), "%", "of the entry price; 0: none"] = 0.0
    trailing_stop_pct: Annotated[float, Ge(0), Le(100), "%", "of the entry price, as a fixed distance; 0: none"] = 0.0
    both_touched: Annotated[Literal["stop", "profit"], "which", "taken when one bar touches stop and profit"] = "stop"


def with_execution(own: Any, **defaults: Any) -> Any:
    """Return a NamedTuple class with the fields of `own`, then those of `ExecutionParameters`.

    `defaults` replace those of the execution. All fields of `own` must have a default.

    >>> class Parameters(NamedTuple):
    ...     window: Annotated[int, Ge(1), "bars", "of the mean"] = 20
    >>> with_execution(Parameters, fill_at="close")(window=5)[:3]
    (5, 100000.0, 'close')
    """
    fields = get_type_hints(own, include_extras=True) | get_type_hints(ExecutionParameters, include_extras=True)
    values = own._field_defaults | ExecutionParameters._field_defaults | defaults
    made = NamedTuple(own.__name__, list(fields.items()))  # type: ignore[misc]  # fields are not known before
    made.__new__.__defaults__ = tuple(values[name] for name in fields)
    made._field_defaults = {name: values[name] for name in fields}
    made.__module__, made.__qualname__, made.__doc__ = own.__module__, own.__qualname__, own.__doc__
    return made


def execution_of(parameters: Any) -> Execution:
    """Return the settings of the execution, from an instance of a class that `with_execution` made.

    Sets of parameters that differ in their own fields alone get the same object.
    """
    return _execution(*_settings(parameters))


_settings = attrgetter(*ExecutionParameters._fields)


@lru_cache(maxsize=4096)
def _execution(*values: Any) -> Execution:
    parameters = ExecutionParameters(*values)
    return Execution(
        capital=parameters.capital,
        at_close=parameters.fill_at == "close",
        fraction=0.0 if parameters.units else parameters.fraction,
        units=parameters.units,
        least_units=0,
        long=parameters.direction != "short",
        short=parameters.direction != "long",
        spread=parameters.spread,
        slippage=parameters.slippage_bps / 10_000.0,
        commission=parameters.commission_bps / 10_000.0,
        per_unit=parameters.commission_per_unit,
        least_fee=parameters.commission_min,
        fee_cap=parameters.commission_max_pct / 100.0,
        stop=parameters.stop_loss_pct / 100.0,
        profit=parameters.take_profit_pct / 100.0,
        trail=parameters.trailing_stop_pct / 100.0,
        profit_first=parameters.both_touched == "profit",
    )
