"""Names of securities or strategies: a list, a text with commas, or a column of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dbatch.config.faults import did_you_mean, printable, shown
from dbatch.config.files import MAX_BYTES
from dbatch.config.nodes import Node

SECURITY_COLUMNS = ("security", "ticker", "symbol")
STRATEGY_COLUMNS = ("strategy",)


def names(node: Node, folder: Path, columns: Sequence[str]) -> tuple[str, ...] | None:
    """Return the names at `node` in their order; None after a fault.

    A list or a text with commas names each once. `{csv: FILE, column: NAME}` is a column of a CSV file, relative
    to `folder`; without `column` it is the first of `columns` that the file has. A name repeated there counts once.
    """
    before = len(node.faults)
    match node.value:
        case str():
            found = _distinct((Node(word.strip(), node.place, node.faults), "") for word in node.value.split(","))
        case dict():
            found = _from_csv(node, folder, columns)
        case _:
            found = _distinct((item, "") for item in node.items("names"))
    return tuple(found) if len(node.faults) == before else None


def _distinct(places: Iterable[tuple[Node, str]], *, may_repeat: bool = False) -> list[str]:
    """Return each name once; the text beside a node says where in another file it stands."""
    spellings: dict[str, str] = {}
    for node, where in places:
        name = _name(node, where)
        if name is None:
            continue
        first = spellings.get(name.casefold())
        if first is None:
            spellings[name.casefold()] = name
        elif first != name:
            node.fault(f"{where}{shown(name)} differs from {shown(first)} only in case")
        elif not may_repeat:
            node.fault(f"{where}{shown(name)} is named twice")
    return list(spellings.values())


def _name(node: Node, where: str) -> str | None:
    value: Any = node.value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # 7203 is a ticker in Tokyo
    if isinstance(value, str) and value.strip():
        return value.strip()
    node.fault(f"{where}must be a name, is {shown(value)}")
    return None


def _from_csv(node: Node, folder: Path, columns: Sequence[str]) -> list[str]:
    node.known(("csv", "column"))
    file = node.child("csv").text()
    asked = node.child("column").text() if node.child("column").given else None
    if file is None:
        return []
    try:
        header, rows = _table(folder / file)
    except (OSError, ValueError, csv.Error) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        node.child("csv").fault(f"{shown(file)} cannot be read: {problem}")
        return []
    folded = {name.casefold(): i for i, name in enumerate(header)}
    wanted = [asked] if asked is not None else columns
    position = next((folded[name.casefold()] for name in wanted if name.casefold() in folded), None)
    if position is None:
        needs = f"no column {' or '.join(map(shown, wanted))}"
        node.child("column" if asked is not None else "csv").fault(
            f"{printable(file)} has {needs}; {did_you_mean(wanted[0], header)}"
        )
        return []
    cells = ((line, row[position] if position < len(row) else "") for line, row in rows)
    places = [(Node(cell, node.place, node.faults), f"{printable(file)} line {line}: ") for line, cell in cells]
    if not places:
        node.child("csv").fault(f"{printable(file)} has no rows below its header")
    return _distinct(places, may_repeat=True)


def _table(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, without the space around names, and the rows with their lines; blank rows are left out."""
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"has more than {MAX_BYTES:,} bytes")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if not rows:
        raise ValueError("is empty")
    return [name.strip() for name in rows[0][1]], rows[1:]
