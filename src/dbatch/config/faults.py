"""Faults of what a user wrote: collected with their places, raised together."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

from dbatch.errors import ConfigError

Place = tuple[str | int, ...]  # keys and list positions from the top of a file: ("grid", "quote_size", 2)

MAX_SHOWN = 100
_MAX_TEXT = 60


class Faults:
    """The faults found so far, each with its place."""

    def __init__(self) -> None:
        self._found: list[tuple[Place, str, int | None]] = []

    def __len__(self) -> int:
        return len(self._found)

    def places(self) -> set[Place]:
        """Return where faults were found."""
        return {place for place, _, _ in self._found}

    def add(self, place: Place, problem: str, line: int | None = None) -> None:
        """Keep one fault; the same one at the same place counts once. `line` is where it stands, if not at `place`."""
        if (place, problem, line) not in self._found[-MAX_SHOWN:]:
            self._found.append((place, problem, line))

    def raise_all(self, source: str, line_of: Callable[[Place], int | None] = lambda place: None) -> None:
        """Raise ConfigError with all faults in the order of their lines, those without a line first; or do nothing."""
        if not self._found:
            return
        lined = ((line or line_of(place) or 0, place, problem) for place, problem, line in self._found)
        placed = sorted(lined, key=lambda fault: fault[0])
        lines = [_line(place, line, problem) for line, place, problem in placed[:MAX_SHOWN]]
        if len(placed) > MAX_SHOWN:
            lines.append(f"and {len(placed) - MAX_SHOWN:,} more")
        raise ConfigError(source, lines)


def place_text(place: Place) -> str:
    """Return a place as people write it.

    >>> place_text(("runs", 2, "overrides", "quote_size"))
    'runs[2].overrides.quote_size'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in place)
    return text.removeprefix(".")


def printable(text: str) -> str:
    """Return `text` fit for a message: what cannot be printed is escaped.

    >>> printable("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(value: Any) -> str:
    """Return a value of JSON's types as a message shows it.

    >>> shown(None), shown(True), shown(0.5), shown("x"), shown([1])
    ('null', 'true', '0.5', "'x'", 'a list')
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    text = repr(value)
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 3]}..."


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown `name`: the nearest known one, else all of them.

    >>> did_you_mean("max_worker", ["max_workers", "seed"])
    "did you mean 'max_workers'?"
    """
    folded = {other.replace("-", "_").casefold(): other for other in known}
    close = difflib.get_close_matches(name.replace("-", "_").casefold(), list(folded), n=1)
    return f"did you mean '{folded[close[0]]}'?" if close else f"known: {', '.join(map(printable, known))}"


def _line(place: Place, line: int, problem: str) -> str:
    where = place_text(place)
    if where and line:
        where += f" (line {line})"
    return f"{where}: {printable(problem)}" if where else printable(problem)
