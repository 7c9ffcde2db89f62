"""The folder `plugins` of the working folder: searched last, without being asked to, and never in the way."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dbatch.errors import StrategyError
from dbatch.plugins import listing
from dbatch.plugins.discovery import list_strategies, resolve
from dbatch.plugins.layout import find
from dbatch.plugins.loading import make_handler
from dbatch.plugins.shipping import pack, unpack

FACTORY = '"""One file."""\ndef create_{0}_handler(config):\n    return lambda: {0!r}\n'
PROJECT = {
    "pyproject.toml": "",
    "conftest.py": "",
    "quoter/__init__.py": "",
    "quoter/sizes.py": "SIZE = 7\n",
    "quoter/handler.py": "from quoter.sizes import SIZE\ndef create_quoter_handler(config):\n    return lambda: SIZE\n",
    "tests/test_quoter.py": "",
}


@pytest.fixture
def plugins(tmp_path, monkeypatch) -> Path:
    """An empty folder `plugins` in the working folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(listing.metadata, "entry_points", lambda group: ())


def install(monkeypatch, name: str, value: str) -> None:
    point = EntryPoint(name=name, value=value, group=listing.GROUP)
    monkeypatch.setattr(listing.metadata, "entry_points", lambda group: (point,))


def found() -> list[str]:
    return [strategy.name for strategy in list_strategies()]


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"fast.py": FACTORY.format("fast")}, ["fast"]),
        ({"fast/handler.py": FACTORY.format("fast")}, ["fast"]),
        ({f"quoter/{file}": text for file, text in PROJECT.items()}, ["quoter"]),
        ({"p/src/fast/__init__.py": "", "p/src/fast/handler.py": FACTORY.format("fast")}, ["fast"]),
        ({"pack/__init__.py": "", "pack/a.py": FACTORY.format("a"), "pack/b.py": FACTORY.format("b")}, ["a", "b"]),
        ({"tests/fast.py": FACTORY.format("fast"), ".git/x.py": FACTORY.format("x"), "helper.py": ""}, []),
    ],
)
def test_what_lies_in_plugins_is_found(plugins, write, files, names):
    write(plugins, files)

    assert found() == names


@pytest.mark.usefixtures("nothing_installed")
def test_without_a_folder_plugins_nothing_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert found() == []


@pytest.mark.usefixtures("nothing_installed")
def test_a_file_called_plugins_is_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").write_text(FACTORY.format("fast"))

    assert found() == []


@pytest.mark.usefixtures("nothing_installed")
def test_a_folder_that_cannot_be_read_hides_no_other(plugins, write, monkeypatch):
    write(plugins, {"fast.py": FACTORY.format("fast"), "locked/handler.py": FACTORY.format("locked"), "z/a.py": ""})
    read = Path.iterdir

    def guarded(folder: Path):
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied")
        return read(folder)

    monkeypatch.setattr(Path, "iterdir", guarded)
    assert found() == ["fast", "locked"]  # its handler is found without a look into the folder

    (plugins / "locked" / "handler.py").unlink()
    assert found() == ["fast"]


@pytest.mark.usefixtures("nothing_installed")
def test_plugins_that_cannot_be_read_at_all_are_nothing(plugins, write, monkeypatch):
    write(plugins, {"fast/handler.py": FACTORY.format("fast")})

    def refuse(folder: Path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert found() == []


@pytest.mark.usefixtures("nothing_installed")
def test_a_broken_strategy_is_listed_with_its_fault(plugins, write):
    write(plugins, {"bad/handler.py": "def create_bad_handler(:\n"})

    (bad,) = list_strategies()

    assert "SyntaxError" in (bad.fault or "")


@pytest.mark.usefixtures("nothing_installed")
def test_a_strategy_of_plugins_runs_by_its_name_with_a_note(plugins, write):
    write(plugins / "quoter", PROJECT)

    resolved = resolve("quoter")

    assert resolved.notes == ("strategy 'quoter' from plugins/quoter",)
    assert make_handler(resolved.ref, {})() == 7


@pytest.mark.usefixtures("nothing_installed")
def test_its_reference_holds_wherever_a_worker_stands(plugins, write, monkeypatch):
    write(plugins / "quoter", PROJECT)
    ref = resolve("quoter").ref

    monkeypatch.chdir("/")

    assert Path(ref.root).is_absolute()
    assert (ref.root, ref.module) == (str(plugins / "quoter" / "quoter"), "quoter.handler")
    assert find(ref.root, ref.module).file == plugins / "quoter" / "quoter" / "handler.py"


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("path", [None, "plugins", "plugins/quoter", "plugins/quoter/quoter"])
def test_a_project_is_one_package_however_it_is_reached_and_travels_to_workers(plugins, write, tmp_path, path):
    write(plugins / "quoter", PROJECT)

    ref = unpack(pack(resolve("quoter", [path] if path else []).ref), tmp_path / "cache")

    assert ref.module == "quoter.handler"
    assert ref.root.startswith(str(tmp_path / "cache"))
    assert make_handler(ref, {})() == 7


@pytest.mark.usefixtures("nothing_installed")
def test_edits_of_its_tests_or_of_other_strategies_leave_its_identity(plugins, write):
    write(plugins, {f"quoter/{file}": text for file, text in PROJECT.items()} | {"fast.py": FACTORY.format("fast")})
    before = resolve("quoter").ref.source_hash

    write(plugins, {"quoter/tests/test_quoter.py": "x = 1\n", "fast.py": FACTORY.format("fast") + "x = 1\n"})
    assert resolve("quoter").ref.source_hash == before

    write(plugins, {"quoter/quoter/sizes.py": "SIZE = 8\n"})
    assert resolve("quoter").ref.source_hash != before


@pytest.mark.usefixtures("nothing_installed")
def test_a_file_beside_a_package_does_not_list_the_package_twice(plugins, write):
    files = {"p/in/__init__.py": "", "p/in/handler.py": FACTORY.format("in"), "p/run.py": FACTORY.format("run")}
    write(plugins, files)

    assert found() == ["in", "run"]


@pytest.mark.usefixtures("nothing_installed")
def test_two_of_one_name_in_plugins_are_refused_with_both_places(plugins, write):
    write(plugins, {"a/fast.py": FACTORY.format("fast"), "b/fast.py": FACTORY.format("fast")})

    with pytest.raises(StrategyError, match=r"'fast' names 2 strategies: .*a/fast\.py and .*b/fast\.py; rename one"):
        resolve("fast")


@pytest.mark.usefixtures("nothing_installed")
def test_a_path_that_is_given_comes_first_and_plugins_is_searched_still(plugins, write, tmp_path):
    write(plugins, {"fast.py": FACTORY.format("fast"), "slow.py": FACTORY.format("slow")})
    mine = write(tmp_path / "mine", {"fast.py": FACTORY.format("fast")})

    fast, slow = resolve("fast", [str(mine)]), resolve("slow", [str(mine)])

    assert (fast.ref.root, fast.notes) == (str(mine), ())
    assert slow.notes == ("strategy 'slow' from plugins/slow.py",)
    assert [strategy.origin for strategy in list_strategies([str(mine)])] == [
        str(mine / "fast.py"),
        str(plugins / "slow.py"),
    ]


def test_an_installed_strategy_wins_and_a_note_says_that_the_other_is_not_the_same(plugins, write, monkeypatch):
    write(plugins, {"fast.py": FACTORY.format("fast") + "x = 1\n"})
    monkeypatch.syspath_prepend(str(write(plugins.parent / "site", {"fast_pkg.py": FACTORY.format("fast")})))
    install(monkeypatch, "fast", "fast_pkg:create_fast_handler")

    resolved = resolve("fast")

    assert resolved.ref.root is None
    assert found() == ["fast"]
    assert resolved.notes == (
        "strategy 'fast' is the installed one (fast_pkg); plugins/fast.py is not the same, "
        "--strategy-path plugins/fast.py uses it",
    )


def test_an_installed_strategy_whose_code_lies_in_plugins_too_has_no_note(plugins, write, monkeypatch):
    write(plugins, {"fast.py": FACTORY.format("fast")})
    monkeypatch.syspath_prepend(str(write(plugins.parent / "site", {"fast_pkg.py": FACTORY.format("fast")})))
    install(monkeypatch, "fast", "fast_pkg:create_fast_handler")

    assert resolve("fast").notes == ()


def test_in_a_checkout_of_dbatch_each_built_in_is_the_installed_one_and_listed_once(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    built_in = [strategy for strategy in list_strategies() if strategy.name == "v1_baseline"]

    assert [strategy.root for strategy in built_in] == [None]
    assert resolve("v1_baseline").notes == ()


def test_strategies_of_a_test_that_says_what_is_installed_are_not_mixed_with_plugins(plugins, write):
    write(plugins, {"fast.py": FACTORY.format("fast")})

    assert list_strategies(entry_points=[]) == []
