"""Data as they stand in a page: numbers in few bytes, texts that can neither steer nor be markup."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from dbatch.looking.formats import printable
from dbatch.quick_json import to_bytes

Packed = dict[str, Any]

_ESCAPED: Final = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    "\u2028".encode(): b"\\u2028",
    "\u2029".encode(): b"\\u2029",
}
"""What could end a script element, begin another one, or is a new line to JavaScript; only texts hold any of it."""

_NEVER_MORE: Final = 2_000
"""Characters of one text: more is of no use to a reader."""


def safe_json(document: Any) -> bytes:
    r"""Return `document` as JSON that can stand in a script element whatever its texts hold.

    >>> safe_json({"name": "</script>&"})
    b'{"name":"\\u003c/script\\u003e\\u0026"}'
    """
    content = to_bytes(document)
    for character, escape in _ESCAPED.items():
        content = content.replace(character, escape)
    return content


def floats(values: Iterable[float | None] | np.ndarray, kind: str = "f4") -> Packed:
    """Return `values` as base64 of little-endian floats, NaN for None; `kind` is f4, or f8 where 7 digits are few.

    >>> floats([1.0, None])
    {'f4': 'AACAPwAAwH8='}
    """
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values), np.float64)
    with np.errstate(over="ignore"):
        content = array.astype(f"<{kind}").tobytes()
    return {kind: base64.b64encode(content).decode()}


def words(values: Sequence[Any]) -> Packed:
    """Return `values` as those that differ, in order, and the place of each among them; None comes last.

    >>> words(["b", "a", None, "b"])["values"]
    ['a', 'b', None]
    """
    distinct = sorted(dict.fromkeys(values), key=_order)
    places = {value: place for place, value in enumerate(distinct)}
    return {"values": list(map(plain, distinct)), "codes": floats([places[value] for value in values])}


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: a text in one line without anything that steers, no number that is none."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return text(str(value))


def text(value: str) -> str:
    """Return `value` in one line, what steers a terminal or turns the direction escaped, cut where it is very long."""
    return printable(value if len(value) <= _NEVER_MORE else value[:_NEVER_MORE] + "…")


def plain_document(value: Any) -> Any:
    """Return `value`, mappings and lists of anything, as `plain` has its leaves."""
    if isinstance(value, Mapping):
        return {text(str(name)): plain_document(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_document(one) for one in value]
    return plain(value)


def _order(value: Any) -> tuple[int, Any]:
    if value is None:
        return (2, "")
    return (0, value) if isinstance(value, int | float) else (1, str(value))
