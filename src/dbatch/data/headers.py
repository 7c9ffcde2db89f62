"""The names that columns of events go by in people's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dbatch.errors import SchemaError

SECURITY_NAMES: Final = frozenset({"security", "ticker", "symbol"})

_NAMES: Final = {
    "timestamp": ("timestamp", "date", "dates", "time", "datetime", "timestamps"),
    "type": ("type",),
    "price": ("price",),
    "volume": ("volume", "size", "vol", "qty", "quantity"),
}


def event_columns(found: Sequence[str], where: str) -> dict[str, str]:
    """Return {column as found: canonical name} for the four columns of events, in any case and order.

    Raises SchemaError, naming `where`, with what is missing and what is there.
    """
    chosen: dict[str, str] = {}
    missing = []
    lowered = {name.strip().lower(): name for name in reversed(found)}
    for canonical, accepted in _NAMES.items():
        name = next((lowered[word] for word in accepted if word in lowered), None)
        if name is None:
            missing.append(canonical)
        else:
            chosen[name] = canonical
    if missing:
        raise SchemaError(
            f"{where}: no column for {', '.join(missing)}; found {', '.join(map(repr, found)) or 'none'}, "
            "events need timestamp, type, price, volume"
        )
    return chosen
