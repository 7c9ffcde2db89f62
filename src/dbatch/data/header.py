"""Which columns of a header row are those of events, by position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dbatch.errors import SchemaError

_MEANINGS: Final = {
    **dict.fromkeys(("date", "dates", "time", "timestamp", "timestamps", "datetime"), "timestamp"),
    "type": "type",
    "price": "price",
    **dict.fromkeys(("size", "volume", "vol", "qty", "quantity"), "volume"),
    **dict.fromkeys(("security", "ticker", "symbol"), "security"),
}
EXPECTED_COLUMNS: Final = "Dates, Type, Price, Size"


def meaning_of(name: str) -> str | None:
    """Return what a column called `name` holds: one of `EVENT_COLUMNS`, "security", or nothing of ours."""
    return _MEANINGS.get(name.strip().lower())


def names_a_security(name: str) -> bool:
    """Return whether a column (or the key of a partitioned dataset) called `name` tells which security a row is of."""
    return meaning_of(name) == "security"


@dataclass(frozen=True)
class EventColumns:
    """Positions of the event columns in a row, from 0; `security` is None where there is no such column."""

    timestamp: int
    type: int
    price: int
    volume: int
    security: int | None = None

    @property
    def positions(self) -> tuple[int, int, int, int]:
        """The four positions in the order of `EVENT_COLUMNS`."""
        return (self.timestamp, self.type, self.price, self.volume)


def find_columns(header: Iterable[object]) -> EventColumns | None:
    """Return where the event columns are in `header`, or None if one of the four is missing.

    Names count in any case and without the space around them. Raises `SchemaError` where two columns mean the
    same, for one of them would be dropped silently.
    """
    found: dict[str, int] = {}
    spelled: dict[str, str] = {}
    clash: str | None = None
    for position, cell in enumerate(header):
        name = cell.strip() if isinstance(cell, str) else ""
        meaning = meaning_of(name)
        if meaning is None:
            continue
        if meaning in found and clash is None:
            clash = f"columns '{spelled[meaning]}' and '{name}' both mean {meaning}; keep one of them"
        found.setdefault(meaning, position)
        spelled.setdefault(meaning, name)
    if not {"timestamp", "type", "price", "volume"} <= found.keys():
        return None
    if clash is not None:
        raise SchemaError(clash)
    return EventColumns(**found)
