"""Which column means what, and which rows are a security's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dbatch.errors import SchemaError
from dbatch.schema import EVENT_COLUMNS

_NAMES = {
    "timestamp": ("timestamp", "timestamps", "date", "dates", "time", "datetime"),
    "type": ("type",),
    "price": ("price",),
    "volume": ("volume", "vol", "size", "qty", "quantity"),
    "security": ("security", "ticker", "symbol"),
}
_SUFFIX = re.compile(r" [A-Z]{2} Equity$", re.IGNORECASE)
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names}


def columns_of(header: Sequence[object], where: str, *, of_securities: bool = False) -> dict[str, int]:
    """Return the position in `header` of each meaning that it names.

    Raises SchemaError, naming `where`, for a meaning with two columns, and where one of an event's four is
    absent, or the one `of_securities` that is asked for.
    """
    found: dict[str, int] = {}
    for position, cell in enumerate(header):
        meaning = _meaning(cell)
        if meaning is None:
            continue
        if meaning in found:
            raise SchemaError(f"{where}: columns {header[found[meaning]]!r} and {cell!r} both mean {meaning}")
        found[meaning] = position
    wanted = (*EVENT_COLUMNS, "security") if of_securities else EVENT_COLUMNS
    absent = [name for name in wanted if name not in found]
    if absent:
        raise SchemaError(f"{where}: no column for {', '.join(absent)}; there must be {', '.join(wanted)}")
    return found


def names_all_columns(row: Sequence[object]) -> bool:
    """Return whether the cells of `row` name timestamp, type, price and volume."""
    return {_meaning(cell) for cell in row}.issuperset(EVENT_COLUMNS)


def security_of(value: object) -> str:
    """Return the security that `value` of a column of securities names: its text, like a label; "" for spaces.

    >>> security_of(" adib"), security_of("vod LN Equity "), security_of(7203)
    ('ADIB', 'VOD', '7203')
    """
    label = str(value).strip()
    return (_SUFFIX.sub("", label) or label).upper()


def is_of(value: object, only: Sequence[str]) -> bool:
    """Return whether `value` names the same security as one of the values `only`."""
    return security_of(value) in {security_of(other) for other in only}


def _meaning(cell: object) -> str | None:
    return _MEANING.get(cell.strip().lower()) if isinstance(cell, str) else None
