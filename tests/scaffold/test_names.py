"""What a new strategy may be called, and what is proposed instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dbatch.errors import UsageError
from dbatch.scaffold.names import MAX_LENGTH, check_name

LONG = "q" * MAX_LENGTH


@pytest.mark.parametrize("name", ["q", "my_strategy", "v2_1_stop", "dips2", LONG])
def test_a_lower_case_identifier_is_a_name(name: str) -> None:
    check_name(name, {})


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("My-Strategy", "my_strategy"),
        ("MyStrategy", "my_strategy"),
        ("my strategy", "my_strategy"),
        ("_my_rule", "my_rule"),
        ("my_rule_", "my_rule"),
        ("../my_rule", "my_rule"),
        ("2legs", "strategy_2legs"),
        ("kürzer", "kurzer"),
        ("JSON", "json_strategy"),
        (LONG + "q", LONG),
    ],
)
def test_a_name_of_another_form_is_refused_with_the_nearest_that_will_do(name: str, guess: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name, {})

    assert str(caught.value).startswith(f"strategy name '{name}' ")
    assert str(caught.value).endswith(f"; did you mean '{guess}'?")


@pytest.mark.parametrize("name", ["", "---", "策略"])
def test_where_nothing_can_be_kept_no_name_is_proposed(name: str) -> None:
    with pytest.raises(UsageError, match=r"a letter first and no '_' last$"):
        check_name(name, {})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class", "is a word of the Python language"),
        ("match", "is a word of the Python language"),
        ("con", "is reserved by Windows"),
        ("com1", "is reserved by Windows"),
        ("conftest", "means something else to dbatch or pytest"),
        ("tests", "means something else to dbatch or pytest"),
        ("json", "is taken by a Python module (standard library), which it would hide"),
        ("antigravity", "is taken by a Python module (standard library), which it would hide"),
    ],
)
def test_a_name_with_another_meaning_is_refused_with_one_that_has_none(name: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name, {})

    assert str(caught.value) == f"strategy name '{name}' {why}; did you mean '{name}_strategy'?"


@pytest.mark.parametrize("name", ["numpy", "dbatch", "pytest"])
def test_the_name_of_an_installed_module_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}' is taken by a Python module \(.*{name}.__init__\.py\)"):
        check_name(name, {})


def test_looking_for_a_module_does_not_import_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "harmful_module.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(str(folder))

    with pytest.raises(UsageError, match=r"harmful_module\.py"):
        check_name("harmful_module", {})
    assert "harmful_module" not in sys.modules


def test_a_plain_folder_of_that_name_in_the_working_folder_is_no_module(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "quoter").mkdir()
    monkeypatch.syspath_prepend(str(folder))

    check_name("quoter", {})


def test_a_namespace_package_elsewhere_is_a_module(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "acme_shared").mkdir()
    monkeypatch.syspath_prepend(str(site))

    with pytest.raises(UsageError, match=r"'acme_shared' is taken by a Python module"):
        check_name("acme_shared", {})


def test_the_name_of_a_strategy_that_is_found_is_refused_with_where_it_is_from() -> None:
    taken = {"quoter": "acme 1.2", "quoter_strategy": "acme 1.2"}

    with pytest.raises(UsageError) as caught:
        check_name("quoter", taken)
    assert str(caught.value) == "strategy name 'quoter' is taken: there is one from acme 1.2"
