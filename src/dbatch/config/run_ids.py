"""Ids of runs and names of batches: what they are made of, and what may not be one."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

MAX_LENGTH: Final = 120
_TAIL_DIGITS: Final = 12
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9]")
_TAIL: Final = re.compile(rf"-[0-9a-f]{{{_TAIL_DIGITS}}}\Z")
_WINDOWS_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))]
)


def value_text(value: Any) -> str:
    """Return a value as ids hold it: as Python writes it, each character that is no letter or digit a `_`.

    The items of a list are joined by `_`. Never holds a `-`.

    >>> value_text(0.5), value_text(-1), value_text(None), value_text("ticks/"), value_text(["ADIB", "MODON"])
    ('0_5', '_1', 'None', 'ticks_', 'ADIB_MODON')
    """
    if isinstance(value, list | tuple):
        return "_".join(map(value_text, value))
    return _NOT_IN_IDS.sub("_", str(value))


def shortened(text: str) -> str:
    """Return an id that can be a file's name: one of more than 120 characters ends in a hash of all of it.

    >>> shortened("size_1"), len(shortened("size_1" * 100))
    ('size_1', 120)
    """
    if len(text) <= MAX_LENGTH:
        return text
    tail = "-" + hashlib.sha256(text.encode()).hexdigest()[:_TAIL_DIGITS]
    return text[: MAX_LENGTH - len(tail)] + tail


def looks_shortened(text: str) -> bool:
    """Return whether `text` has the form of what `shortened` returns."""
    return len(text) == MAX_LENGTH and _TAIL.search(text) is not None


def name_fault(text: str) -> str | None:
    """Return why `text` cannot name a run, a batch or a tag of runs; None when it can.

    >>> name_fault("a/b")
    "must be letters, digits, '_' and '-', no '-' first"
    """
    if not _NAME.fullmatch(text):
        return "must be letters, digits, '_' and '-', no '-' first"
    if text.casefold() in _WINDOWS_DEVICES:
        return "is reserved by Windows, must be another name"
    return None
