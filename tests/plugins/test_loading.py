import gc
import importlib
import sys
from types import ModuleType
from typing import get_type_hints

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import declared_parameters, load_factory, make_handler

FILE = "def create_{0}_handler(config):\n    return lambda: {1!r}\n"


def ref_of(name, path):
    return resolve(name, [str(path)], entry_points=[]).ref


def test_an_existing_package_runs_unchanged(package_tree):
    handler = make_handler(ref_of("v1_baseline", package_tree), {"ADIB": {"quote_size": 5}})
    assert handler("ADIB", [1, 2], None, {"seen": 1}) == {"seen": 3, "config": {"ADIB": {"quote_size": 5}}}


@pytest.mark.parametrize("below", ["..", ".", "v1_baseline", "v1_baseline/handler.py"])
def test_an_existing_package_runs_from_whichever_path_reaches_it(package_tree, below):
    assert callable(make_handler(ref_of("v1_baseline", package_tree / below), {}))


def test_an_existing_package_without_any_init_file_runs(package_tree):
    for init in package_tree.rglob("__init__.py"):
        init.unlink()
    assert callable(make_handler(ref_of("v1_baseline", package_tree), {}))
    assert callable(make_handler(ref_of("v1_baseline", package_tree / "v1_baseline"), {}))


def test_loading_again_gives_the_same_module(package_tree):
    ref = ref_of("v1_baseline", package_tree)
    assert load_factory(ref) is load_factory(ref)


def test_changed_files_are_refused_for_a_planned_run(package_tree):
    ref = ref_of("v1_baseline", package_tree)
    (package_tree / "v1_baseline" / "strategy.py").write_text("V1Strategy = None\n")
    with pytest.raises(StrategyError, match="files changed since the run was planned"):
        load_factory(ref)


def test_a_new_plan_after_an_edit_runs_the_new_code(package_tree):
    make_handler(ref_of("v1_baseline", package_tree), {})
    strategy = package_tree / "v1_baseline" / "strategy.py"
    strategy.write_text(strategy.read_text().replace("SIGN = 1", "SIGN = 2"))
    handler = make_handler(ref_of("v1_baseline", package_tree), {})
    assert handler("ADIB", [1, 2], None, {})["seen"] == 4


def test_an_edit_of_a_bare_import_beside_a_file_runs_the_new_code(tmp_path, write):
    write(
        tmp_path,
        {
            "a.py": "import rules\ndef create_a_handler(config):\n    return lambda: rules.X\n",
            "rules.py": "X = 1\n",
        },
    )
    assert make_handler(ref_of("a", tmp_path), {})() == 1
    write(tmp_path, {"rules.py": "X = 2\n"})
    assert make_handler(ref_of("a", tmp_path), {})() == 2


def test_packages_of_one_name_from_two_paths_keep_apart(tmp_path, write):
    files = {"strategies/__init__.py": "", "strategies/rule.py": "", "strategies/s/__init__.py": ""}
    imports = "from strategies.rule import X\nfrom ..rule import X\n\n\n"
    handler = imports + "def create_s_handler(config):\n    return lambda: X\n"
    for place, value in (("one", 1), ("two", 2)):
        write(
            tmp_path / place,
            {**files, "strategies/rule.py": f"X = {value}\n", "strategies/s/handler.py": handler},
        )
    one = ref_of("s", tmp_path / "one" / "strategies")
    two = ref_of("s", tmp_path / "two" / "strategies")
    assert [make_handler(ref, {})() for ref in (one, two, one, two)] == [1, 2, 1, 2]


def test_modules_imported_by_bare_name_from_two_packages_keep_apart(tmp_path, write):
    handler = (
        "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nfrom rule import X\n\n\n"
        "def create_handler(config):\n    return lambda: X\n"
    )
    write(
        tmp_path,
        {"a/handler.py": handler, "a/rule.py": "X = 1\n", "b/handler.py": handler, "b/rule.py": "X = 2\n"},
    )
    assert [make_handler(ref_of(name, tmp_path), {})() for name in ("a", "b", "a")] == [1, 2, 1]


def test_strategies_of_one_package_share_its_modules(package_tree, write):
    text = "from ..base_strategy import BaseStrategy\ndef create_handler(config):\n    return BaseStrategy\n"
    write(package_tree, {"v2/handler.py": text})
    v1 = load_factory(ref_of("v1_baseline", package_tree))
    v2 = make_handler(ref_of("v2", package_tree), {})
    assert v2 in v1.__globals__["V1Strategy"].__mro__


def test_single_files_of_one_folder_stay_loaded_beside_each_other(tmp_path, write):
    write(tmp_path, {"a.py": FILE.format("a", 1), "b.py": FILE.format("b", 2)})
    a, b = ref_of("a", tmp_path / "a.py"), ref_of("b", tmp_path / "b.py")
    first = load_factory(a)
    load_factory(b)
    assert load_factory(a) is first


def test_an_edit_is_seen_through_another_path_to_the_same_package(package_tree):
    make_handler(ref_of("v1_baseline", package_tree), {})
    strategy = package_tree / "v1_baseline" / "strategy.py"
    strategy.write_text(strategy.read_text().replace("SIGN = 1", "SIGN = 2"))
    handler = make_handler(ref_of("v1_baseline", package_tree.parent), {})
    assert handler("ADIB", [1, 2], None, {})["seen"] == 4


def test_a_package_that_the_caller_imported_before_an_edit_is_imported_afresh(package_tree, monkeypatch):
    monkeypatch.syspath_prepend(str(package_tree.parent))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.import_module("strategies.v1_baseline.strategy")
    strategy = package_tree / "v1_baseline" / "strategy.py"
    strategy.write_text(strategy.read_text().replace("SIGN = 1", "SIGN = 2"))
    assert make_handler(ref_of("v1_baseline", package_tree), {})("ADIB", [1], None, {})["seen"] == 2


def test_a_package_of_the_same_name_from_elsewhere_is_set_aside(package_tree, tmp_path, write, monkeypatch):
    write(
        tmp_path / "other",
        {"strategies/__init__.py": "", "strategies/base_strategy.py": "BaseStrategy = 1\n"},
    )
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    importlib.import_module("strategies.base_strategy")
    assert callable(make_handler(ref_of("v1_baseline", package_tree), {}))


def test_files_of_one_name_from_two_folders_keep_apart(tmp_path, write):
    write(tmp_path, {"a/s.py": FILE.format("s", 1), "b/s.py": FILE.format("s", 2)})
    refs = [ref_of("s", tmp_path / folder) for folder in ("a", "b", "a")]
    assert [make_handler(ref, {})() for ref in refs] == [1, 2, 1]


def test_a_plain_files_module_is_found_by_its_name(tmp_path, write):
    write(tmp_path, {"s.py": FILE.format("s", 1)})
    factory = load_factory(ref_of("s", tmp_path / "s.py"))
    assert vars(sys.modules[factory.__module__])["create_s_handler"] is factory


def test_a_file_in_a_package_may_import_relatively(tmp_path, write):
    text = "from .base import X\n\n\ndef create_s_handler(config):\n    return lambda: X\n"
    write(tmp_path / "mine", {"__init__.py": "", "base.py": "X = 7\n", "s.py": text})
    assert make_handler(ref_of("s", tmp_path / "mine"), {})() == 7
    assert make_handler(ref_of("s", tmp_path / "mine" / "s.py"), {})() == 7


def test_a_folder_named_as_an_installed_package_does_not_replace_it(tmp_path, write):
    write(tmp_path / "yaml", {"__init__.py": "", "s/handler.py": FILE.format("s", 1)})
    import yaml

    with pytest.raises(StrategyError, match="package name 'yaml' is taken"):
        load_factory(ref_of("s", tmp_path / "yaml"))
    assert sys.modules["yaml"] is yaml


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import no_such_module_x", "ModuleNotFoundError: No module named 'no_such_module_x'"),
    ],
)
def test_what_breaks_on_import_is_named_with_its_line(tmp_path, write, line, said):
    write(tmp_path, {"s.py": f"x = 1\n{line}\n" + FILE.format("s", 1)})
    with pytest.raises(StrategyError) as caught:
        load_factory(ref_of("s", tmp_path))
    assert str(caught.value) == f"strategy 's' cannot be imported: {tmp_path}/s.py:2: {said}"
    assert caught.value.__cause__ is not None


def test_a_syntax_error_in_an_imported_module_is_named_with_its_line(package_tree):
    (package_tree / "v1_baseline" / "strategy.py").write_text("x = 1\ny = = 2\n")
    with pytest.raises(StrategyError, match=r"v1_baseline/strategy\.py:2: SyntaxError"):
        load_factory(ref_of("v1_baseline", package_tree))


def test_a_failed_import_leaves_nothing_behind(package_tree):
    (package_tree / "v1_baseline" / "strategy.py").write_text("1 / 0\n")
    with pytest.raises(StrategyError):
        load_factory(ref_of("v1_baseline", package_tree))
    assert not [name for name in sys.modules if name.partition(".")[0] == "strategies"]


def test_a_factory_that_raises_is_named_with_its_line(tmp_path, write):
    write(tmp_path, {"s.py": "def create_s_handler(config):\n    return config['ADIB']\n"})
    with pytest.raises(StrategyError, match=r"create_s_handler\(config\) failed: .*s\.py:2: KeyError: 'ADIB'"):
        make_handler(ref_of("s", tmp_path), {})


def test_a_factory_that_returns_no_handler_is_refused(tmp_path, write):
    write(tmp_path, {"s.py": "def create_s_handler(config):\n    return 5\n"})
    with pytest.raises(StrategyError, match="returned int, must be a handler function or EventStrategy"):
        make_handler(ref_of("s", tmp_path), {})


def test_a_factory_that_is_no_function_is_refused(tmp_path, write):
    write(tmp_path, {"s.py": "create_s_handler = 5\n"})
    with pytest.raises(StrategyError, match="create_s_handler is int, must be a function"):
        load_factory(ref_of("s", tmp_path))


def test_a_factory_behind_a_star_import_is_found(tmp_path, write):
    write(tmp_path / "p", {"s/handler.py": "from .real import *\n", "s/real.py": FILE.format("other", 3)})
    assert make_handler(ref_of("s", tmp_path / "p"), {})() == 3


def test_a_factory_may_change_its_configuration_without_changing_ours(tmp_path, write):
    write(tmp_path, {"s.py": "def create_s_handler(config):\n    config['A'].clear()\n    return print\n"})
    config = {"A": {"x": 1}}
    make_handler(ref_of("s", tmp_path), config)
    assert config == {"A": {"x": 1}}


def test_declared_parameters_are_the_modules_named_tuple(tmp_path, write):
    text = "from typing import NamedTuple\n\n\nclass Parameters(NamedTuple):\n    size: int = 5\n\n\n"
    write(tmp_path, {"s.py": text + FILE.format("s", 1), "t.py": FILE.format("t", 1)})
    declared = declared_parameters(ref_of("s", tmp_path))
    assert declared is not None
    assert declared().size == 5
    assert declared_parameters(ref_of("t", tmp_path)) is None


def test_loading_writes_no_bytecode_into_the_users_folder(package_tree):
    load_factory(ref_of("v1_baseline", package_tree))
    assert not list(package_tree.rglob("*.pyc"))


def test_an_installed_strategy_loads_by_its_name(tmp_path, write, entry_point, monkeypatch):
    write(tmp_path, {"shipped_pkg/__init__.py": "", "shipped_pkg/m.py": FILE.format("m", 4)})
    monkeypatch.syspath_prepend(str(tmp_path))
    ref = resolve("m", entry_points=[entry_point("m", "shipped_pkg.m:create_m_handler")]).ref
    assert make_handler(ref, {})() == 4
    write(tmp_path, {"shipped_pkg/m.py": FILE.format("m", 55)})
    with pytest.raises(StrategyError, match="files changed"):
        load_factory(ref)


def test_an_installed_strategy_keeps_its_modules_when_one_that_built_on_it_is_forgotten(
    tmp_path, write, entry_point, monkeypatch
):
    parameters = """
        from __future__ import annotations
        from typing import NamedTuple
        Size = int
        class Parameters(NamedTuple):
            size: Size = 1
        """
    files = {"__init__.py": "", "sizes.py": parameters, "m.py": "from shipped_pkg.sizes import Parameters\n"}
    write(tmp_path / "lib", {f"shipped_pkg/{name}": text for name, text in files.items()})
    with open(tmp_path / "lib" / "shipped_pkg" / "m.py", "a") as file:
        file.write(FILE.format("m", 4))
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    installed = resolve("m", entry_points=[entry_point("m", "shipped_pkg.m:create_m_handler")]).ref
    make_handler(installed, {})
    write(tmp_path, {"mine.py": "from shipped_pkg.m import Parameters\n" + FILE.format("mine", 5)})
    make_handler(ref_of("mine", tmp_path / "mine.py"), {})
    write(tmp_path, {"mine.py": FILE.format("mine", 6)})
    assert make_handler(ref_of("mine", tmp_path / "mine.py"), {})() == 6

    make_handler(installed, {})

    assert get_type_hints(declared_parameters(installed)) == {"size": int}


def test_a_strategy_is_loaded_while_another_thread_imports(package_tree, monkeypatch):
    ref = ref_of("v1_baseline", package_tree)
    load_factory(ref)

    def import_one(phase, _):  # Dask's own callback lets other threads go on, in the middle of a list of modules too
        name = f"imported_meanwhile_{len(sys.modules)}"
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    threshold = gc.get_threshold()
    pairs = [(number, str(number)) for number in range(5_000)]  # so that a list of pairs has to ask for memory
    gc.callbacks.append(import_one)
    gc.set_threshold(20, 1_000_000, 1_000_000)
    try:
        assert callable(load_factory(ref))
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(import_one)
    del pairs
    assert any(name.startswith("imported_meanwhile") for name in sys.modules)
