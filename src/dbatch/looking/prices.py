"""What the market did while a run traded: its trades' prices, thinned out, where the data are still what they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.errors import DbatchError
from dbatch.model import Security, Source
from dbatch.results.folder import MANIFEST_NAME
from dbatch.schema import EVENT_TYPES

MOST_POINTS: Final = 24_000
MOST_ROWS: Final = 30_000_000
"""Of more events than these no prices are read: the page would take minutes."""

_TRADE: Final = EVENT_TYPES.index("trade")
_NS: Final = 10**9
_DAY: Final = 86_400 * _NS


@dataclass(frozen=True)
class Prices:
    """Prices over time: `times` int64 nanoseconds since 1970, rising, and `values` float64 currency; `note` says why
    there are none."""

    times: np.ndarray
    values: np.ndarray
    note: str = ""


def stored_sources(folder: Path, facts: Mapping[str, Any], strategy: str) -> dict[str, tuple[Security, str]]:
    """Return each security of a run's data as it was then, by name, with the hash of its content."""
    inputs = [one for one in facts.get("inputs") or () if (one.get("strategy") or {}).get("name") in (strategy, None)]
    found = {name: one for known in reversed(inputs) for name, one in (known.get("securities") or {}).items()}
    if not found and (folder / MANIFEST_NAME).is_file():
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        found = (manifest.get("data") or {}).get("securities") or {}
    return {
        name: (Security(name, one["label"], _source(one["read_as"])), one["fingerprint"])
        for name, one in found.items()
        if one and "read_as" in one and "fingerprint" in one
    }


def prices(security: Security, content: str, first_day: int, last_day: int, rows: int) -> Prices:
    """Return the prices of trades, or closes of bars, of the days from `first_day` to `last_day`, since 1970, thinned.

    `content` is the hash that the data had, `rows` how many events there were. None, and a note, where the data are
    gone, changed, or too many.
    """
    if rows > MOST_ROWS:
        return _none(f"{rows:,} events are too many to draw")
    try:
        from dbatch.data.read import fingerprint

        if fingerprint(security.source) != content:
            return _none(f"{security.source} has changed since")
        times, values = _bars(security) if security.source.bars else _trades(security)
    except (DbatchError, OSError) as error:
        return _none(f"the data cannot be read any more: {error}")
    within = (times >= first_day * _DAY) & (times < (last_day + 1) * _DAY) & (values > 0.0)
    return thinned(times[within], values[within])


def thinned(times: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> Prices:
    """Return at most about `most` points, of every stretch of as many rows the lowest and the highest; in time's order.

    >>> thinned(np.arange(6), np.array([1.0, 9.0, 5.0, 4.0, 7.0, 2.0]), most=4).values.tolist()
    [1.0, 9.0, 7.0, 2.0]
    """
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if len(values) <= most:
        return Prices(times, values)
    starts = np.arange(0, len(values), -(-2 * len(values) // most))
    ends = np.append(starts[1:], len(values))
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    kept = {place for low, high in pairs for place in (low + _least(values[low:high]), low + _most(values[low:high]))}
    places = np.array(sorted(kept))
    return Prices(times[places], values[places])


def each_pixel(found: Prices, pixels: int) -> Prices:
    """Return of each of `pixels` equal stretches of time the lowest and the highest price, in time's order.

    >>> each_pixel(Prices(np.arange(6), np.array([1.0, 9.0, 5.0, 4.0, 7.0, 2.0])), pixels=2).values.tolist()
    [1.0, 9.0, 7.0, 2.0]
    """
    if len(found.times) <= 2 * pixels:
        return found
    since = found.times - found.times[0]
    stretch = since * pixels // (since[-1] + 1)
    order = np.lexsort((found.values, stretch))  # each stretch from its lowest price to its highest
    first = np.flatnonzero(np.diff(stretch, prepend=-1))
    last = np.append(first[1:], len(stretch)) - 1
    places = np.unique(np.concatenate([order[first], order[last]]))
    return Prices(found.times[places], found.values[places], found.note)


def _trades(security: Security) -> tuple[np.ndarray, np.ndarray]:
    from dbatch.data.read import read_events

    kept = [block.rows(block.kinds == _TRADE) for block in read_events(security)]
    if not kept:
        return np.empty(0, np.int64), np.empty(0)
    return np.concatenate([one.timestamps for one in kept]), np.concatenate([one.prices for one in kept])


def _bars(security: Security) -> tuple[np.ndarray, np.ndarray]:
    from dbatch.data.bar_read import load_bars

    bars = load_bars(security)
    return bars.timestamps, bars.closes


def _source(facts: Mapping[str, Any]) -> Source:
    lists = {name: tuple(facts.get(name) or ()) for name in ("paths", "sheets", "only")}
    return Source(**{**facts, **lists})


def _least(values: np.ndarray) -> int:
    return int(values.argmin())


def _most(values: np.ndarray) -> int:
    return int(values.argmax())


def _none(note: str) -> Prices:
    return Prices(np.empty(0, np.int64), np.empty(0), note)
