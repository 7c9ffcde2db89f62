"""Words that the commands which look after a folder share: durations, sizes, texts of others fit for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_BINARY = 1024


def duration_text(seconds: float | None) -> str:
    """Return a duration as people say it: 45s, 9m12s, 3h05m, 2d04h; "-" for None.

    >>> duration_text(4.2), duration_text(552), duration_text(11_100), duration_text(None)
    ('4s', '9m12s', '3h05m', '-')
    """
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02d}h"


def size_text(size: float) -> str:
    """Return bytes in the largest unit that is not above them.

    >>> size_text(0), size_text(1536), size_text(5 * 1024**3)
    ('0 B', '1.5 KiB', '5.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < _BINARY:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= _BINARY
    return f"{size:.1f} TiB"


def escaped(text: str) -> str:
    """Return `text` with its control and other unprintable characters escaped, but for new lines and tabs.

    >>> escaped("red\\x1b[31m\\n\\tnext")
    'red\\\\x1b[31m\\n\\tnext'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: str) -> str:
    """Return `text` in one line, `escaped`, new lines and tabs too.

    >>> one_line("red\\x1b[31m\\n\\tnext")
    'red\\\\x1b[31m\\\\n\\\\tnext'
    """
    return escaped(text).replace("\n", "\\n").replace("\t", "\\t")


def for_stdout() -> Callable[[str], str]:
    """Return what makes texts of strategies fit for stdout: on a terminal they are `escaped`, else as they are."""
    return escaped if sys.stdout.isatty() else str
