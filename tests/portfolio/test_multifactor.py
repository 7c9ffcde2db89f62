from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.data.bars import bar_block
from dbatch.portfolio.account import PortfolioResult
from dbatch_portfolio.bundle import DEFAULT_BUNDLE, bundle_of
from dbatch_portfolio.factors import factor

FACTORS = [
    ("momentum_12m_excl_1m", 0.30, "positive"),
    ("trend_strength_200", 0.25, "positive"),
    ("trend_strength_50", 0.20, "positive"),
    ("rv_20", 0.15, "negative"),
    ("returns_12m", 0.10, "positive"),
]
Account = Callable[..., PortfolioResult]


def assert_is_twin(found: PortfolioResult, expected: dict[str, Any]) -> None:
    equity = expected["equity"]
    assert found.days.tolist() == (equity.index.to_numpy("datetime64[D]").astype(np.int64)).tolist()
    np.testing.assert_allclose(found.equity, equity.to_numpy(), rtol=1e-9)
    weights = expected["weights"]
    np.testing.assert_allclose(found.weights, weights[list(found.names)].to_numpy(), atol=1e-9)
    orders = {
        (day.to_datetime64().astype("datetime64[D]").astype(int), name): shares
        for day, name, shares in expected["orders"]
    }
    ours = found.orders
    own = dict(
        zip(zip(ours.days.tolist(), [found.names[at] for at in ours.securities], strict=True), ours.shares, strict=True)
    )
    assert {key for key, shares in own.items() if abs(shares) > 1e-6} == {
        key for key, shares in orders.items() if abs(shares) > 1e-6
    }
    np.testing.assert_allclose([own[key] for key in own], [orders.get(key, 0.0) for key in own], rtol=1e-9, atol=1e-6)


def test_it_equals_the_slow_pandas_version_on_an_invented_universe(
    panel: Callable[..., pd.DataFrame], account_of: Account, twin: ModuleType
) -> None:
    closes = panel()
    found = account_of(
        closes,
        "2019-06-03",
        "2021-06-30",
        commission_bps=3.0,
        half_spread_bps=2.0,
        impact_bps=1.0,
        max_gross_exposure=1.5,
    )
    expected = twin.twin(closes, FACTORS, gross=1.5, bps=6.0, capital=1e6, start="2019-06-03", end="2021-06-30")
    assert_is_twin(found, expected)
    assert len(found.orders.days) > 100


def test_it_equals_the_slow_pandas_version_on_twenty_stocks(
    golden: Path, account_of: Account, twin: ModuleType
) -> None:
    closes = pd.read_csv(golden / "daily" / "sp500_dataset.csv.gz", index_col=0, parse_dates=True).astype(float)
    found = account_of(closes, "1990-01-01", "2022-12-31", commission_bps=5.0)
    expected = twin.twin(closes, FACTORS, gross=1.0, bps=5.0, capital=1e6, start="1990-01-01", end="2022-12-31")
    assert_is_twin(found, expected)


def test_the_twin_tells_another_cost_apart(
    panel: Callable[..., pd.DataFrame], account_of: Account, twin: ModuleType
) -> None:
    closes = panel(days=400)
    expected = twin.twin(closes, FACTORS, gross=1.0, bps=6.0, capital=1e6, start="2019-06-03", end="2020-12-31")
    with pytest.raises(AssertionError):
        assert_is_twin(account_of(closes, "2019-06-03", "2020-12-31", commission_bps=5.0), expected)


@pytest.mark.parametrize("cut", [300, 455, 456, 590])
def test_more_data_changes_no_past_weight_and_no_past_equity(
    panel: Callable[..., pd.DataFrame], account_of: Account, cut: int
) -> None:
    closes = panel()
    whole, part = account_of(closes), account_of(closes.iloc[:cut])
    signals, days = len(part.signal_days), len(part.days)
    assert whole.signal_days[:signals].tolist() == part.signal_days.tolist()
    assert whole.weights[:signals].tobytes() == part.weights.tobytes()
    assert whole.equity[:days].tobytes() == part.equity.tobytes()


def test_a_window_s_end_is_the_same_as_data_that_ends_there(
    panel: Callable[..., pd.DataFrame], account_of: Account
) -> None:
    closes = panel()
    last = str(closes.index[500].date())
    assert account_of(closes, end=last).equity.tobytes() == account_of(closes.iloc[:501]).equity.tobytes()


def test_sides_are_equal_weighted_and_add_up_to_the_exposure(
    panel: Callable[..., pd.DataFrame], account_of: Account
) -> None:
    found = account_of(panel(securities=20), max_gross_exposure=1.2, net_exposure=0.2)
    last = found.weights[-1]
    assert sorted(set(last.round(12).tolist())) == [-0.125, 0.0, 0.175]
    assert (np.count_nonzero(last > 0), np.count_nonzero(last < 0)) == (4, 4)


def bars_of(closes: list[float], spread: float = 0.0) -> Any:
    price = np.array(closes)
    return bar_block(np.arange(len(price)) * 86_400 * 10**9, price, price + spread, price - spread, price, price * 0)


def test_factors_look_back_alone() -> None:
    closes = [float(n + 1) for n in range(300)]
    bars = bars_of(closes)
    assert factor(bars, "returns_12m")[252] == pytest.approx(np.log(253 / 1))
    assert factor(bars, "momentum_12m_excl_1m")[252] == pytest.approx(np.log(232 / 1))
    assert np.isnan(factor(bars, "momentum_12m_excl_1m")[251])
    assert factor(bars, "trend_strength_50")[49] == pytest.approx((50 - 25.5) / 1.0)
    assert np.isnan(factor(bars, "trend_strength_50")[48])


def test_trend_strength_takes_true_ranges_where_there_are_highs_and_lows() -> None:
    assert factor(bars_of([float(n + 1) for n in range(60)], spread=2.0), "trend_strength_50")[49] == pytest.approx(
        24.5 / 4.0
    )


def test_a_price_that_never_moves_has_no_trend_strength() -> None:
    assert np.isnan(factor(bars_of([10.0] * 60), "trend_strength_50")).all()


def test_bars_too_few_for_a_factor_have_none() -> None:
    for name in ("returns_12m", "momentum_12m_excl_1m", "trend_strength_200", "rv_20"):
        assert np.isnan(factor(bars_of([10.0, 11.0]), name)).all()


def test_the_default_bundle_is_sound() -> None:
    assert bundle_of(DEFAULT_BUNDLE).factors == tuple(name for name, _, _ in FACTORS)
    assert bundle_of(DEFAULT_BUNDLE).signs == (1.0, 1.0, 1.0, -1.0, 1.0)
