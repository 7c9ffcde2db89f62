"""The market: which securities a path holds, and where the events of each lie.

Their names come from file names, sheet names, partition folders or, where a file holds several, from its
security column; no event is read.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from dbatch.data.files import is_local, list_files, local_copy, local_path
from dbatch.data.header import names_a_security
from dbatch.data.names import ticker_of
from dbatch.errors import DataError, DataNotFoundError, UsageError
from dbatch.model import UNIVERSE, Security, Source, SourceKind

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".csv.gz")
EXCEL = (".xlsx", ".xlsm")
_PART = re.compile(r"part[-._]?\d+.*", re.IGNORECASE)
_SLUG = re.compile(r".*-[0-9a-f]{8}")


@dataclass(frozen=True)
class Market:
    """The securities at `origin`, sorted by name."""

    origin: str
    securities: tuple[Security, ...]

    def select(self, names: Sequence[str] | None = None, first: int | None = None) -> Market:
        """Return the securities called `names` (any case), or the `first` ones.

        Raises DataNotFoundError with the names that exist for one that does not.
        """
        chosen = self.securities
        if names is not None:
            known = {security.name.upper(): security for security in chosen}
            absent = [name for name in names if name.upper() not in known]
            if absent:
                raise DataNotFoundError(
                    f"{self.origin}: no security {', '.join(map(repr, absent))}; there are {_listed(self)}"
                )
            wanted = {name.upper() for name in names}
            chosen = tuple(security for security in chosen if security.name.upper() in wanted)
        return Market(self.origin, chosen if first is None else chosen[:first])


def open_market(path: str | os.PathLike[str], *, header_row: int | None = None) -> Market:
    """Return the securities at `path`: a workbook, a Parquet or CSV file, or a folder of them; local or an fsspec URL.

    A folder holds one file per security (named for it), or a dataset partitioned by security
    (`security=ADIB/...`); a file may have a security column instead. Raises DataNotFoundError when there is
    nothing, UsageError when two places claim one security.
    """
    path = os.fspath(path)
    path = os.path.abspath(local_path(path)) if is_local(path) else path
    is_folder, files = list_files(path)
    found: list[Security] = []
    for endings, find in ((PARQUET, _parquet), (CSV, _csv), (EXCEL, _excel)):
        chosen = [file for file in files if file.lower().endswith(endings)]
        if chosen:
            found += find(chosen, is_folder, header_row)
    if found:
        return Market(path, distinct(path, found))
    if not is_folder:
        raise DataNotFoundError(f"{path}: not a Parquet, CSV or Excel (.xlsx) file by its name")
    raise DataNotFoundError(f"{path}: the folder holds no .parquet, .csv or .xlsx file")


def _parquet(files: Sequence[str], is_folder: bool, header_row: int | None) -> Iterable[Security]:
    from dbatch.data.parquet import parquet_facts, parquet_securities

    partitions = _partitions(files)
    if partitions:
        return [Security(ticker_of(name), name, Source("parquet", tuple(at))) for name, at in partitions.items()]
    if not is_folder or all(_PART.fullmatch(stem_of(file)) for file in files):
        named = named_by_values("parquet", [(file, parquet_securities(file) or ()) for file in files])
        if named:
            return named
    found = []
    for file in files:
        stem = stem_of(file)
        facts = (parquet_facts(file, "dbatch") if _SLUG.fullmatch(stem) else None) or {}
        name = facts.get("security", ticker_of(stem))
        found.append(Security(name, facts.get("label", stem), Source("parquet", (file,))))
    return found


def _csv(files: Sequence[str], is_folder: bool, header_row: int | None) -> Iterable[Security]:
    from dbatch.data.csv import csv_securities

    held = []
    found = []
    for file in files:
        try:
            values = csv_securities(file)
        except DataError:
            if not is_folder:
                raise
            values = None  # a broken file among others is a failure of its own, told when it is read
        if values:
            held.append((file, values))
        else:
            found.append(Security(ticker_of(stem_of(file)), stem_of(file), Source("csv", (file,))))
    return found + named_by_values("csv", held)


def _excel(files: Sequence[str], is_folder: bool, header_row: int | None) -> Iterable[Security]:
    from dbatch.data.excel import list_securities

    found = []
    for file in files:
        try:
            groups = list_securities(local_copy(file))
        except DataError:
            if not is_folder:
                raise
            stem = stem_of(file)  # a broken workbook among others is a failure of its own, told when it is read
            found.append(Security(ticker_of(stem), stem, Source("excel", (file,), (), header_row)))
            continue
        found += [
            Security(group.security, group.label, Source("excel", (file,), group.sheets, header_row))
            for group in groups
        ]
    return found


def named_by_values(kind: SourceKind, held: Iterable[tuple[str, Iterable[str]]]) -> list[Security]:
    """Return the securities that the values of a column name, from each file and those values of its."""
    spelled: dict[str, set[str]] = defaultdict(set)
    paths: dict[str, list[str]] = defaultdict(list)
    for file, values in held:
        for name in sorted({ticker_of(value) for value in values}):
            paths[name].append(file)
        for value in values:
            spelled[ticker_of(value)].add(value)
    return [
        Security(name, min(spelled[name]), Source(kind, tuple(at), only=tuple(sorted(spelled[name]))))
        for name, at in paths.items()
    ]


def _partitions(files: Sequence[str]) -> dict[str, list[str]]:
    """Return {security: its files} of a dataset whose folders are named `security=ADIB`."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for part in PurePosixPath(Path(file).as_posix()).parts[:-1]:
            key, equals, value = part.partition("=")
            if equals and names_a_security(key):
                found[unquote(value)].append(file)
    return found


def distinct(origin: str, securities: Iterable[Security]) -> tuple[Security, ...]:
    """Return `securities` by name. Raises UsageError where two claim one name, or one that of a universe."""
    seen: dict[str, Security] = {}
    for security in securities:
        if security.name.upper() == UNIVERSE:
            raise UsageError(
                f"{origin}: {security.source}: no security can be called {security.name!r}, which stands for all "
                "securities of a portfolio; rename it"
            )
        other = seen.setdefault(security.name.upper(), security)
        if other is not security:
            raise UsageError(
                f"{origin}: {security.name!r} is claimed twice, by {other.source} and by {security.source}; "
                "rename one or give a path that holds one of them"
            )
    return tuple(sorted(seen.values(), key=lambda security: security.name))


def stem_of(file: str) -> str:
    """Return the name of `file` without its folder and ending."""
    name = PurePosixPath(Path(file).as_posix()).name
    for ending in (*PARQUET, *reversed(CSV), *EXCEL):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def _listed(market: Market) -> str:
    names = [security.name for security in market.securities]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
