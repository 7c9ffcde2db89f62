"""A strategy's state as one row of named scalars, whichever kind of strategy it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sized
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import numpy as np

from dbatch.engine.job import Seen
from dbatch.engine.loop import Leaf
from dbatch.strategies import OrderBook

Scalar = bool | int | float | str | np.datetime64 | None
Read = Callable[[Seen], dict[str, Scalar]]

MAX_DEPTH: Final = 4
MAX_ITEMS: Final = 64
MAX_TEXT: Final = 200


def compiled_reader(leaves: tuple[Leaf, ...]) -> Read:
    """Return what reads a compiled strategy's state: its scalars by their dotted names, as they are declared."""

    def read(seen: Seen) -> dict[str, Scalar]:
        ints, floats = (iter(array.tolist()) for array in seen.state)
        row: dict[str, Scalar] = {}
        for leaf in leaves:
            value = next(floats if leaf.kind is float else ints)
            row[leaf.name] = bool(value) if leaf.kind is bool else value
        return row

    return read


def read_plain(seen: Seen) -> dict[str, Scalar]:
    """Return the best of the orderbook that a plain handler keeps, and the scalars of its state.

    Mappings and attributes of objects have dotted names, `MAX_DEPTH` deep; of everything that has a length, and of
    mappings with more than `MAX_ITEMS` keys, there is the length alone, as `<name>.len`.
    """
    row = _best_of(seen.orderbook) if seen.orderbook is not None else {}
    for name, value in _visit("", seen.state, ()):
        row[f"state.{name}" if name in row else name] = value
    return row


def _best_of(book: OrderBook) -> dict[str, Scalar]:
    row: dict[str, Scalar] = {}
    for side, best in (("bid", book.get_best_bid()), ("ask", book.get_best_ask())):
        price, volume = best if best is not None else (None, None)
        row[f"orderbook.{side}.price"] = _scalar(price)[1]
        row[f"orderbook.{side}.volume"] = _scalar(volume)[1]
    return row


def _visit(name: str, value: Any, inside: tuple[int, ...]) -> Iterator[tuple[str, Scalar]]:
    """Yield the scalars of `value` under `name`; `inside` are the ids of what it lies in."""
    is_scalar, scalar = _scalar(value)
    if is_scalar:
        yield name, scalar
        return
    fields = _fields(value)
    if fields is None or id(value) in inside or len(inside) > MAX_DEPTH or len(fields) > MAX_ITEMS:
        if isinstance(value, Sized) and not isinstance(value, type):
            yield f"{name}.len", len(value)
        return
    for key, inner in fields.items():
        yield from _visit(f"{name}.{key}" if name else str(key), inner, (*inside, id(value)))


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """Return what `value` is made of by name, or None for what is not looked into."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, Sized | type) or callable(value):
        return None
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ()) if hasattr(value, name)]
    return {**{name: getattr(value, name) for name in slots}, **getattr(value, "__dict__", {})}


def _scalar(value: Any) -> tuple[bool, Scalar]:
    """Return whether `value` is a scalar, and which: numpy's as Python's, times as datetime64[ns], dates as text."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if value is None or isinstance(value, bool | float):
        return True, value
    if isinstance(value, Enum):
        return True, value.name
    if isinstance(value, int):
        return True, int(value) if abs(value) < 2**63 else str(value)
    if isinstance(value, str):
        return True, value if len(value) <= MAX_TEXT else f"{value[: MAX_TEXT - 1]}…"
    if isinstance(value, Decimal):
        return True, float(value)
    if isinstance(value, dt.datetime | np.datetime64):
        return True, _time(value)
    if isinstance(value, dt.date | dt.time | dt.timedelta | np.timedelta64):
        return True, str(value)
    return False, None


def _time(value: dt.datetime | np.datetime64) -> Scalar:
    """Return a time as datetime64[ns]; one with a zone keeps its clock reading, one beyond those years is text."""
    if isinstance(value, dt.datetime):
        if value != value:  # pandas' NaT
            return None
        if not 1678 <= value.year <= 2261:
            return str(value)
        value = value.replace(tzinfo=None)
        exact: Any = getattr(value, "to_datetime64", None)  # pandas' times have nanoseconds
        return np.datetime64(exact() if exact else value, "ns")
    year = value.astype("datetime64[Y]").astype(np.int64) + 1970
    if np.isnat(value):
        return None
    return value.astype("datetime64[ns]") if 1678 <= year <= 2261 else str(value)
