"""The strategies over bars that ship with dbatch keep its contract, and what does not is caught."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from dbatch.strategies import SignalStrategy, execution_of, with_execution
from dbatch.testing import BarStrategyContract
from dbatch_bars.sma_cross import create_sma_cross_handler


class TestBigBar(BarStrategyContract):
    strategy = "bigbar"
    parameters: ClassVar[dict[str, Any]] = {"k_atr_int": 12, "uptail_max_ratio_int": 9, "atr_period": 10}


class TestSmaCross(BarStrategyContract):
    strategy = "sma_cross"


class TestMacd(BarStrategyContract):
    strategy = "macd"
    parameters: ClassVar[dict[str, Any]] = {
        "stop_loss_pct": 3.0,
        "commission_bps": 2.0,
        "spread": 0.02,
        "trailing_stop_pct": 5.0,
    }


@pytest.mark.parametrize(
    "name",
    [
        "rsi_momentum",
        "adx_trend",
        "atr_breakout",
        "donchian",
        "keltner",
        "dual_momentum",
        "rsi_reversal",
        "bollinger_reversal",
        "stochastic",
        "zscore_reversal",
    ],
)
@pytest.mark.parametrize("test", [name for name in dir(BarStrategyContract) if name.startswith("test_")])
def test_the_others_keep_it_too(name: str, test: str) -> None:
    parameters = {"multiple": 0.25} if name == "atr_breakout" else {}
    contract = type(f"Test{name}", (BarStrategyContract,), {"strategy": name, "parameters": parameters})()
    getattr(contract, test)()


class Own(NamedTuple):
    """None."""


def create_seer_handler(config: Any) -> SignalStrategy:
    """Return a strategy that knows the next close."""

    def signals(bars: Any, parameters: Any) -> np.ndarray:
        return np.append(np.sign(np.diff(bars.closes)), 0.0)

    return SignalStrategy(with_execution(Own), signals, execution_of)


def create_plain_handler(config: Any) -> Any:
    """Return a plain handler that buys one at the first bar, and forgets across chunks that it did."""

    def handler(security: str, chunk: Any, orderbook: Any, state: dict[str, Any]) -> dict[str, Any]:
        first = chunk.iloc[0]
        held = state.get("position", 0) + 1
        fill = {"timestamp": first["timestamp"], "side": "buy", "fill_price": first["open"], "fill_qty": 1}
        trades = [*state.get("trades", []), {**fill, "realized_pnl": 0.0, "position": held, "pnl": 0.0}]
        return {"position": held, "trades": trades}

    return handler


def test_who_knows_the_next_close_is_caught() -> None:
    contract = type("TestSeer", (BarStrategyContract,), {"factory": staticmethod(create_seer_handler)})()
    with pytest.raises(AssertionError, match="alone give other fills"):
        contract.test_bars_that_come_later_change_no_earlier_fill()


def test_a_plain_handler_gets_bars_and_one_that_minds_chunks_is_caught() -> None:
    contract = type("TestPlain", (BarStrategyContract,), {"factory": staticmethod(create_plain_handler)})()
    contract.test_it_trades_on_these_bars()
    contract.test_fills_are_sound()
    with pytest.raises(AssertionError, match="against chunks of 7"):
        contract.test_where_chunks_are_cut_changes_nothing()


def test_a_factory_of_another_name_is_caught() -> None:
    def create_something(config: Any) -> Any:
        return create_sma_cross_handler(config)

    contract = type("TestNamed", (BarStrategyContract,), {"factory": staticmethod(create_something)})()
    with pytest.raises(Exception, match="create_"):
        contract.test_the_factory_has_its_name_and_makes_a_handler()
