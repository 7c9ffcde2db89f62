"""Which sheets of a workbook make one security."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from dbatch.data.names import shown, ticker_of
from dbatch.errors import UsageError

_CONTINUED: Final = re.compile(r"(?P<base>.+?)(?: \((?P<a>\d{1,3})\)|_(?P<b>\d{1,3}))")


@dataclass(frozen=True)
class SheetGroup:
    """One security of a workbook: its ticker, the name of its first sheet, and its sheets in order."""

    security: str
    label: str
    sheets: tuple[str, ...]


def group_sheets(path: Path, names: Sequence[str], title: Callable[[str], str]) -> list[SheetGroup]:
    """Return the securities in the order of their first sheets.

    `EMAAR (2)` or `EMAAR_2` continues `EMAAR` if row 1 of both (`title`, asked for those alone) holds the
    same text; otherwise it is a security of its own. Raises `UsageError` where two sheets give one ticker.
    """
    firsts: dict[str, str] = {}
    tickers = {name: ticker_of(name) for name in names}
    known = set(tickers.values())
    continued: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        base, number = _continues(tickers[name])
        if base in known and number > 1:
            first = next(other for other in names if tickers[other] == base)
            if title(first) and title(first) == title(name):
                continued.setdefault(base, []).append((number, name))
                continue
        if tickers[name] in firsts:
            raise UsageError(
                f"{path}: sheets '{shown(firsts[tickers[name]])}' and '{shown(name)}' both give the ticker "
                f"'{shown(tickers[name])}'; rename or remove one"
            )
        firsts[tickers[name]] = name
    _check_numbers(path, continued)
    return [
        SheetGroup(ticker, label, (label, *(name for _, name in sorted(continued.get(ticker, [])))))
        for ticker, label in firsts.items()
    ]


def _check_numbers(path: Path, continued: dict[str, list[tuple[int, str]]]) -> None:
    for parts in continued.values():
        ordered = sorted(parts)
        for (number, name), (following, other) in pairwise(ordered):
            if number == following:
                raise UsageError(
                    f"{path}: sheets '{shown(name)}' and '{shown(other)}' are both part {number}; rename or remove one"
                )


def _continues(ticker: str) -> tuple[str, int]:
    match = _CONTINUED.fullmatch(ticker)
    return (match["base"].strip(), int(match["a"] or match["b"])) if match else ("", 0)
