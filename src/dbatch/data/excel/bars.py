"""The bars of a workbook's sheets: extracted by a guarded child, cached while the workbook is unchanged."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.cache import cache_dir
from dbatch.data.bar_clean import RawBars
from dbatch.data.excel import SheetGroup, extract_bars, list_securities
from dbatch.data.files import local_copy
from dbatch.data.fingerprint import content_hash
from dbatch.data.names import file_slug
from dbatch.data.read import writable
from dbatch.errors import DataError
from dbatch.model import Security
from dbatch.schema import BAR_RULES_VERSION


def sheet_bars(security: Security) -> RawBars:
    """Return the raw bars of the sheets of `security`. Raises WorkbookError where they cannot be read."""
    source = security.source
    workbook = local_copy(source.paths[0])
    if not source.sheets:
        list_securities(workbook)  # says why it could not be listed
    made_by = repr(("bars", content_hash(str(workbook)), source.sheets, source.header_row, BAR_RULES_VERSION))
    folder = writable(cache_dir() / "excel" / hashlib.sha256(made_by.encode()).hexdigest()[:32])
    target = folder / f"{file_slug(security.name.lower())}.bars.parquet"
    if not target.exists():
        group = SheetGroup(security.name, security.label, source.sheets)
        extract_bars(workbook, group, target, header_row=source.header_row)
    try:
        with pq.ParquetFile(target, page_checksum_verification=True) as file:
            table = file.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{target}: is damaged ({error}); remove it, it is made again") from error

    def column(name: str) -> pa.Array | None:
        return table.column(name).combine_chunks() if name in table.column_names else None

    prices = [column(name) for name in ("open", "high", "low", "close")]
    places = table.column("place").combine_chunks()
    return RawBars(
        column("timestamp"),
        column("time"),
        tuple(price for price in prices if price is not None),
        column("volume"),
        column("adjusted"),
        lambda row: places[row].as_py(),
    )
