"""The orders of a run that were executed: what each did to the position, and what it cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.metrics.breakdown import fees
from dbatch.model import FeeRules
from dbatch.results.export import csv_cell, time_texts

HEADER: Final = b"timestamp,security,side,price,quantity,type,fee\n"
_TYPES: Final = ("open", "add", "reduce", "close", "reverse")


def order_lines(security: str, fills: pa.Table, rules: Mapping[str, float] | None) -> bytes:
    """Return the lines of `orders.csv` of a security: one for each fill, as executed.

    `fills` has the columns of `schema.FILL_DTYPES`, `rules` are the fields of `FeeRules`, None where none are
    configured: then the fee is empty. `type` is what the order did to the position: it opened one, added to it, reduced
    it, closed it, or reversed it through zero.
    """
    if not len(fills):
        return b""
    bought = np.array([side == "buy" for side in fills.column("side").to_pylist()], bool)
    prices, shares, after = (_numbers(fills.column(name)) for name in ("fill_price", "fill_qty", "position"))
    paid = [""] * len(fills) if rules is None else fees(prices, shares, FeeRules(**rules)).tolist()
    columns = (
        time_texts(fills.column("timestamp")).to_pylist(),
        np.where(bought, "buy", "sell").tolist(),
        prices.tolist(),
        shares.tolist(),
        [_TYPES[place] for place in _types(np.where(bought, shares, -shares), after)],
        paid,
    )
    name = _cell(security)
    lines = (
        f"{time},{name},{side},{price},{quantity},{kind},{fee}\n"
        for time, side, price, quantity, kind, fee in zip(*columns, strict=True)
    )
    return "".join(lines).encode("utf-8", "backslashreplace")


def account_lines(orders: pa.Table) -> bytes:
    """Return the lines of `orders.csv` of a portfolio, from the table `orders` of its account.

    The fee is the commission; what half the spread and the impact cost is in that table. The type is `rebalance`.
    """
    rows = orders.select(["date", "security", "shares", "price", "commission"]).to_pylist()
    lines = (
        f"{row['date'].isoformat()},{_cell(row['security'])},{'buy' if row['shares'] > 0 else 'sell'},"
        f"{row['price']},{abs(row['shares'])},rebalance,{row['commission']}\n"
        for row in rows
    )
    return "".join(lines).encode("utf-8", "backslashreplace")


def _types(quantities: np.ndarray, after: np.ndarray) -> list[int]:
    """Return of each order its place in `_TYPES`, from signed shares and the position after it.

    >>> _types(np.array([5, 5, -3, -7, 4, -9]), np.array([5, 10, 7, 0, 4, -5]))
    [0, 1, 2, 3, 0, 4]
    """
    before = after - quantities
    adds = (before > 0) == (quantities > 0)
    found: list[int] = np.select([before == 0, adds, after == 0, (before > 0) == (after > 0)], [0, 1, 3, 2], 4).tolist()
    return found


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column as an array; its own `to_numpy` would import pandas."""
    values: np.ndarray = np.from_dlpack(column.combine_chunks())
    return values


def _cell(value: Any) -> str:
    """Return a text as a cell of a CSV file that no spreadsheet takes for a formula."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow([csv_cell(value)])
    return text.getvalue()
