"""multifactor_long_short once more, in pandas, day by day, from the rules alone; of a panel of closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

Factor = tuple[str, float, str]


def factor_table(closes: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the factor of every security on its own days."""
    columns = {}
    for security in closes:
        price = closes[security].dropna()
        if name == "returns_12m":
            value = np.log(price / price.shift(252))
        elif name == "momentum_12m_excl_1m":
            value = np.log(price.shift(21) / price.shift(252))
        elif name.startswith("rv_"):
            value = np.log(price / price.shift(1)).rolling(int(name[3:])).std() * 252**0.5
        else:
            length = int(name.removeprefix("trend_strength_"))
            atr = price.diff().abs().rolling(20).mean()
            value = (price - price.rolling(length).mean()) / atr.where(atr > 1e-12)
        columns[security] = value
    return pd.DataFrame(columns, index=closes.index)


def scores(today: pd.DataFrame, factors: Sequence[Factor]) -> pd.Series:
    """Return the score of each security from its factors on one day, a column each."""
    parts, weights = [], []
    for name, weight, direction in factors:
        value = today[name]
        value = value.clip(value.quantile(0.01), value.quantile(0.99))
        if value.count() < 2:
            z = value * np.nan
        elif value.std() <= 1e-10:
            z = value * 0.0
        else:
            z = (value - value.mean()) / value.std()
        parts.append(z * (1 if direction == "positive" else -1))
        weights.append(weight)
    table = pd.concat(parts, axis=1)
    share = pd.DataFrame([weights] * len(table), index=table.index, columns=table.columns).where(table.notna())
    return (table * share).sum(axis=1, min_count=1) / share.sum(axis=1, min_count=1)


def target(score: pd.Series, gross: float, net: float) -> pd.Series:
    """Return the weights of one day."""
    ranked = score.dropna().sort_values(ascending=False, kind="stable")
    side = max(2, round(len(ranked) * 0.2 - 0.4999999))
    weight = pd.Series(0.0, index=score.index)
    if len(ranked) >= 2 * side:
        weight[ranked.index[:side]] = (gross + net) / 2 / side
        weight[ranked.index[-side:]] = -(gross - net) / 2 / side
    return weight


def twin(
    closes: pd.DataFrame, factors: Sequence[Factor], *, gross: float, bps: float, capital: float, start: str, end: str
) -> dict[str, Any]:
    """Return weights by signal date, orders and equity by day; `bps` is what an order costs altogether."""
    closes = closes[:end].dropna(how="all")
    tables = {name: factor_table(closes, name) for name, _, _ in factors}
    months = closes.index.to_period("M")
    is_signal = (months != np.roll(months, 1)) & (closes.index >= start)
    cash, shares, last = capital, pd.Series(0.0, index=closes.columns), pd.Series(0.0, index=closes.columns)
    waiting, begun = None, False
    equity, weights, orders = {}, {}, []
    for day, price in closes[start:].iterrows():
        if waiting is not None:
            worth = cash + (shares * price.fillna(last)).sum()
            change = (waiting * worth / price - shares).where(price.notna(), 0.0)
            cash -= (change * price).sum() + (change * price).abs().sum() * bps / 1e4
            shares = shares + change
            orders += [(day, name, amount) for name, amount in change.items() if amount != 0.0]
            waiting = None
        last = price.fillna(last)
        equity[day] = cash + (shares * last).sum()
        if is_signal[closes.index.get_loc(day)]:
            traded = price.dropna().index
            today = pd.DataFrame({name: table.loc[day, traded] for name, table in tables.items()})
            begun = begun or bool(today.notna().to_numpy().any())
            weights[day] = target(scores(today, factors), gross, 0.0).reindex(closes.columns, fill_value=0.0)
            waiting = weights[day] if begun else None
    return {"equity": pd.Series(equity), "weights": pd.DataFrame(weights).T, "orders": orders}
