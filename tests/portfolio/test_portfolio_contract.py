"""The portfolio strategy that ships with dbatch keeps its contract, and what does not is caught."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

from dbatch.portfolio import PortfolioStrategy, Trading
from dbatch.testing import PortfolioStrategyContract


class TestMultifactorLongShort(PortfolioStrategyContract):
    strategy = "multifactor_long_short"


class Own(NamedTuple):
    """One that says which fault there is."""

    fault: Annotated[str, "", "what it does wrong"] = ""


def create_faulty_handler(config: Any) -> PortfolioStrategy:
    """Return equal weights of who rose, with the fault that the parameters name."""

    def feature(bars: Any, name: str) -> np.ndarray:
        if name == "ahead":
            return np.diff(bars.closes, append=np.nan)
        if name == "writes":
            bars.closes.setflags(write=True)
            bars.closes[0] += 1.0
        return np.diff(bars.closes, prepend=np.nan)

    def weigh(values: np.ndarray, parameters: Own) -> np.ndarray:
        if parameters.fault == "counts":
            CALLS.append(1)
            return np.full(len(values), 0.01 * len(CALLS))
        return np.where(values[:, 0] > 0, 0.1, 0.0)

    def prepare(parameters: Own) -> Own:
        return parameters._replace(fault=f"{parameters.fault}+") if parameters.fault.startswith("again") else parameters

    features = {"ahead": ("ahead",), "writes": ("writes",)}
    return PortfolioStrategy(
        Own, lambda given: features.get(given.fault, ("change",)), feature, weigh, lambda given: Trading(), prepare
    )


CALLS: list[int] = []


def contract(fault: str, factory: Any = create_faulty_handler) -> Any:
    named = {"factory": staticmethod(factory), "parameters": {"fault": fault}}
    return type("TestFaulty", (PortfolioStrategyContract,), named)()


@pytest.mark.parametrize("test", [name for name in dir(PortfolioStrategyContract) if name.startswith("test_")])
def test_one_without_a_fault_keeps_it(test: str) -> None:
    getattr(contract(""), test)()


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        ("ahead", "test_days_that_come_later_change_no_earlier_weight", "alone give other weights than among all"),
        ("writes", "test_bars_are_left_as_they_are", "the bars of MADE_UP_1 were written to"),
        ("counts", "test_the_same_bars_give_the_same_account", "a second run over the same bars differs: weights of"),
        ("again", "test_prepared_parameters_are_all_there_is_to_know", "preparing prepared parameters changes them"),
    ],
)
def test_a_fault_is_caught(fault: str, test: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(contract(fault), test)()


def test_a_factory_that_returns_something_else_is_caught() -> None:
    def create_other_handler(config: Any) -> Any:
        return print

    with pytest.raises(AssertionError, match="the factory returned builtin_function_or_method"):
        contract("", create_other_handler).test_the_factory_has_its_name_and_makes_a_portfolio_strategy()
