"""Tick sizes of both exchanges, and what they make of a price."""

from __future__ import annotations

import pytest

from dbatch_closing.parameters import Parameters, bind
from dbatch_closing.tick_sizes import EXCHANGES, round_to_tick, tick_size

ADX, DFM = EXCHANGES.index("ADX"), EXCHANGES.index("DFM")


@pytest.mark.parametrize(
    ("price", "adx", "dfm"),
    [(0.5, 0.001, 0.001), (0.999, 0.001, 0.001), (1.0, 0.01, 0.01), (9.99, 0.01, 0.01), (10.0, 0.02, 0.05),
     (49.99, 0.02, 0.05), (50.0, 0.05, 0.05), (99.99, 0.05, 0.05), (100.0, 0.1, 0.05)],
)  # fmt: skip
def test_the_tick_follows_from_exchange_and_price(price: float, adx: float, dfm: float) -> None:
    assert (tick_size(price, ADX), tick_size(price, DFM)) == (adx, dfm)


def test_a_price_becomes_the_nearest_multiple_of_its_tick_dust_included() -> None:
    assert round_to_tick(16.739555351064173, ADX) == 16.740000000000002
    assert round_to_tick(16.739555351064173, DFM) == 335 * 0.05
    assert round_to_tick(1.526448085392252, ADX) == 1.53


def test_a_price_halfway_between_two_multiples_becomes_the_even_one() -> None:
    assert round_to_tick(64.125, DFM) == 1282 * 0.05  # 1282.5 ticks
    assert round_to_tick(63.875, DFM) == 1278 * 0.05  # 1277.5 ticks


@pytest.mark.parametrize(("security", "exchange"), [("EMAAR", DFM), ("dib", DFM), ("SALIK", ADX), ("ADIB", ADX)])
def test_without_an_exchange_it_follows_from_the_security(security: str, exchange: int) -> None:
    assert bind(Parameters().for_security(security)).exchange == exchange


def test_an_exchange_that_is_set_stays() -> None:
    assert Parameters(exchange="ADX").for_security("EMAAR").exchange == "ADX"
