"""Durations such as `60s` and sizes such as `2GiB`."""

from __future__ import annotations

import math
import re
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)
}
MAX_NUMBER: Final = 2**63
_NUMBER: Final = r"\d{1,15}(?:\.\d{1,15})?"
_DURATION_PART: Final = re.compile(rf"({_NUMBER})\s*(ms|s|m|h|d)\s*", re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_NUMBER}\s*(?:ms|s|m|h|d)\s*)+", re.ASCII)
_SIZE: Final = re.compile(rf"({_NUMBER})\s*({'|'.join(_BYTES)})", re.ASCII | re.IGNORECASE)
_ANY_CASE: Final = {unit.casefold(): count for unit, count in _BYTES.items()}


def parse_duration(value: object) -> float:
    """Return a duration in seconds: of `60s`, `5m`, `2h`, `1h30m`, `250ms`, `1d`, or of a number of seconds.

    Raises ValueError, with what would be right, unless it is finite and above zero.

    >>> parse_duration("1h30m"), parse_duration(90)
    (5400.0, 90.0)
    """
    seconds = 0.0
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        seconds = math.fsum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if value < MAX_NUMBER else math.inf
    if not (0.0 < seconds < math.inf):
        raise ValueError("must be a duration above zero such as 60s, 5m or 1h30m, or a number of seconds")
    return seconds


def parse_size(value: object) -> int:
    """Return a size in bytes: of `2GiB`, `512 MiB`, `1.5GB`, in any case, or of a whole number of bytes.

    kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB of 1024. Raises ValueError, with what would be
    right, unless it is above zero and below 2**63.

    >>> parse_size("2GiB"), parse_size("1.5kB")
    (2147483648, 1500)
    """
    size = 0
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        size = int(float(found[1]) * _ANY_CASE[found[2].casefold()])
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    if not (0 < size < MAX_NUMBER):
        raise ValueError("must be a size above zero such as 512MiB or 2GiB, or a number of bytes")
    return size
