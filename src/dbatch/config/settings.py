"""Arguments of a run and parameters of its strategy, as a batch file sets them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from dbatch.config.faults import shown
from dbatch.config.name_lists import SECURITY_COLUMNS, names
from dbatch.config.nodes import Node

ARGUMENTS: Final = (
    "strategy",
    "strategy_path",
    "data",
    "securities",
    "max_sheets",
    "header_row",
    "bars",
    "zone",
    "adjusted",
    "config",
    "chunk_size",
    "only_trades",
    "start_date",
    "end_date",
)
PATHS: Final = ("data", "config", "strategy_path")
_DATE: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


@dataclass(frozen=True)
class Setting:
    """Arguments, their paths absolute, and parameters. An argument that is None is not given, or given no more."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def over(self, base: Setting) -> Setting:
        """Return `base` with what is set here."""
        return Setting({**base.arguments, **self.arguments}, {**base.parameters, **self.parameters})


def setting(entries: Iterable[tuple[str, Node]], folder: Path) -> Setting:
    """Return what entries of a mapping set; relative paths are below `folder`. Faults are kept."""
    arguments: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for key, node in entries:
        if key in ARGUMENTS:
            arguments[key] = argument(key, node, folder)
        elif is_parameter(key, node) and node.is_plain():
            parameters[key] = node.value
    return Setting(arguments, parameters)


def argument(key: str, node: Node, folder: Path) -> Any:
    """Return the value of an argument, checked: paths absolute, dates `YYYY-MM-DD`, names as a tuple.

    None when it is null, or after a fault.
    """
    if not node.given and key != "strategy":
        return None
    match key:
        case "strategy" | "bars" | "zone":
            return node.text()
        case "only_trades" | "adjusted":
            return node.boolean()
        case "max_sheets" | "header_row" | "chunk_size":
            return node.integer(least=1)
        case "start_date" | "end_date":
            return _date(node)
        case "securities":
            return names(node, folder, SECURITY_COLUMNS)
        case "strategy_path":
            nodes = node.items("paths") if isinstance(node.value, list) else [node]
            return tuple(_path(item, folder) for item in nodes)
    return _path(node, folder)


def is_parameter(key: str, node: Node) -> bool:
    """Return whether `key` can be a parameter: KEY or SECURITY.KEY; else keep a fault."""
    plain = re.sub(r"[\s-]", "_", key.strip()).casefold()
    if plain in ARGUMENTS:
        node.fault(f"is no parameter; did you mean '{plain}'?")
        return False
    if key != key.strip() or not all(key.rpartition(".")[::2] if "." in key else (key,)):
        node.fault(f"{shown(key)} must be the name of a parameter, or SECURITY.NAME for one security")
        return False
    return True


def check_order(starts: Sequence[tuple[str | None, Node]], ends: Sequence[tuple[str | None, Node]]) -> None:
    """Keep a fault where a start date of `starts` lies after an end date of `ends`; each with its node."""
    latest = max(((start, node) for start, node in starts if start), key=lambda pair: pair[0], default=None)
    earliest = min(((end, node) for end, node in ends if end), key=lambda pair: pair[0], default=None)
    if latest and earliest and latest[0] > earliest[0]:
        earliest[1].fault(f"end_date {earliest[0]} lies before start_date {latest[0]}")


def _date(node: Node) -> str | None:
    found = _DATE.fullmatch(node.value) if isinstance(node.value, str) else None
    if found is None:
        node.must_be("a date such as 2025-04-14")
        return None
    try:
        return date(*map(int, found.groups())).isoformat()
    except ValueError:
        node.fault(f"{node.value} is not a day of the calendar")
        return None


def _path(node: Node, folder: Path) -> str | None:
    text = node.text()
    if text is None or "://" in text:
        return text
    path = os.path.normpath(folder / text)
    if not os.path.exists(path):
        node.fault(f"{shown(text)} does not exist; it is looked for at {path}")
    return path
