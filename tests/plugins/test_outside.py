"""Code outside a strategy's own files: it is known by content, and an edit of it is seen."""

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import load_factory, make_handler, outside_files

ABOVE = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))\n"
BESIDE = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))\n"
FACTORY = "def create_handler(config):\n    return lambda: X\n"


def ref_of(name, path):
    return resolve(name, [str(path)], entry_points=[]).ref


@pytest.fixture
def given(tmp_path, write):
    """A package without `__init__.py`, given by its own folder, that imports a base module above it."""
    files = {"v1/handler.py": f"{ABOVE}from base_strategy import X\n{FACTORY}", "base_strategy.py": "X = 1\n"}
    write(tmp_path / "strategies", files)
    return tmp_path / "strategies" / "v1"


def test_a_module_above_the_given_folder_is_an_outside_file(given):
    assert outside_files(ref_of("v1", given)) == {"base_strategy": b"X = 1\n"}


def test_outside_files_are_remembered_for_a_second_call(given):
    ref = ref_of("v1", given)
    assert outside_files(ref) == outside_files(ref) != {}


def test_a_strategy_with_all_its_code_in_its_tree_has_no_outside_files(package_tree):
    assert outside_files(ref_of("v1_baseline", package_tree)) == {}


def test_an_installed_strategy_has_no_outside_files(tmp_path, write, entry_point, monkeypatch):
    write(tmp_path, {"shipped_pkg/__init__.py": "", "shipped_pkg/m.py": "X = 1\n" + FACTORY})
    monkeypatch.syspath_prepend(str(tmp_path))
    ref = resolve("m", entry_points=[entry_point("m", "shipped_pkg.m:create_handler")]).ref
    assert outside_files(ref) == {}


def test_installed_and_standard_modules_are_no_outside_files(tmp_path, write):
    write(tmp_path, {"s.py": f"import this, wave, yaml, pandas\nX = 1\n{FACTORY}"})
    assert outside_files(ref_of("s", tmp_path)) == {}


def test_what_an_outside_module_imports_is_an_outside_file_too(given, write):
    write(given.parent, {"base_strategy.py": "from deeper.rule import X\n", "deeper/rule.py": "X = 2\n"})
    outside = outside_files(ref_of("v1", given))
    assert sorted(outside) == ["base_strategy", "deeper.rule"]


def test_an_edit_outside_the_tree_runs_the_new_code(given, write):
    assert make_handler(ref_of("v1", given), {})() == 1
    write(given.parent, {"base_strategy.py": "X = 2\n"})
    ref = ref_of("v1", given)
    assert outside_files(ref) == {"base_strategy": b"X = 2\n"}
    assert make_handler(ref, {})() == 2


def test_unchanged_outside_files_import_nothing_again(given):
    ref = ref_of("v1", given)
    assert load_factory(ref) is load_factory(ref)


def test_outside_modules_of_one_name_from_two_places_keep_apart(tmp_path, write):
    for place, value in (("one", 1), ("two", 2)):
        text = f"{BESIDE}from common import X\n{FACTORY}"
        write(tmp_path / place, {"strats/s.py": text, "lib/common.py": f"X = {value}\n"})
    refs = [ref_of("s", tmp_path / place / "strats" / "s.py") for place in ("one", "two")] * 2
    assert [make_handler(ref, {})() for ref in refs] == [1, 2, 1, 2]
    assert [outside_files(ref)["common"] for ref in refs] == [b"X = 1\n", b"X = 2\n"] * 2


def test_an_outside_file_behind_a_module_that_two_strategies_share_belongs_to_both(tmp_path, write):
    tree = tmp_path / "repo" / "strategies"
    handler = f"from ..base import X\n{FACTORY}"
    text = BESIDE + "from common import X\n"
    write(tree, {"__init__.py": "", "base.py": text, "a/handler.py": handler, "b/handler.py": handler})
    write(tmp_path / "repo", {"lib/common.py": "X = 1\n"})
    assert [list(outside_files(ref_of(name, tree))) for name in ("a", "b", "a")] == [["common"]] * 3
    write(tmp_path / "repo", {"lib/common.py": "X = 2\n"})
    assert [make_handler(ref_of(name, tree), {})() for name in ("b", "a")] == [2, 2]


def test_a_module_that_the_caller_imported_before_is_an_outside_file(given, monkeypatch):
    import importlib

    monkeypatch.syspath_prepend(str(given.parent))
    importlib.import_module("base_strategy")
    assert list(outside_files(ref_of("v1", given))) == ["base_strategy"]


def test_an_import_inside_the_factory_is_an_outside_file(given, write):
    inside = "def create_handler(config):\n    from late import X\n    return lambda: X\n"
    write(given, {"handler.py": BESIDE + inside, "../lib/late.py": "X = 1\n"})
    ref = ref_of("v1", given)
    assert make_handler(ref, {})() == 1
    assert list(outside_files(ref)) == ["late"]
    write(given, {"../lib/late.py": "X = 2\n"})
    assert make_handler(ref, {})() == 2


def test_what_a_single_file_finds_below_itself_through_its_search_path_is_an_outside_file(tmp_path, write):
    edit = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
    write(tmp_path, {"s.py": f"{edit}from common import X\n{FACTORY}", "lib/common.py": "X = 1\n"})
    assert outside_files(ref_of("s", tmp_path / "s.py")) == {"common": b"X = 1\n"}


def test_an_outside_module_of_a_failed_import_is_read_again(given, write):
    write(given.parent, {"base_strategy.py": "Y = 1\n"})
    with pytest.raises(StrategyError, match="cannot import name 'X'"):
        load_factory(ref_of("v1", given))
    write(given.parent, {"base_strategy.py": "X = 3\n"})
    assert make_handler(ref_of("v1", given), {})() == 3
