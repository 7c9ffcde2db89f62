"""What a strategy decided, as rows that two runs can be compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dbatch.engine.fills import Fills
from dbatch.portfolio.account import PortfolioResult

DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Decisions:
    """Decisions of one kind in the order in which they were made: arrays of one length.

    `what` is what one of them is called, `times` int64 nanoseconds since 1970, `columns` what it consists of by name.
    The last `settled` of them were made when the data had ended, by a strategy that settles its days; None of others.
    """

    what: str
    times: np.ndarray
    columns: Mapping[str, np.ndarray]
    settled: int | None = None

    def __len__(self) -> int:
        return len(self.times)

    def take(self, keep: np.ndarray | slice) -> Decisions:
        """Return those that `keep` selects; which of them were made at the end is not told any more."""
        return Decisions(self.what, self.times[keep], {name: column[keep] for name, column in self.columns.items()})

    def before(self, time: int) -> Decisions:
        """Return those of times before `time`."""
        return self.take(self.times < time)

    def since(self, time: int) -> Decisions:
        """Return those of `time` and later."""
        return self.take(self.times >= time)

    def told(self, number: int) -> str:
        """Return one decision in words."""
        values = ", ".join(f"{name} {_text(column[number])}" for name, column in self.columns.items())
        return f"{moment(int(self.times[number]))}: {values}"


def moment(time: int) -> str:
    """Return a time as text: a date where it is midnight.

    >>> moment(0), moment(61_000_000_000)
    ('1970-01-01', '1970-01-01 00:01:01')
    """
    day, rest = divmod(time, DAY)
    if rest == 0:
        return str(np.datetime64(day, "D"))
    text = str(np.datetime64(time, "ns")).replace("T", " ")
    return text.rstrip("0").rstrip(".") if text.endswith("000") else text


def _text(value: object) -> str:
    if isinstance(value, np.floating):
        return f"{float(value):.12g}"
    return str(value)


def same_rows(one: Decisions, other: Decisions, *, tolerance: float = 0.0) -> np.ndarray:
    """Return whether the decisions of two runs, as many of either, are the same, one bool for each.

    Missing numbers are the same; floats may differ by `tolerance`, relative above 1.0 and absolute below.
    """
    same = one.times == other.times
    for name, column in one.columns.items():
        values = other.columns[name]
        equal = column == values
        if column.dtype.kind == "f":
            equal |= np.isnan(column) & np.isnan(values)
            if tolerance:
                equal |= np.isclose(column, values, rtol=tolerance, atol=tolerance)
        same &= equal
    return np.asarray(same)


def first_difference(one: Decisions, other: Decisions) -> int | None:
    """Return the number of the first decision that differs, or that only one of the two has; None for none."""
    common = min(len(one), len(other))
    differs = np.flatnonzero(~same_rows(one.take(slice(common)), other.take(slice(common))))
    if len(differs):
        return int(differs[0])
    return None if len(one) == len(other) else common


def of_fills(fills: Fills, what: str = "fill", settled: int | None = None) -> Decisions:
    """Return fills as decisions: signed units, price, position after."""
    columns = {"quantity": fills.quantities, "price": fills.prices, "position": fills.positions}
    return Decisions(what, fills.timestamps, columns, settled)


def of_targets(times: np.ndarray, targets: np.ndarray) -> Decisions:
    """Return the target positions that are wanted at bars, NaN for as before."""
    return Decisions("target position", times, {"target": np.asarray(targets, np.float64)})


def of_account(result: PortfolioResult) -> tuple[Decisions, Decisions]:
    """Return the weights on signal days of who has one, and the orders, of a portfolio."""
    names = np.array(result.names, object)
    at, held = np.nonzero(result.weights)
    orders = result.orders
    return (
        Decisions(
            "weight", result.signal_days[at] * DAY, {"security": names[held], "weight": result.weights[at, held]}
        ),
        Decisions(
            "order",
            orders.days * DAY,
            {"security": names[orders.securities], "shares": orders.shares, "price": orders.prices},
        ),
    )
