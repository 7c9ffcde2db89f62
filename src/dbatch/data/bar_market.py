"""The bars at a path: which securities there are, and where the bars of each lie, or the trades they are made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from dbatch.data.bar_files import bar_table
from dbatch.data.files import is_local, list_files, local_copy, local_path
from dbatch.data.market import CSV, EXCEL, PARQUET, Market, distinct, named_by_values, open_market, stem_of
from dbatch.data.names import ticker_of
from dbatch.errors import DataError, DataNotFoundError
from dbatch.model import Security, Source, SourceKind


def open_bars(
    path: str | os.PathLike[str],
    *,
    interval: str | None = None,
    zone: str = "",
    adjusted: bool = False,
    header_row: int | None = None,
) -> Market:
    """Return the securities whose bars are at `path`: files or folders as `open_market` takes them.

    A file's securities are the values of its column of tickers, the columns of a panel (a time and a column of closes
    for each), or the file itself. With `interval` the files hold ticks, and bars are made of their trades. `zone` is
    the clock that times with an offset are turned to, UTC where none is given; `adjusted` scales prices to the
    adjusted close, as they stand otherwise. Raises what `open_market` raises, UsageError for an interval or a zone
    that is none.
    """
    if interval is not None:
        from dbatch.data.resample import interval_name

        ticks = open_market(path, header_row=header_row)
        name = interval_name(interval)
        made = (replace(each, source=replace(each.source, bars=name)) for each in ticks.securities)
        return Market(ticks.origin, tuple(made))
    if zone:
        from dbatch.data.bar_times import check_zone

        check_zone(zone)
    path = os.fspath(path)
    path = os.path.abspath(local_path(path)) if is_local(path) else path
    is_folder, files = list_files(path)
    found: list[Security] = []
    kinds: tuple[tuple[tuple[str, ...], SourceKind], ...] = ((PARQUET, "parquet"), (CSV, "csv"))
    for endings, kind in kinds:
        found += _tables(kind, [file for file in files if file.lower().endswith(endings)], is_folder)
    for file in files:
        if file.lower().endswith(EXCEL):
            found += _sheets(file, header_row)
    if not found:
        raise DataNotFoundError(f"{path}: holds no .parquet, .csv or .xlsx file of bars")
    read_as = (replace(each, source=replace(each.source, bars="rows", zone=zone, adjusted=adjusted)) for each in found)
    return Market(path, distinct(path, read_as))


def _tables(kind: SourceKind, files: Sequence[str], is_folder: bool) -> list[Security]:
    held = []
    found = []
    for file in files:
        stem = stem_of(file)
        itself = Security(ticker_of(stem), stem, Source(kind, (file,)))
        try:
            table = bar_table(file)
            values = table.securities()
        except DataError:
            if not is_folder:
                raise
            found.append(itself)  # a broken file among others is a failure of its own, told when it is read
            continue
        if table.columns.panel:
            found += [
                Security(ticker_of(name), name, Source(kind, (file,), column=name)) for _, name in table.columns.panel
            ]
        elif values is None:
            found.append(itself)
        else:
            held.append((file, values))
    return found + named_by_values(kind, held)


def _sheets(file: str, header_row: int | None) -> list[Security]:
    from dbatch.data.excel import list_securities

    return [
        Security(group.security, group.label, Source("excel", (file,), group.sheets, header_row))
        for group in list_securities(local_copy(file))
    ]
