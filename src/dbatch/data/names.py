"""Tickers from labels, and file names from tickers."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_BLOOMBERG_SUFFIX: Final = re.compile(r" [A-Z]{2} Equity(?=$| \(\d+\)$|_\d+$)", re.IGNORECASE)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEVICE_NAMES: Final = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)
_SLUG_LENGTH: Final = 40


def ticker_of(label: str) -> str:
    """Return the ticker that a sheet's label stands for: no Bloomberg suffix, upper case.

    A label that is nothing but a suffix is its own ticker.

    >>> ticker_of("ADIB UH Equity"), ticker_of("vod LN Equity"), ticker_of("NA")
    ('ADIB', 'VOD', 'NA')
    """
    name = label.rstrip().replace(" UH Equity", "").replace(" DH Equity", "")
    return (_BLOOMBERG_SUFFIX.sub("", name).strip() or label.strip()).upper()


def file_slug(name: str) -> str:
    """Return a file name (no folder, no ending) that is safe on every system, in the case of `name`.

    A plain name of at most 64 letters, digits, `.`, `_` and `-` stays as it is; anything else, and the device
    names of Windows, become a slug and 8 hex digits of the name's sha256.

    >>> file_slug("adib"), file_slug("../../evil"), file_slug("CON")
    ('adib', 'evil-0fbfd372', 'CON-a3dbc4b6')
    """
    is_device = name.split(".")[0].upper() in _DEVICE_NAMES
    if _PLAIN_NAME.fullmatch(name) and not is_device and not name.endswith("."):
        return name
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:_SLUG_LENGTH].rstrip("-") or "security"
    return f"{slug}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def shown(name: str) -> str:
    """Return `name` fit for a message: control and other unprintable characters are escaped.

    >>> shown("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
