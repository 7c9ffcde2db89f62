"""A batch file judged by its strategies and data: all faults in one report, each value once, at its place."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from dbatch.batch import setups as setups_module
from dbatch.batch.check_file import FileCheck
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch
from dbatch.batch.setups import Setups
from dbatch.config.batch_file import BatchFile, load_batch
from dbatch.config.sweep import sweep_batch
from dbatch.errors import ConfigError
from dbatch.plugins.discovery import list_strategies

DECLARED = """
from typing import Annotated, NamedTuple

from annotated_types import Ge, Gt


class Parameters(NamedTuple):
    size: Annotated[int, Gt(0)] = 1
    stop: Annotated[float, Ge(0)] | None = None
{more}

def create_{name}_handler(config):
    def handler(security, chunk, orderbook, state):
        return state

    return handler
"""
SIZES = ": must be int > 0, is "


@pytest.fixture
def folder(tmp_path: Path, market: Path) -> Path:
    """A folder with `ticks` of AAA and BBB, and strategies: quoter and limiter declare parameters, loose does not."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "quoter.py").write_text(DECLARED.format(name="quoter", more=""))
    (mine / "limiter.py").write_text(DECLARED.format(name="limiter", more="    limit: int = 5\n"))
    (mine / "loose.py").write_text("def create_loose_handler(config):\n    return lambda *given: {}\n")
    (mine / "broken.py").write_text("import no_such_module\n\n\ndef create_broken_handler(config):\n    return print\n")
    (mine / "wishful.py").write_text(
        "NEEDS = ('bid', 'volume')\n\n\ndef create_wishful_handler(config):\n    return print\n"
    )
    return tmp_path


HEAD = "batch_name: b\ndescription: d\n"
BASE = "base_args: {strategy: quoter, strategy_path: mine, data: ticks}\n"


@pytest.fixture
def load(folder: Path) -> Callable[..., BatchFile]:
    """Load what follows a name, a description and arguments, as the command does."""

    def load(text: str, base: str = BASE, setups: Setups | None = None) -> BatchFile:
        (folder / "b.yaml").write_text(HEAD + base + text)
        return load_batch(folder / "b.yaml", check=FileCheck(setups or Setups()))

    return load


@pytest.fixture
def faults(load: Callable[..., BatchFile], folder: Path) -> Callable[..., list[str]]:
    """Return what is said about such a text, a line each."""

    def faults(text: str, base: str = BASE) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, base)
        return [fault.replace(str(folder), "FOLDER") for fault in caught.value.faults]

    return faults


INSTALLED = sorted({entry.name for entry in entry_points(group="dbatch.strategies")})

TEN_MISTAKES = """\
batch_name: ten
description: ten mistakes
max_worker: 4
base_args:
  strategy: v1_baseline
  start_date: 2025-02-30
  quote_size: big
grid:
  refil_interval_sec: [10, 30]
  max_position: []
seed: 1
runs:
  - id: one
    strategy: v3_missing
  - id: two
    config: nowhere.json
    overrides: {max_notional: -1}
  - id: Two
seed: 2
"""


def test_ten_mistakes_get_ten_messages_and_exit_code_2(dbatch: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "ten.yaml").write_text(TEN_MISTAKES)

    refused = dbatch("batch", "ten.yaml")

    assert (refused.returncode, refused.stdout) == (2, "")
    wanted = "must be int >= 0 and <= 1000000000000000"
    assert refused.stderr.splitlines() == [
        "error: ten.yaml: 10 faults",
        "  max_worker (line 3): unknown key; did you mean 'max_workers'?",
        "  base_args.start_date (line 6): 2025-02-30 is not a day of the calendar",
        f"  base_args.quote_size (line 7): {wanted}, is 'big' (str)",
        "  grid.refil_interval_sec (line 9): unknown parameter; did you mean 'refill_interval_sec'?",
        "  grid.max_position (line 10): is empty, must be a list of values",
        f"  runs[0].strategy (line 14): unknown strategy 'v3_missing' (strategies: {', '.join(INSTALLED)})",
        f"  runs[1].config (line 16): 'nowhere.json' does not exist; it is looked for at {tmp_path}/nowhere.json",
        "  runs[1].overrides.max_notional (line 17): must be float > 0 or none, is -1",
        "  runs[2].id (line 18): 'Two' is the id of runs[1] too, there as 'two'",
        "  seed (line 19): is given twice, first on line 11",
    ]
    assert not (tmp_path / "output").exists()


# Values.


def test_a_sound_file_has_no_faults(load: Callable[..., BatchFile]) -> None:
    text = "grid: {size: [1, 2.0], stop: [null, 0, 0.5], AAA.size: [7]}\nruns: [{id: a, overrides: {bbb.stop: 1}}]\n"
    assert len(load(text).runs) == 7


def test_each_value_is_said_once_at_its_place_however_many_runs_have_it(faults: Callable[..., list[str]]) -> None:
    text = (
        "grid:\n  size: [1, 0, x]\n  stop: [1, 2, 3]\nruns:\n  - id: a\n  - id: b\n"
        "    overrides:\n      size: 1.5\n      stop: -1\n"
    )
    base = "base_args: {strategy: quoter, strategy_path: mine, data: ticks, stop: high}\n"
    assert faults(text, base) == [
        "base_args.stop (line 3): must be float >= 0 or none, is 'high' (str)",
        f"grid.size[1] (line 5){SIZES}0",
        f"grid.size[2] (line 5){SIZES}'x' (str)",
        f"runs[1].overrides.size (line 11){SIZES}1.5",
        "runs[1].overrides.stop (line 12): must be float >= 0 or none, is -1",
    ]


def test_an_unknown_parameter_is_said_once_at_its_key(faults: Callable[..., list[str]]) -> None:
    assert faults("grid: {sise: [1, 2, 3], stop: [1]}\nruns: [{id: a, overrides: {x: 1}}]\n") == [
        "grid.sise (line 4): unknown parameter; did you mean 'size'?",
        "runs[0].overrides.x (line 5): unknown parameter; known: size, stop",
    ]


def test_what_is_drawn_is_judged_by_choices_ends_and_draws(faults: Callable[..., list[str]]) -> None:
    drawn = "  parameters:\n    AAA.size: {choice: [1, 0]}\n    size: {int: [0, 5]}\n    stop: {normal: [0, 1]}\n"
    first, second, third = faults(f"random:\n  n: 20\n{drawn}")
    assert first == f"random.parameters.AAA.size.choice[1] (line 7){SIZES}0"
    assert second == f"random.parameters.size.int[0] (line 8){SIZES}0"
    assert third.startswith("random.parameters.stop.normal (line 9): must be float >= 0 or none, is -")


def test_the_values_of_a_range_are_one_fault(faults: Callable[..., list[str]]) -> None:
    assert faults("grid: {size: -3..3}\n") == [f"grid.size (line 4){SIZES}-3"]


def test_a_value_with_a_fault_already_has_no_second_one(faults: Callable[..., list[str]]) -> None:
    (said,) = faults("grid: {stop: [0.5, '0_5']}\n")
    assert said.startswith("grid.stop[1] (line 4): '0_5' gives run ids with 'stop_0_5'")


def test_an_unknown_parameter_is_said_beside_another_fault_of_its_key(faults: Callable[..., list[str]]) -> None:
    assert faults("grid: {sise: [], stop: [1]}\n") == [
        "grid.sise (line 4): is empty, must be a list of values",
        "grid.sise (line 4): unknown parameter; did you mean 'size'?",
    ]


def test_a_strategy_that_declares_nothing_takes_anything(load: Callable[..., BatchFile]) -> None:
    base = BASE.replace("quoter", "loose")
    assert len(load("grid: {size: [1, x], whatever: [{}]}\n".replace("{}]", "1]"), base).runs) == 2


# Several strategies.


def test_a_value_is_judged_by_those_strategies_alone_that_get_it(
    faults: Callable[..., list[str]], load: Callable[..., BatchFile]
) -> None:
    base = BASE.replace("}", ", limit: 3}")
    mixed = "runs:\n  - {id: a, strategy: limiter}\n  - {id: b, strategy: loose}\n"
    assert len(load(mixed, base).runs) == 2
    assert faults(mixed + "  - {id: c}\n", base) == [
        "base_args.limit (line 3): unknown parameter; known: size, stop (strategy 'quoter')"
    ]


def test_a_value_that_all_runs_of_a_strategy_replace_is_not_its_fault(load: Callable[..., BatchFile]) -> None:
    base = BASE.replace("}", ", size: many}")
    assert len(load("grid: {size: [1, 2]}\nruns: [{id: a, strategy: loose}]\n", base).runs) == 3


def test_what_all_strategies_refuse_is_said_once(faults: Callable[..., list[str]]) -> None:
    assert faults("strategies: [quoter, limiter]\ngrid: {size: [0], limit: [1]}\n") == [
        f"grid.size[0] (line 5){SIZES}0",
        "grid.limit (line 5): unknown parameter; known: size, stop (strategy 'quoter')",
    ]


# Strategies.


def test_strategies_that_cannot_be_had_are_said_where_they_are_named(faults: Callable[..., list[str]]) -> None:
    text = (
        "strategies: [quoter, qouter, broken]\nruns:\n  - {id: a, strategy: qouter}\n  - {id: b, strategy: wishful}\n"
    )
    there = {listing.name for listing in list_strategies()}  # the project's own plugins/ too
    known = ", ".join(sorted({*there, "broken", "limiter", "loose", "quoter", "wishful"}))
    said = faults(text)
    unknown = f"unknown strategy 'qouter'; did you mean 'quoter'? (strategies: {known})"
    assert said[0] == f"strategies[1] (line 4): {unknown}"
    assert said[1].startswith("strategies[2] (line 4): strategy 'broken' cannot be imported: ")
    assert "No module named 'no_such_module'" in said[1]
    assert said[2] == f"runs[0].strategy (line 6): {unknown}"
    assert said[3] == (
        "runs[1].strategy (line 7): strategy 'wishful': NEEDS has 'volume', each must be one of 'bid', 'ask', 'trade'"
    )
    assert len(said) == 4


def test_a_path_without_strategies_is_said_where_it_is_named(faults: Callable[..., list[str]]) -> None:
    (said,) = faults("runs: [{id: a}, {id: b}]\n", BASE.replace("mine", "ticks"))
    assert said.startswith("base_args.strategy_path (line 3): strategy path 'FOLDER/ticks' holds no strategy: ")


def test_a_path_that_is_not_there_is_one_fault(faults: Callable[..., list[str]]) -> None:
    assert faults("runs: [{id: a}]\n", BASE.replace("mine", "yours")) == [
        "base_args.strategy_path (line 3): 'yours' does not exist; it is looked for at FOLDER/yours"
    ]


# Data and configurations.


def test_a_parameter_of_a_security_that_is_not_there_is_a_fault(faults: Callable[..., list[str]]) -> None:
    assert faults("grid: {AAB.size: [1]}\nruns: [{id: a, securities: [AAA], overrides: {BBB.size: 1}}]\n") == [
        "grid.AAB.size (line 4): no security 'AAB'; did you mean 'AAA'?",
        "runs[0].overrides.BBB.size (line 5): no security 'BBB'",
    ]


def test_a_section_of_the_configuration_is_a_security_too(load: Callable[..., BatchFile], folder: Path) -> None:
    (folder / "c.json").write_text('{"CCC": {"size": 5}}')
    assert load("grid: {CCC.size: [1]}\n", BASE.replace("}", ", config: c.json}")).runs


@pytest.mark.parametrize("unread", ["config: nowhere.json", "data: nowhere", "strategy: 5"])
def test_where_securities_cannot_be_known_none_is_missed(faults: Callable[..., list[str]], unread: str) -> None:
    (said,) = faults(f"runs: [{{id: a, {unread}, overrides: {{CCC.size: 1}}}}]\n")
    assert "CCC" not in said


def test_securities_that_the_data_does_not_hold_are_said_where_they_are_named(faults: Callable[..., list[str]]) -> None:
    text = "securities: [AAA, CCC]\nruns: [{id: a, overrides: {CCC.size: 1}}]\n"
    assert faults(text) == ["securities (line 4): FOLDER/ticks: no security 'CCC'; there are AAA, BBB"]


def test_data_that_cannot_be_opened_is_said_where_it_is_named(faults: Callable[..., list[str]]) -> None:
    assert faults("runs: [{id: a, data: mine, overrides: {AAA.size: 0}}]\n") == [
        "runs[0].data (line 4): FOLDER/mine: the folder holds no .parquet, .csv or .xlsx file",
        f"runs[0].overrides.AAA.size (line 4){SIZES}0",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"AAA": 5}', "AAA: must be a mapping of parameters, is int; "
         "parameters of every security stand in a 'default' section"),
        ('{"AAA": {"size": 1, "size": 2}}', "AAA.size (line 1): is given twice, first on line 1"),
    ],
)  # fmt: skip
def test_a_configuration_with_faults_is_said_where_it_is_named(
    faults: Callable[..., list[str]], folder: Path, content: str, said: str
) -> None:
    (folder / "c.json").write_text(content)
    assert faults("runs: [{id: a}]\n", BASE.replace("}", ", config: c.json}")) == [
        f"base_args.config (line 3): FOLDER/c.json: {said}"
    ]


# With the plan.


def test_what_was_opened_for_the_check_is_not_opened_again_for_the_plan(
    load: Callable[..., BatchFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_data = setups_module.open_data
    monkeypatch.setattr(
        setups_module, "open_data", lambda path, **how: (opened.append(path), open_data(path, **how))[1]
    )
    setups = Setups()
    plan_batch(load("grid: {size: [1, 2]}\n", setups=setups), BatchOptions(), setups=setups)
    assert len(opened) == 1


def test_a_required_parameter_is_for_the_plan_to_miss(load: Callable[..., BatchFile], folder: Path) -> None:
    (folder / "mine" / "strict.py").write_text(DECLARED.replace(" | None = None", "").format(name="strict", more="")
                                               .replace("= 1", ""))  # fmt: skip
    setups = Setups()
    batch = load("grid: {size: [1, 2]}\n", BASE.replace("quoter", "strict"), setups)
    with pytest.raises(ConfigError, match="stop: is required"):
        plan_batch(batch, BatchOptions(), setups=setups)


def test_a_sweep_is_judged_as_a_file_is(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        sweep_batch(
            ["quoter", "qouter"],
            ["size=1,0", "stap=1"],
            fields={"base_args": {"strategy_path": "mine", "data": "ticks", "CCC.stop": 1}, "max_worker": 1},
            folder=folder,
            check=FileCheck(Setups()),
        )
    assert [fault.partition(" (strategies")[0] for fault in caught.value.faults] == [
        "max_worker: unknown key; did you mean 'max_workers'?",
        "base_args.CCC.stop: no security 'CCC'",
        f"grid.size[1]{SIZES}0",
        "grid.stap: unknown parameter; did you mean 'stop'?",
        "strategies[1]: unknown strategy 'qouter'; did you mean 'quoter'?",
    ]
