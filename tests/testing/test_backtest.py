"""A strategy over a few ticks, in a line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
import pytest
from annotated_types import Gt

from dbatch.errors import ConfigError, HandlerError, SchemaError, StrategyError, UsageError
from dbatch.schema import FILL_DTYPES
from dbatch.testing import Outcome, backtest, ticks_of
from dbatch_market_making.v1_baseline import create_v1_baseline_handler


class Parameters(NamedTuple):
    size: Annotated[int, Gt(0), "shares", "size of a purchase"] = 100


def create_buyer_handler(config: dict[str, dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Buys at every trade; the state holds how many rows each chunk had."""

    def handler(security: str, chunk: pd.DataFrame, orderbook: object, state: dict[str, Any]) -> dict[str, Any]:
        size = config[security].get("size", 100)
        for row in chunk[chunk["type"] == "trade"].itertuples():
            trades = state.setdefault("trades", [])
            shares = (trades[-1]["position"] if trades else 0) + size
            trades.append(
                {
                    "timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": size,
                    "realized_pnl": -1.0, "position": shares, "pnl": -1.0 * (len(trades) + 1),
                }
            )  # fmt: skip
        return state

    return handler


TICKS = ticks_of("10:00:01 bid 10.00 500", "10:00:02 trade 10.00 200", "10:00:02 trade 10.02 200")


def test_an_outcome_has_the_fills_the_position_and_the_pnl() -> None:
    outcome = backtest(create_buyer_handler, TICKS, size=50)

    expected = pd.DataFrame(
        {
            "timestamp": TICKS["timestamp"].iloc[1:].reset_index(drop=True),
            "side": ["buy", "buy"],
            "fill_price": [10.0, 10.02],
            "fill_qty": [50, 50],
            "realized_pnl": [-1.0, -1.0],
            "position": [50, 100],
            "pnl": [-1.0, -2.0],
        }
    ).astype(FILL_DTYPES)
    pd.testing.assert_frame_equal(outcome.fills, expected, check_exact=True)
    assert (outcome.position, outcome.realized_pnl) == (100, -2.0)


def test_a_compiled_strategy_fills_behind_the_queue_that_was_there() -> None:
    ticks = ticks_of(
        "10:00:01 bid 10.00 500",  # we join behind 500
        "10:00:02 trade 10.00 700",  # 500 of them, then 200 of ours
    )

    outcome = backtest(create_v1_baseline_handler, ticks, quote_size=1_000, min_local_currency_before_quote=0)

    assert outcome.fills["fill_qty"].tolist() == [200]
    assert outcome.position == 200


def test_the_name_of_an_installed_strategy_does_as_well_as_its_factory() -> None:
    ticks = ticks_of("10:00:01 bid 10.00 5000", "10:00:02 trade 10.00 7000")

    assert backtest("v1_baseline", ticks) == backtest(create_v1_baseline_handler, ticks)
    assert backtest("v1_baseline", ticks).position == 2_000


def test_where_the_ticks_are_cut_is_the_callers_choice() -> None:
    lengths = []

    def create_counting_handler(config: object) -> Callable[..., dict[str, Any]]:
        def handler(security: str, chunk: pd.DataFrame, orderbook: object, state: dict[str, Any]) -> dict[str, Any]:
            lengths.append(len(chunk))
            return state

        return handler

    backtest(create_counting_handler, TICKS)
    backtest(create_counting_handler, TICKS, chunk_rows=2)

    assert lengths == [3, 2, 1]


def test_the_handler_gets_the_security_and_a_section_of_its_own() -> None:
    seen: dict[str, Any] = {}

    class Awkward(NamedTuple):
        ticks: int
        strategy: str
        size: int

    def create_looking_handler(config: dict[str, Any]) -> Callable[..., dict[str, Any]]:
        def handler(security: str, chunk: pd.DataFrame, orderbook: object, state: dict[str, Any]) -> dict[str, Any]:
            seen.update(security=security, config=config)
            return state

        handler.parameters = Awkward
        return handler

    backtest(create_looking_handler, TICKS, security="ADIB", ticks=5, strategy="x", size=7)

    assert seen == {"security": "ADIB", "config": {"ADIB": {"ticks": 5, "strategy": "x", "size": 7}}}


def test_no_ticks_give_no_fills() -> None:
    outcome = backtest(create_buyer_handler, ticks_of())

    assert (len(outcome.fills), outcome.position, outcome.realized_pnl) == (0, 0, 0.0)
    assert list(outcome.fills.columns) == list(FILL_DTYPES)
    pd.testing.assert_frame_equal(outcome.fills, outcome.fills.astype(FILL_DTYPES), check_exact=True)


def test_outcomes_are_equal_when_every_value_is() -> None:
    first = backtest(create_buyer_handler, TICKS)

    assert first == backtest(create_buyer_handler, TICKS, chunk_rows=1)
    assert first != backtest(create_buyer_handler, TICKS, size=101)
    assert first != backtest(create_buyer_handler, TICKS.assign(price=TICKS["price"] + 1e-12))


def test_an_outcome_cannot_be_changed() -> None:
    outcome = backtest(create_buyer_handler, TICKS)

    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.position = 5


@pytest.mark.parametrize(
    ("factory", "parameters", "said"),
    [
        (create_buyer_handler, {"sise": 5}, "parameters of buyer: TEST.sise: unknown parameter; did you mean 'size'?"),
        (create_buyer_handler, {"size": 0}, "parameters of buyer: TEST.size: must be int > 0, is 0"),
        ("v1_baseline", {"quote_sise": 5}, "TEST.quote_sise: unknown parameter; did you mean 'quote_size'?"),
        ("v1_baseline", {"quote_size": 0.5}, "TEST.quote_size: must be int >= 0"),
    ],
)
def test_parameters_are_checked_as_a_run_checks_them(factory: Any, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        backtest(factory, TICKS, **parameters)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_says_which_are_known() -> None:
    with pytest.raises(StrategyError, match="unknown strategy 'v1_base'; did you mean 'v1_baseline'"):
        backtest("v1_base", TICKS)


def test_a_strategy_of_a_path_in_the_environment_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "idle.py").write_text("def create_idle_handler(config):\n    return lambda s, c, o, state: state\n")
    monkeypatch.setenv("DBATCH_STRATEGY_PATH", str(tmp_path))

    assert backtest("idle", TICKS).fills.empty


def test_what_the_handler_raises_comes_out_as_it_is() -> None:
    def create_broken_handler(config: object) -> Callable[..., dict[str, Any]]:
        return lambda *arguments: {}["price"]

    with pytest.raises(KeyError, match="price"):
        backtest(create_broken_handler, TICKS)


def test_a_factory_that_returns_no_handler_is_a_fault_of_the_handler() -> None:
    with pytest.raises(HandlerError, match="the factory returned NoneType, must be a handler"):
        backtest(lambda config: None, TICKS)


@pytest.mark.parametrize(
    ("ticks", "error", "said"),
    [
        (TICKS.drop(columns="volume"), UsageError, "ticks have no column 'volume', must have timestamp, type, price"),
        (["10:00 bid 10"], UsageError, "ticks are list, must be a DataFrame such as ticks_of gives"),
        (TICKS.assign(price="ten"), SchemaError, "ticks: column 'price' is"),
        (TICKS.assign(timestamp=1), SchemaError, "ticks: column 'timestamp' is int64"),
    ],
)
def test_ticks_that_are_no_events_are_refused(ticks: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        backtest(create_buyer_handler, ticks)

    assert said in str(caught.value)


def test_a_chunk_of_no_rows_is_refused() -> None:
    with pytest.raises(UsageError, match="chunk_rows is 0, must be 1 or more"):
        backtest(create_buyer_handler, TICKS, chunk_rows=0)


def test_a_strategy_that_is_neither_name_nor_factory_is_refused() -> None:
    with pytest.raises(UsageError, match="the strategy is EventStrategy, must be its name or its create_"):
        backtest(create_v1_baseline_handler({}), TICKS)


def test_ticks_may_be_of_any_kind_that_a_file_may_have() -> None:
    """Upper-case types, a missing volume, times with a zone and in microseconds, columns in another order."""
    odd = pd.DataFrame(
        {
            "volume": [500.0, None, 200.0],
            "type": pd.Categorical(["BID", "TRADE", " Trade "]),
            "price": TICKS["price"],
            "timestamp": TICKS["timestamp"].astype("datetime64[us]").dt.tz_localize("Asia/Dubai"),
        }
    ).set_axis([7, 7, 7])

    assert backtest(create_buyer_handler, odd) == backtest(create_buyer_handler, TICKS)


def test_rows_without_any_type_are_events() -> None:
    assert backtest(create_buyer_handler, TICKS.assign(type=None)).fills.empty


def test_the_outcome_of_a_run_is_the_outcome_of_the_engine() -> None:
    """What `dbatch.simulate` computes for the sample's first security, and what backtest says."""
    import dbatch
    from dbatch.data.sample import sample_path

    ticks = dbatch.read_ticks(str(sample_path()))
    expected = dbatch.simulate(ticks, "v1_baseline").partitions[0].compute()
    outcome: Outcome = backtest("v1_baseline", ticks.partitions[0].compute(), security="ALFA")

    assert len(expected) > 0
    pd.testing.assert_frame_equal(outcome.fills, expected.reset_index(drop=True), check_exact=True)
