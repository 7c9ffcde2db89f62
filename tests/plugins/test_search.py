"""Where strategies are looked for below a path, and what is said of a path that was not used."""

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins.discovery import list_strategies, resolve
from dbatch.plugins.layout import MAX_SEARCHED
from dbatch.plugins.loading import make_handler

FACTORY = '"""One file."""\ndef create_{0}_handler(config):\n    return lambda: {0!r}\n'
GENERIC = "def create_handler(config):\n    return print\n"


def listed(path):
    return {listing.name: listing for listing in list_strategies([str(path)], entry_points=[])}


def test_an_installed_strategy_that_the_path_does_not_offer_is_noted_with_what_it_offers(tmp_path, write, entry_point):
    write(tmp_path, {"v1.py": FACTORY.format("v1"), "v2.py": FACTORY.format("v2")})
    point = entry_point("v1_baseline", "dbatch_market_making.v1_baseline:create_v1_baseline_handler")
    resolved = resolve("v1_baseline", [str(tmp_path)], entry_points=[point])
    assert resolved.ref.root is None
    said = f"strategy 'v1_baseline' is the installed one (dbatch_market_making.v1_baseline); {tmp_path} offers v1, v2"
    assert resolved.notes == (said,)


def test_an_installed_strategy_without_any_path_has_no_note(entry_point):
    point = entry_point("v1_baseline", "dbatch_market_making.v1_baseline:create_v1_baseline_handler")
    assert resolve("v1_baseline", entry_points=[point]).notes == ()


def test_a_plain_file_with_a_factory_does_not_hide_the_packages_below(package_tree, write):
    write(package_tree.parent, {"backtest.py": GENERIC})
    assert sorted(listed(package_tree.parent)) == ["backtest", "v1_baseline"]
    ref = resolve("v1_baseline", [str(package_tree.parent)], entry_points=[]).ref
    assert callable(make_handler(ref, {}))


@pytest.mark.parametrize("inits", [(), ("strategies/__init__.py", "strategies/fast/__init__.py")])
def test_a_project_root_offers_the_packages_of_its_src_folder(tmp_path, write, inits):
    files = {"strategies/fast/handler.py": FACTORY.format("fast"), **dict.fromkeys(inits, "")}
    write(tmp_path / "src", files)
    ref = resolve("fast", [str(tmp_path)], entry_points=[]).ref
    assert ref.module == "strategies.fast.handler"
    assert make_handler(ref, {})() == "fast"


def test_packages_below_more_than_two_folders_are_not_looked_for(tmp_path, write):
    write(tmp_path, {"a/b/c/far/handler.py": GENERIC, "a/b/near/handler.py": GENERIC})
    assert sorted(listed(tmp_path)) == ["near"]


def test_folders_of_tests_data_output_and_environments_are_not_searched(tmp_path, write):
    skipped = ("tests", "output", "data", ".venv", "node_modules", "site-packages", ".git")
    write(tmp_path, {f"{folder}/{folder[-4:]}_x/handler.py": GENERIC for folder in skipped})
    write(tmp_path, {f"lib/{folder}/y/handler.py": GENERIC for folder in skipped})
    write(tmp_path, {"kept/fast/handler.py": GENERIC})
    assert sorted(listed(tmp_path)) == ["fast"]


def test_no_more_than_a_bounded_number_of_folders_is_searched(tmp_path, write):
    for number in range(MAX_SEARCHED):
        (tmp_path / f"f{number:04}").mkdir()
    write(tmp_path, {"f0000/in/handler.py": GENERIC, "zzz/out/handler.py": GENERIC})
    assert sorted(listed(tmp_path)) == ["in"]


def test_the_nearest_of_two_strategies_of_one_name_below_one_path_is_used_and_the_other_noted(tmp_path, write):
    write(tmp_path, {"fast/handler.py": GENERIC, "old/fast/handler.py": GENERIC})
    resolved = resolve("fast", [str(tmp_path)], entry_points=[])
    assert resolved.listing.origin == str(tmp_path / "fast" / "handler.py")
    assert resolved.notes == (
        f"strategy 'fast' from {tmp_path}/fast/handler.py is used instead of the one deeper in "
        f"{tmp_path}/old/fast/handler.py",
    )


def test_two_strategies_of_one_name_equally_deep_are_refused(tmp_path, write):
    write(tmp_path, {"new/fast/handler.py": GENERIC, "old/fast/handler.py": GENERIC})
    with pytest.raises(StrategyError, match="'fast' names 2 strategies"):
        resolve("fast", [str(tmp_path)], entry_points=[])


def test_each_of_several_factories_is_described_by_its_own_docstring_else_the_modules(tmp_path, write):
    own = 'def create_a_handler(config):\n    """Quotes one side.\n\n    More.\n    """\n'
    write(tmp_path, {"two.py": f'"""Both."""\n{own}def create_b_handler(config): ...\n'})
    found = listed(tmp_path)
    assert (found["a"].description, found["b"].description) == ("Quotes one side.", "Both.")


def test_a_description_leaves_out_that_a_factory_returns_it(tmp_path, write):
    told = {"a": "Return the channel.", "b": "Return MACD.", "c": "Returns to the mean."}
    text = "".join(f'def create_{name}_handler(config):\n    """{line}"""\n' for name, line in told.items())
    write(tmp_path, {"three.py": text})
    found = listed(tmp_path)
    assert [found[name].description for name in told] == ["Channel.", "MACD.", "Returns to the mean."]


def test_a_factory_without_docstring_is_not_described_by_another_ones(tmp_path, write):
    write(tmp_path, {"two.py": 'def create_a_handler(c):\n    """A."""\ndef create_b_handler(c): ...\n'})
    assert listed(tmp_path)["b"].description == ""


def test_each_factory_of_a_handler_file_can_be_named_where_none_is_the_folders(tmp_path, write):
    write(tmp_path / "mine", {"v9/handler.py": FACTORY.format("x") + FACTORY.format("y")})
    refs = [resolve(name, [str(tmp_path / "mine")], entry_points=[]).ref for name in ("x", "y")]
    assert [make_handler(ref, {})() for ref in refs] == ["x", "y"]
    with pytest.raises(StrategyError, match=r"'v9' cannot be used: .*found create_x_handler, create_y_handler"):
        resolve("v9", [str(tmp_path / "mine")], entry_points=[])


def test_a_broken_plain_file_that_mentions_a_factory_is_listed_with_its_fault(tmp_path, write):
    write(tmp_path, {"good.py": FACTORY.format("good"), "bad.py": "x = = 1\nif x:\n  def create_z_handler(c): ...\n"})
    write(tmp_path, {"other.py": "print 'python 2'\n"})
    found = listed(tmp_path)
    assert sorted(found) == ["bad", "good"]
    assert "bad.py:1: SyntaxError" in (found["bad"].fault or "")
