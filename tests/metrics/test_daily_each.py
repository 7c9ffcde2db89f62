"""The ratios of many series at once are those of each alone, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dbatch.errors import UsageError
from dbatch.metrics.daily import daily_falls_each, daily_ratios, daily_ratios_each
from dbatch.metrics.portfolio import daily_drawdowns


@pytest.mark.parametrize("days", [0, 1, 2, 88])
def test_each_row_has_the_ratios_that_it_has_alone(days: int) -> None:
    rows = np.random.default_rng(7).normal(0.0, 1e4, (20, days))
    rows[3:6] = np.array([[0.0], [math.nan], [math.inf]])
    rows[6] = np.abs(rows[6])  # no loss

    together = zip(*(column.tolist() for column in daily_ratios_each(rows[::2])), strict=True)

    alone = [tuple(math.nan if value is None else value for value in daily_ratios(row)) for row in rows[::2]]
    assert np.array(list(together)).tobytes() == np.array(alone).tobytes()


def test_each_row_can_have_a_capital_of_its_own() -> None:
    rows = np.random.default_rng(9).normal(0.0, 1e3, (3, 40))
    capitals = np.array([1e4, 1e5, 1e6])

    volatility = daily_ratios_each(rows, capital=capitals)[2].tolist()

    alone = [daily_ratios(row, capital=capital) for row, capital in zip(rows, capitals, strict=True)]
    assert volatility == [one.annual_volatility_pct for one in alone]
    with pytest.raises(UsageError, match="capital is 0"):
        daily_ratios_each(rows, capital=np.array([1e4, 0.0, 1e6]))


def test_a_capital_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="capital is 0"):
        daily_ratios_each(np.ones((1, 3)), capital=0.0)


@pytest.mark.parametrize("days", [0, 1, 88])
def test_each_row_falls_as_it_does_alone(days: int) -> None:
    rows = np.random.default_rng(8).normal(0.0, 1e4, (40, days))
    rows[3:6] = np.array([[0.0], [-0.0], [-1.0]])
    rows[6] = np.abs(rows[6])  # no fall

    depth, pct = daily_falls_each(rows[::3])

    alone = daily_drawdowns(rows[::3])
    assert (depth.tobytes(), pct.tobytes()) == (alone.depth.tobytes(), alone.pct.tobytes())
    each = np.linspace(1e3, 1e6, len(rows))
    own = [float(daily_drawdowns(row[np.newaxis], capital=one).pct[0]) for row, one in zip(rows, each, strict=True)]
    assert daily_falls_each(rows, capital=each)[1].tolist() == own
    assert np.isnan(daily_falls_each(np.array([[1.0, math.nan], [-math.inf, 1.0]]))).all()
