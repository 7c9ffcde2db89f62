"""`dbatch strategies check`: the contract in a process of its own, whatever the strategy does there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dbatch.cli.strategies import app
from dbatch.testing import BarStrategyContract
from dbatch.testing.contract import contract_tests

TITLES = list(contract_tests().values())

STRATEGIES = '''"""Strategies that misbehave."""

import os
import random
import signal
import subprocess
import sys
import time

print("imported")


def calling(fault):
    def handler(security, chunk, orderbook, state):
        print("called")
        fault(state)
        return state

    return handler


def create_idle_handler(config):
    return calling(lambda state: None)


def create_random_handler(config):
    return calling(lambda state: state.update(position=random.randrange(10**9)))


def create_raising_handler(config):
    return calling(lambda state: state["nowhere"])


def create_leaving_handler(config):
    def fault(state):
        if os.fork() == 0:
            time.sleep(600)  # keeps whatever was open
        os._exit(9)

    return calling(fault)


def create_crashing_handler(config):
    return calling(lambda state: os.kill(os.getpid(), signal.SIGSEGV))


def create_hanging_handler(config):
    def fault(state):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open(config["TEST"].get("told", os.devnull), "w") as file:
            file.write(f"{os.getpid()} {child.pid}\\n")
        time.sleep(600)

    return calling(fault)


def create_empty_handler(config):
    return None
'''


@pytest.fixture
def strategies(tmp_path: Path) -> Path:
    path = tmp_path / "strategies.py"
    path.write_text(STRATEGIES)
    return path


def check(name: str, path: Path, *arguments: str) -> tuple[Result, list[dict[str, Any]]]:
    """Return how the command ended, and its results as it prints them with --json."""
    result = CliRunner().invoke(app, ["check", name, "--strategy-path", str(path), "--json", *arguments])
    document = json.loads(result.stdout)
    assert document["schema"] == "dbatch.strategy-check/1"
    assert document["strategy"] == name
    assert document["passed"] is (result.exit_code == 0)
    return result, document["tests"]


def statuses(tests: list[dict[str, Any]]) -> list[str]:
    return [test["status"] for test in tests]


def test_a_strategy_that_keeps_the_contract_is_exit_code_0_and_a_line_a_test() -> None:
    result = CliRunner().invoke(app, ["check", "v1_baseline"])

    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        *(f"ok      {title}" for title in TITLES),
        f"v1_baseline: keeps the contract ({len(TITLES)} ok)",
    ]


def test_a_strategy_over_bars_is_held_to_the_contract_of_its_kind() -> None:
    result = CliRunner().invoke(app, ["check", "sma_cross"])

    titles = contract_tests(BarStrategyContract).values()
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        *(f"ok      {title}" for title in titles),
        f"sma_cross: keeps the contract ({len(titles)} ok)",
    ]


def test_a_strategy_that_never_trades_is_told_so_and_no_failure(strategies: Path, capfd: Any) -> None:
    result, tests = check("idle", strategies)

    assert result.exit_code == 0
    assert [test["test"] for test in tests] == TITLES
    assert statuses(tests).count("note") == 1
    assert "note    it trades on these events: no fill in 4,500 events" in result.stderr
    printed = capfd.readouterr()
    assert "imported" in printed.err
    assert "called" in printed.err
    assert "called" not in printed.out


def test_a_broken_contract_is_exit_code_1_with_its_message_though_python_is_to_leave_out_assertions(
    strategies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")

    result, tests = check("random", strategies)

    assert result.exit_code == 1
    assert "FAILED  the same events give the same result: a second run over the same events differs" in result.stderr
    assert "random: does not keep the contract" in result.stderr
    assert set(statuses(tests)) == {"ok", "note", "failed"}


def test_what_a_handler_raises_is_an_error_with_its_line(strategies: Path) -> None:
    result, tests = check("raising", strategies)

    line = STRATEGIES.splitlines().index('    return calling(lambda state: state["nowhere"])') + 1
    said = f"{strategies}:{line}: KeyError: 'nowhere'"
    assert result.exit_code == 1
    assert tests[TITLES.index("it trades on these events")] == {
        "test": "it trades on these events", "status": "error", "message": said
    }  # fmt: skip
    assert statuses(tests)[:2] == ["ok", "ok"]


NOT_COMPILED = """
from typing import NamedTuple

from dbatch.sim import Event, Fill, no_fill
from dbatch.strategies import EventStrategy
from numba import njit


class Parameters(NamedTuple):
    pass


class State(NamedTuple):
    seen: int


@njit(inline="always")
def start(params: Parameters) -> State:
    return State(0)


@njit(inline="always")
def on_event(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, no_fill()


def create_broken_handler(config):
    return EventStrategy(parameters=Parameters, bind=lambda given: given, start=start, on_event=on_event)
"""


def test_what_cannot_be_compiled_is_told_once_and_no_other_test_is_run(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(NOT_COMPILED)

    result, tests = check("broken", path)

    line = NOT_COMPILED.splitlines().index("    return state, no_fill()") + 1
    at = TITLES.index("it trades on these events")
    said = f"{path}:{line}: on_event returns (State, Fill), must return (State, (Fill,)), with 1 fill as annotated"
    assert result.exit_code == 1
    assert statuses(tests) == [*["ok"] * at, "error", *["not run"] * (len(TITLES) - at - 1)]
    assert tests[at]["message"] == said


def test_without_a_handler_no_other_test_is_run(strategies: Path) -> None:
    result, tests = check("empty", strategies)

    assert result.exit_code == 1
    assert statuses(tests) == ["error", *["not run"] * (len(TITLES) - 1)]
    assert "create_empty_handler(config) returned NoneType" in tests[0]["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and fork")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("crashing", f"died by signal {int(signal.SIGSEGV)} ({signal.strsignal(signal.SIGSEGV)})"),
        ("leaving", "the process ended by itself with exit code 9 (os._exit, or a crash in native code)"),
    ],
)
def test_a_death_is_named_with_the_test_in_which_it_came(strategies: Path, name: str, said: str) -> None:
    result, tests = check(name, strategies)

    at = TITLES.index("it trades on these events")
    assert result.exit_code == 1
    assert tests[at]["message"] == said
    assert statuses(tests) == [*["ok"] * at, "error", *["not run"] * (len(TITLES) - at - 1)]


def test_a_hanging_handler_is_named_with_its_test_and_killed(strategies: Path, tmp_path: Path, capfd: Any) -> None:
    told = tmp_path / "told.txt"

    result, tests = check("hanging", strategies, "--timeout", "3", "--set", f"told={told}")

    at = TITLES.index("it trades on these events")
    assert result.exit_code == 1
    assert tests[at]["message"].startswith("still running after 3 seconds, and killed")
    assert statuses(tests)[at:] == ["error", *["not run"] * (len(TITLES) - at - 1)]
    assert "in fault" in capfd.readouterr().err
    gone(told)


def gone(told: Path) -> None:
    """Wait until the processes whose numbers a handler wrote down are no more."""
    numbers = [int(number) for number in told.read_text().split()]
    assert len(numbers) == 2
    deadline = time.monotonic() + 20
    while any(is_running(number) for number in numbers):
        assert time.monotonic() < deadline, "a process is still there"
        time.sleep(0.05)


def is_running(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_no_process_behind(strategies: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    command = [sys.executable, "-m", "dbatch", "strategies", "check", "hanging", "--set", f"told={told}"]
    driver = subprocess.Popen(
        [*command, "--strategy-path", str(strategies)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (told.exists() and told.read_text().endswith("\n")):
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.05)

    os.killpg(driver.pid, signal.SIGINT)

    _, said = driver.communicate(timeout=30)
    assert driver.returncode == 130, said
    assert "Traceback" not in said
    gone(told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["v1_base"], "error: unknown strategy 'v1_base'; did you mean 'v1_baseline'?"),
        (
            ["v1_baseline", "--set", "quote_sise=5"],
            "error: --set quote_sise: unknown parameter; did you mean 'quote_size'?",
        ),
        (["v1_baseline", "--set", "quote_size"], "error: --set: 'quote_size': must be KEY=VALUE"),
        (["v1_baseline", "--set", "ALFA.quote_size=5"], "error: --set: ALFA.quote_size: no security 'ALFA'"),
        (["v1_baseline", "--strategy-path", "nowhere"], "error: strategy path 'nowhere'"),
    ],
)
def test_what_cannot_be_checked_is_exit_code_2_and_one_line(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["check", *arguments])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_parameters_reach_the_child() -> None:
    result = CliRunner().invoke(app, ["check", "v1_baseline", "--set", "quote_size=0", "--json"])

    assert json.loads(result.stdout)["tests"][TITLES.index("it trades on these events")]["status"] == "note"


def test_the_path_may_stand_before_the_command(strategies: Path) -> None:
    result = CliRunner().invoke(app, ["--strategy-path", str(strategies), "check", "empty"])

    assert result.exit_code == 1


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["show", "--help"]])
def test_help_is_plain_text(arguments: list[str]) -> None:
    shown = CliRunner().invoke(app, arguments).stdout

    assert "Options:\n" in shown
    assert "─" not in shown


def test_help_says_what_name_is() -> None:
    shown = CliRunner().invoke(app, ["check", "--help"]).stdout

    assert "NAME" in shown.splitlines()[0]
    assert "A strategy, as `dbatch strategies` calls it." in " ".join(shown.split())
