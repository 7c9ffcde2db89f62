"""Times as people write them, and as events have them: nanoseconds of exchange time since 1970."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from dbatch.errors import UsageError

_WRITTEN: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?")
_DAY: Final = 86_400_000_000_000


def moment_of(option: str, text: str, *, end: bool = False) -> int:
    """Return "2025-04-14 10:18:47.5" as nanoseconds; a date alone is its first one, or its last where `end`.

    Raises UsageError, naming `option`, for what is no time between the years 1678 and 2261.

    >>> moment_of("--from", "1970-01-02"), moment_of("--until", "1970-01-01", end=True)
    (86400000000000, 86399999999999)
    """
    written = _WRITTEN.fullmatch(text.strip())
    try:
        if written is None or not 1678 <= int(text.strip()[:4]) <= 2261:
            raise ValueError(text)
        date, clock = written.groups()
        moment = int(np.datetime64(f"{date}T{clock or '00:00'}", "ns").astype(np.int64))
    except ValueError as error:
        raise UsageError(f"{option}: {text!r} is not a time such as 2025-04-14 10:18:47, or a date") from error
    return moment + _DAY - 1 if end and clock is None else moment


def moment_text(moment: int) -> str:
    """Return a time as "2025-04-14 10:18:47", with the decimals of a second that it needs.

    >>> moment_text(86_400_000_000_000), moment_text(1_500_000_000)
    ('1970-01-02 00:00:00', '1970-01-01 00:00:01.5')
    """
    text = str(np.datetime64(moment, "ns")).replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text
