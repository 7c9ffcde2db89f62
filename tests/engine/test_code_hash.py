"""What the code's hash covers: the strategy's files, and what it imports from outside them."""

import importlib
import sys

import pytest

from dbatch.engine.plan import code_hash
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler

PLAIN = "def create_s_handler(config):\n    return print\n"
COMPILED = """
from typing import NamedTuple

from numba import njit

from dbatch.sim import Event, Fill, Position, flat, no_fill
from dbatch.strategies import EventStrategy


class Parameters(NamedTuple):
    size: int = 1


class State(NamedTuple):
    position: Position


@njit(inline="always")
def start(params: Parameters) -> State:
    return State(flat())


@njit(inline="always")
def on_event(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


def create_s_handler(config):
    return EventStrategy(parameters=Parameters, bind=lambda given: given, start=start, on_event=on_event)
"""


def hash_of(path):
    ref = resolve("s", [str(path)], entry_points=[]).ref
    return code_hash(ref, make_handler(ref, {})), ref.source_hash


@pytest.fixture(params=[PLAIN, COMPILED], ids=["plain", "compiled"])
def importing(tmp_path, request):
    (tmp_path / "strats").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "dbatch_test_common.py").write_text("X = 1\n")
    head = f"import sys\nsys.path.insert(0, {str(tmp_path / 'lib')!r})\nimport dbatch_test_common\n"
    (tmp_path / "strats" / "s.py").write_text(head + request.param)
    return tmp_path


def test_two_strategies_of_one_file_have_two_code_hashes(tmp_path):
    (tmp_path / "s.py").write_text(f"{PLAIN}\n\n{PLAIN.replace('_s_', '_t_')}")
    first, second = (resolve(name, [str(tmp_path)], entry_points=[]).ref for name in "st")
    assert first.source_hash == second.source_hash
    assert code_hash(first, print) != code_hash(second, print)


def test_what_else_is_loaded_is_no_part_of_a_strategy_that_uses_a_public_name(tmp_path, monkeypatch):
    (tmp_path / "s.py").write_text("from dbatch import MissingDataError\n" + COMPILED)
    with monkeypatch.context() as patched:
        patched.delitem(sys.modules, "dbatch.data.bar_frame", raising=False)
        before = hash_of(tmp_path)
    importlib.import_module("dbatch.data.bar_frame")
    assert hash_of(tmp_path) == before


def test_an_edit_outside_the_strategys_files_changes_the_code_hash_and_undoing_it_restores_it(importing):
    common = importing / "lib" / "dbatch_test_common.py"
    before, source = hash_of(importing / "strats")
    common.write_text("X = 2\n")
    edited, same_source = hash_of(importing / "strats")
    common.write_text("X = 1\n")
    assert source == same_source
    assert len({before, edited, source}) == 3
    assert hash_of(importing / "strats")[0] == before
