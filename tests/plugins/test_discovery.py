import os
import subprocess
import sys

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins.discovery import list_strategies, resolve, search_paths

FACTORY = '"""One file."""\ndef create_{0}_handler(config):\n    return print\n'


def names(path):
    return [listing.name for listing in list_strategies([str(path)], entry_points=[])]


def test_a_package_folder_is_called_as_the_folder(package_tree):
    assert names(package_tree) == ["v1_baseline"]


def test_a_path_that_holds_handler_py_is_one_strategy(package_tree):
    assert names(package_tree / "v1_baseline") == ["v1_baseline"]


def test_a_path_above_the_folder_of_packages_is_looked_into_one_level(package_tree):
    assert names(package_tree.parent) == ["v1_baseline"]


def test_a_handler_file_may_be_given_itself(package_tree):
    assert names(package_tree / "v1_baseline" / "handler.py") == ["v1_baseline"]


def test_a_file_offers_a_strategy_for_each_of_its_factories(tmp_path, write):
    write(tmp_path, {"two.py": FACTORY.format("fast") + FACTORY.format("slow")})
    assert names(tmp_path / "two.py") == ["fast", "slow"]


def test_a_generic_factory_is_called_as_its_file(tmp_path, write):
    write(tmp_path, {"momentum.py": "def create_handler(config): ...\n"})
    assert names(tmp_path) == ["momentum"]


def test_a_folder_of_files_lists_only_files_with_a_factory(tmp_path, write):
    write(tmp_path, {"a.py": FACTORY.format("a"), "helpers.py": "x = 1\n", "__init__.py": ""})
    assert names(tmp_path) == ["a"]


def test_a_runner_that_imports_a_factory_is_not_a_strategy(tmp_path, write):
    write(tmp_path, {"a.py": FACTORY.format("a"), "run.py": "from a import create_a_handler\n"})
    assert names(tmp_path) == ["a"]


def test_virtual_environments_and_hidden_folders_are_left_out(tmp_path, write):
    write(tmp_path, {f"{folder}/handler.py": FACTORY.format("x") for folder in (".git", "env", "kept")})
    write(tmp_path, {"env/pyvenv.cfg": ""})
    assert names(tmp_path) == ["kept"]


def test_a_missing_path_says_what_was_looked_for(tmp_path):
    with pytest.raises(StrategyError, match=r"does not exist: looked for create_\*_handler"):
        list_strategies([str(tmp_path / "nowhere")], entry_points=[])


def test_a_path_without_a_strategy_says_what_was_looked_for(tmp_path):
    with pytest.raises(StrategyError, match=r"holds no strategy: looked for create_\*_handler"):
        list_strategies([str(tmp_path)], entry_points=[])


def test_listing_reads_kind_description_and_place(package_tree):
    (listing,) = list_strategies([str(package_tree)], entry_points=[])
    assert (listing.kind, listing.description) == ("python", "Quotes on both sides of the book.")
    assert listing.origin == str(package_tree / "v1_baseline" / "handler.py")


def test_a_broken_package_is_listed_with_its_fault_beside_a_good_one(package_tree, write):
    write(package_tree, {"broken/handler.py": "def create_broken_handler(:\n"})
    broken, good = list_strategies([str(package_tree)], entry_points=[])
    assert "handler.py:1: SyntaxError" in (broken.fault or "")
    assert good.fault is None


def test_a_package_without_a_fitting_factory_lists_what_was_tried_and_found(package_tree, write):
    write(package_tree, {"v9/handler.py": FACTORY.format("x") + FACTORY.format("y")})
    fault = list_strategies([str(package_tree)], entry_points=[])[1].fault or ""
    assert "looked for create_v9_handler, then create_handler, then a single create_*_handler" in fault
    assert "found create_x_handler, create_y_handler" in fault


def test_a_strategy_with_a_fault_cannot_be_resolved(package_tree, write):
    write(package_tree, {"broken/handler.py": "def create_broken_handler(:\n"})
    with pytest.raises(StrategyError, match=r"'broken' cannot be used: .*SyntaxError"):
        resolve("broken", [str(package_tree)], entry_points=[])


def test_a_folder_whose_name_holds_a_dot_has_a_fault(package_tree, write):
    write(package_tree, {"v2.1/handler.py": FACTORY.format("x")})
    listing = list_strategies([str(package_tree)], entry_points=[])[1]
    assert "folder name 'v2.1' holds a dot" in (listing.fault or "")


def test_resolving_a_package_gives_its_real_dotted_name(package_tree):
    ref = resolve("v1_baseline", [str(package_tree)], entry_points=[]).ref
    assert (ref.module, ref.factory) == ("strategies.v1_baseline.handler", "create_v1_handler")
    assert ref.root == str(package_tree)


def test_packages_without_init_are_a_namespace_package(tmp_path, write):
    write(tmp_path / "mine", {"fast/handler.py": FACTORY.format("fast")})
    assert resolve("fast", [str(tmp_path / "mine")], entry_points=[]).ref.module == "mine.fast.handler"


def test_the_name_in_the_factory_is_an_alias(package_tree):
    resolved = resolve("v1", [str(package_tree)], entry_points=[])
    assert resolved.ref.name == "v1_baseline"
    assert "'v1' is strategy 'v1_baseline'" in resolved.notes[0]


def test_the_files_stem_is_an_alias_of_its_only_strategy(tmp_path, write):
    write(tmp_path, {"mine.py": FACTORY.format("fast")})
    assert resolve("mine", [str(tmp_path)], entry_points=[]).ref.name == "fast"


def test_a_misspelt_name_is_one_line_with_a_guess_and_the_names(package_tree):
    with pytest.raises(StrategyError) as caught:
        resolve("v1_basline", [str(package_tree)], entry_points=[])
    assert str(caught.value) == ("unknown strategy 'v1_basline'; did you mean 'v1_baseline'? (strategies: v1_baseline)")


def test_a_path_wins_over_an_installed_strategy_and_says_so(package_tree, entry_point):
    installed = entry_point("v1_baseline", "dbatch_market_making.v1_baseline:create_v1_baseline_handler")
    resolved = resolve("v1_baseline", [str(package_tree)], entry_points=[installed])
    assert resolved.ref.root == str(package_tree)
    assert "is used instead of the installed one" in resolved.notes[0]


def test_two_paths_with_one_name_are_refused_with_both_places(tmp_path, write):
    write(tmp_path, {"a/fast.py": FACTORY.format("fast"), "b/fast.py": FACTORY.format("fast")})
    with pytest.raises(StrategyError) as caught:
        resolve("fast", [str(tmp_path / "a"), str(tmp_path / "b")], entry_points=[])
    assert str(tmp_path / "a" / "fast.py") in str(caught.value)
    assert str(tmp_path / "b" / "fast.py") in str(caught.value)


def test_two_installed_strategies_of_one_name_are_refused(entry_point):
    points = [entry_point("a", "json:create_a_handler"), entry_point("a", "csv:create_a_handler")]
    with pytest.raises(StrategyError, match=r"a in csv and a in json"):
        resolve("a", entry_points=points)


def test_one_file_reached_by_two_paths_is_one_strategy(package_tree):
    paths = [str(package_tree), str(package_tree / "v1_baseline")]
    assert resolve("v1_baseline", paths, entry_points=[]).ref.root == str(package_tree)


def test_an_installed_module_is_found_without_being_imported(tmp_path, write, entry_point, monkeypatch):
    write(
        tmp_path,
        {"shipped_pkg/__init__.py": "raise SystemExit\n", "shipped_pkg/sub/m.py": FACTORY.format("m")},
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    ref = resolve("m", entry_points=[entry_point("m", "shipped_pkg.sub.m:create_m_handler")]).ref
    assert (ref.root, ref.module) == (None, "shipped_pkg.sub.m")
    assert "shipped_pkg" not in sys.modules


def test_an_installed_strategy_says_its_distribution_and_version(tmp_path, write, monkeypatch):
    meta = "Metadata-Version: 2.1\nName: acme-alpha\nVersion: 1.2\n"
    points = "[dbatch.strategies]\nacme = acme_alpha:create_acme_handler\n"
    info = {"acme_alpha-1.2.dist-info/METADATA": meta, "acme_alpha-1.2.dist-info/entry_points.txt": points}
    write(tmp_path, {**info, "acme_alpha.py": FACTORY.format("acme")})
    monkeypatch.syspath_prepend(str(tmp_path))
    (acme,) = [listing for listing in list_strategies() if listing.name == "acme"]
    assert (acme.origin, acme.description, acme.fault) == ("acme-alpha 1.2", "One file.", None)


def test_an_entry_point_to_a_missing_module_is_listed_with_its_fault(entry_point):
    (listing,) = list_strategies(entry_points=[entry_point("gone", "no_such_module_x:create_gone_handler")])
    assert listing.fault == "module 'no_such_module_x' of no_such_module_x was not found"


def test_an_entry_point_to_a_missing_factory_is_listed_with_its_fault(entry_point):
    (listing,) = list_strategies(entry_points=[entry_point("gone", "json.tool:create_gone_handler")])
    assert "no factory 'create_gone_handler'" in (listing.fault or "")


def test_the_hash_changes_when_a_file_beside_the_handler_changes(package_tree):
    before = resolve("v1_baseline", [str(package_tree)], entry_points=[]).ref.source_hash
    (package_tree / "base_strategy.py").write_text("class BaseStrategy: ...\n")
    assert resolve("v1_baseline", [str(package_tree)], entry_points=[]).ref.source_hash != before


def test_the_hash_covers_what_a_package_imports_from_above_the_given_path(package_tree):
    path = str(package_tree / "v1_baseline")
    before = resolve("v1_baseline", [path], entry_points=[]).ref.source_hash
    (package_tree / "base_strategy.py").write_text("class BaseStrategy: ...\n")
    assert resolve("v1_baseline", [path], entry_points=[]).ref.source_hash != before


def test_the_hash_of_a_single_file_covers_what_it_imports_beside_itself_and_no_more(tmp_path, write):
    write(tmp_path, {"a.py": "import used\n" + FACTORY.format("a"), "used.py": "", "unused.py": ""})
    before = resolve("a", [str(tmp_path / "a.py")], entry_points=[]).ref.source_hash
    write(tmp_path, {"unused.py": "x = 1\n"})
    assert resolve("a", [str(tmp_path / "a.py")], entry_points=[]).ref.source_hash == before
    write(tmp_path, {"used.py": "x = 1\n"})
    assert resolve("a", [str(tmp_path / "a.py")], entry_points=[]).ref.source_hash != before


def test_paths_given_replace_those_of_the_environment():
    environ = {"DBATCH_STRATEGY_PATH": os.pathsep.join(["a", "b"])}
    assert search_paths([], environ) == ("a", "b")
    assert search_paths(["c"], environ) == ("c",)


def test_listing_imports_no_strategy_and_nothing_heavy(package_tree):
    code = (
        "import sys\n"
        "from dbatch.plugins.discovery import list_strategies\n"
        f"assert list_strategies([{str(package_tree)!r}])\n"
        "heavy = {'numba', 'pandas', 'dask', 'numpy', 'pydantic', 'pluggy'}\n"
        "heavy |= {'dbatch_market_making', 'strategies'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
