"""Which columns of a header row are those of bars, by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dbatch.errors import SchemaError

_MEANINGS: Final = {
    **dict.fromkeys(("timestamp", "timestamps", "datetime", "date time", "open time", "opentime"), "timestamp"),
    **dict.fromkeys(("date", "dates", "day"), "date"),
    **dict.fromkeys(("time", "times"), "time"),
    "open": "open",
    "high": "high",
    "low": "low",
    **dict.fromkeys(("close", "last", "price"), "close"),
    **dict.fromkeys(("adj close", "adjusted close", "adjclose"), "adjusted"),
    **dict.fromkeys(("volume", "vol"), "volume"),
    **dict.fromkeys(("security", "ticker", "symbol", "name"), "security"),
}
_LETTERS: Final = {"o": "open", "h": "high", "l": "low", "c": "close"}
"""One letter is a ticker too (C, V): these count where all four are there."""

_NAMELESS: Final = ("", "unnamed: 0", "index")
EXPECTED_BARS: Final = "a time (date, time, datetime, timestamp) and open, high, low, close"
_TICKS: Final = frozenset(("type", "price"))


@dataclass(frozen=True)
class BarColumns:
    """Positions of the columns of bars, from 0; None where there is none.

    `time` is a time of day beside a date in `timestamp`. `open`, `high` and `low` are given together or not at all. In
    a panel, `panel` holds the names of the columns of closes by position, a security each, and `close` is None.
    """

    timestamp: int
    time: int | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    volume: int | None = None
    adjusted: int | None = None
    security: int | None = None
    panel: tuple[tuple[int, str], ...] = ()


def find_bar_columns(header: Sequence[object]) -> BarColumns | None:
    """Return where the columns of bars are in `header`, None if it is no header of bars.

    Names count in any case, without space, underscores or angle brackets around them; a first column without a name
    holds times where no other does. Closes alone do. A header of a time and of names that mean nothing here is a panel:
    a column of closes per security. Raises SchemaError where two columns mean the same, for one of them would be
    dropped silently, and for a header of ticks.
    """
    names = [_plain(cell) for cell in header]
    if set(names) >= _TICKS:
        raise SchemaError("the columns are those of ticks, not of bars; bars are made of them with --bars 5min")
    found: dict[str, int] = {}
    for position, meaning in enumerate(_meanings(names)):
        if meaning in found:
            first = str(header[found[meaning]]).strip()
            raise SchemaError(f"columns '{first}' and '{str(header[position]).strip()}' both mean {meaning}; keep one")
        if meaning is not None:
            found[meaning] = position
    when, time_of_day = _when(found, names)
    if when is None:
        return None
    if "close" not in found and "adjusted" in found:
        found["close"] = found["adjusted"]
    if "close" not in found:
        panel = tuple(
            (position, str(cell).strip()) for position, cell in enumerate(header) if position not in (when, time_of_day)
        )
        is_panel = not {"volume", "security"} & set(found) and any(meaning is None for meaning in _meanings(names)[1:])
        return BarColumns(when, time_of_day, panel=panel) if is_panel and all(name for _, name in panel) else None
    ranges = [found.get(name) for name in ("open", "high", "low")]
    if None in ranges and any(position is not None for position in ranges):
        absent = ", ".join(name for name in ("open", "high", "low") if name not in found)
        raise SchemaError(f"there is no column {absent}; bars need open, high, low and close, or close alone")
    opens, highs, lows = ranges
    return BarColumns(
        when, time_of_day, opens, highs, lows, found["close"], found.get("volume"), found.get("adjusted"),
        found.get("security"),
    )  # fmt: skip


def names_bars(header: Sequence[object]) -> bool:
    """Return whether `header` is plainly one of bars: a time and a column of closes, or those of several securities."""
    try:
        found = find_bar_columns(header)
    except SchemaError:
        return False
    if found is None or {"type", "price"} & {_plain(cell) for cell in header}:
        return False
    return found.close is not None or len(found.panel) > 1


def _meanings(names: Sequence[str]) -> list[str | None]:
    meanings = _MEANINGS
    if set(names) >= set(_LETTERS):
        meanings = {**meanings, **_LETTERS, "v": "volume", "t": "timestamp"}
    return [meanings.get(name) for name in names]


def _plain(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return text.strip().strip("<>").replace("_", " ").strip().lower()


def _when(found: dict[str, int], names: Sequence[str]) -> tuple[int | None, int | None]:
    """Return the columns of the time, and of the time of day beside a date."""
    if "timestamp" in found:
        return found["timestamp"], None
    if "date" in found:
        return found["date"], found.get("time")
    if "time" in found:
        return found["time"], None
    return (0, None) if names and names[0] in _NAMELESS else (None, None)
