"""The Arrow schema of canonical events, as they stand in Parquet files and in batches."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from dbatch.schema import EVENT_TYPES

EVENT_ARROW_SCHEMA: Final = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("ns")),
        pa.field("type", pa.dictionary(pa.int8(), pa.string())),
        pa.field("price", pa.float64()),
        pa.field("volume", pa.int64()),
    ]
)
"""`EVENT_COLUMNS` in order, all nullable; the dictionary of `type` is `EVENT_TYPES`."""

EVENT_TYPE_DICTIONARY: Final = pa.array(EVENT_TYPES, pa.string())

ROW_GROUP_ROWS: Final = 131_072
"""Rows of one Parquet row group and of one batch."""
