"""Trees with and without `__init__.py` that share a package name take turns in one process."""

import itertools
import shutil
import sys

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.plugins.shipping import pack, unpack

HANDLER = (
    "from strategies.shared.rule import X as absolute\nfrom ..shared.rule import X\n\n\n"
    "def create_s_handler(config):\n    return lambda: (X, absolute)\n"
)
INITS = ("strategies/__init__.py", "strategies/s/__init__.py")


@pytest.fixture
def tree(tmp_path, write):
    """Write `<place>/strategies/` whose strategy `s` answers `value`; with the `__init__.py` files named."""

    def _tree(place, value, inits=()):
        files = {"strategies/shared/rule.py": f"X = {value}\n", "strategies/s/handler.py": HANDLER}
        write(tmp_path / place, {**files, **dict.fromkeys(inits, "")})
        return tmp_path / place / "strategies"

    return _tree


def answer(path):
    return make_handler(resolve("s", [str(path)], entry_points=[]).ref, {})()


# Among these, each three of the four trees come in each of their orders.
ORDERS = ("0123", "0321", "1302", "2103", "2301", "3120")


def test_the_orders_have_each_three_trees_in_each_order():
    assert {three for order in ORDERS for three in itertools.combinations(order, 3)} == set(
        itertools.permutations("0123", 3)
    )


@pytest.mark.parametrize("order", [[int(tree) for tree in order] for order in ORDERS], ids=ORDERS)
def test_regular_and_namespace_trees_of_one_name_run_in_any_order_again_and_again(tree, order):
    trees = [
        tree("regular", 0, INITS),
        tree("bare", 1),
        tree("half", 2, INITS[1:]),
        tree("other", 3),
    ]
    for place in (*order, *reversed(order), *order):
        assert answer(trees[place]) == (place, place)


def test_an_edited_namespace_tree_runs_edited_among_others(tree):
    regular, bare = tree("regular", 0, INITS), tree("bare", 1)
    assert [answer(path)[0] for path in (bare, regular, bare)] == [1, 0, 1]
    tree("bare", 2)
    assert [answer(path)[0] for path in (bare, regular, bare)] == [2, 0, 2]
    (bare / "__init__.py").touch()
    assert [answer(path)[0] for path in (regular, bare, regular)] == [0, 2, 0]


def test_a_worker_runs_an_edited_namespace_tree_from_another_unpacked_folder(tree, tmp_path):
    refs = []
    for value in (1, 2):
        path = tree("bare", value)
        refs.append(unpack(pack(resolve("s", [str(path)], entry_points=[]).ref), tmp_path / "cache"))
        shutil.rmtree(path)
    for ref, value in zip(refs * 2, (1, 2, 1, 2), strict=True):
        assert make_handler(ref, {})() == (value, value)


def test_a_regular_package_on_the_callers_path_does_not_win_over_a_namespace_tree(tree, monkeypatch):
    monkeypatch.syspath_prepend(str(tree("regular", 0, INITS).parent))
    assert answer(tree("bare", 1)) == (1, 1)


def test_namespace_trees_of_one_name_below_one_root_keep_apart(tree, tmp_path):
    tree("one", 1)
    tree("two", 2)
    trees = [tmp_path / "one", tmp_path / "two"] * 2
    assert [answer(path)[0] for path in trees] == [1, 2, 1, 2]


def test_a_refused_package_name_leaves_the_processes_modules_alone(tmp_path, write):
    import yaml.nodes

    write(tmp_path / "yaml", {"s/handler.py": "def create_handler(config): ...\n"})
    before = dict(sys.modules)
    with pytest.raises(StrategyError, match="package name 'yaml' is taken by"):
        answer(tmp_path / "yaml")
    assert {name: sys.modules.get(name) for name in before} == before
    assert sys.modules["yaml.nodes"] is yaml.nodes


def test_a_package_above_a_given_folder_is_the_one_of_that_folder_among_other_trees(tree, write):
    regular, bare = tree("regular", 0, INITS), tree("bare", 1)
    above = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '../..'))\n"
    absolute = "from strategies.shared.rule import X\n\n\ndef create_handler(config):\n    return lambda: (X, X)\n"
    write(bare, {"s/handler.py": above + absolute})
    paths = [regular, bare / "s"] * 3
    assert [answer(path)[0] for path in paths] == [0, 1] * 3


def test_a_strategy_does_not_find_modules_through_the_search_path_of_another(tree, write):
    with_rule, without = tree("one", 1), tree("two", 2)
    write(with_rule.parent, {"helper_of_one.py": "X = 1\n"})
    write(without, {"s/handler.py": "import helper_of_one\n\n\ndef create_handler(config): ...\n"})
    answer(with_rule)
    with pytest.raises(StrategyError, match="No module named 'helper_of_one'"):
        answer(without)
    assert answer(with_rule) == (1, 1)


def test_the_callers_own_search_path_stays(tree, monkeypatch):
    trees = [tree("one", 1), tree("two", 2)]
    monkeypatch.syspath_prepend(str(trees[0].parent))
    for path in trees * 2:
        answer(path)
    assert str(trees[0].parent) in sys.path
