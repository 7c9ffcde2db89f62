"""The Arrow schema of canonical events, as they stand in Parquet files and in batches."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

import numpy as np
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

_BORDERS: Final = np.array([*accumulate(map(len, EVENT_TYPES), initial=0)], np.int32)

EVENT_TYPE_DICTIONARY: Final = pa.StringArray.from_buffers(
    len(EVENT_TYPES), pa.py_buffer(_BORDERS), pa.py_buffer("".join(EVENT_TYPES).encode("ascii"))
)
"""`EVENT_TYPES` as an array of strings, spelled out in buffers: `pa.array` would load all of pandas to look at them."""

ROW_GROUP_ROWS: Final = 131_072
"""Rows of one Parquet row group and of one batch."""
