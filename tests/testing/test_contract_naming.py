"""How a contract names its strategy, and what pytest makes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.errors import StrategyError, UsageError
from dbatch.testing import StrategyContract
from dbatch.testing.contract import contract_tests


def create_idle_handler(config: object) -> Callable[..., dict[str, Any]]:
    return lambda security, chunk, orderbook, state: state


class Idle(StrategyContract):
    factory = create_idle_handler


def contract_of(**attributes: Any) -> StrategyContract:
    made: StrategyContract = type("Made", (StrategyContract,), attributes)()
    return made


def test_a_static_factory_is_the_same() -> None:
    contract_of(factory=staticmethod(create_idle_handler)).test_fills_add_up()


def test_a_subclass_of_a_contract_keeps_its_factory() -> None:
    child = type("Child", (Idle,), {})()

    child.test_the_factory_has_its_name_and_makes_a_handler()


def test_a_strategy_of_a_path_is_found(tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text("def create_idle_handler(config):\n    return lambda s, c, o, state: state\n")

    contract = contract_of(strategy="idle", strategy_path=tmp_path)

    contract.test_the_factory_has_its_name_and_makes_a_handler()
    contract.test_the_result_pickles()


def test_a_factory_of_another_name_in_a_module_is_told(tmp_path: Path) -> None:
    (tmp_path / "quiet").mkdir()
    text = "def create_loud_handler(config):\n    return lambda s, c, o, state: state\n"
    (tmp_path / "quiet" / "handler.py").write_text(text)

    with pytest.raises(AssertionError, match="is called create_loud_handler, must be create_quiet_handler or"):
        contract_of(strategy="quiet", strategy_path=str(tmp_path)).test_the_factory_has_its_name_and_makes_a_handler()


def test_an_unknown_strategy_is_told() -> None:
    with pytest.raises(StrategyError, match="unknown strategy 'v1_base'"):
        contract_of(strategy="v1_base").test_fills_add_up()


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, "Made: set strategy = 'name', or factory = create_..._handler; one of the two"),
        ({"strategy": "v1_baseline", "factory": create_idle_handler}, "Made: set strategy"),
        ({"strategy": create_idle_handler}, "Made: strategy is function, must be a name; a function goes into"),
    ],
)
def test_a_contract_must_name_one_strategy(attributes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        contract_of(**attributes).test_fills_add_up()

    assert str(caught.value).startswith(said)


def test_pytest_collects_the_subclass_and_not_the_contract(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from dbatch.testing import StrategyContract\n\n\n"
        "class TestMine(StrategyContract):\n"
        "    strategy = 'v1_baseline'\n"
        "    test_it_trades_on_these_events = None\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", str(tmp_path)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    collected = [line.partition("::")[2] for line in finished.stdout.splitlines() if "::" in line]
    assert collected == [f"TestMine::{name}" for name in contract_tests() if name != "test_it_trades_on_these_events"]
