"""The package on disk: where it is made, what is refused, and that nothing is left of what failed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dbatch.cli.app import exit_code
from dbatch.cli.new_strategy import app
from dbatch.errors import UsageError
from dbatch.plugins.discovery import list_strategies, resolve
from dbatch.scaffold.names import MAX_LENGTH
from dbatch.scaffold.package import Kind, new_strategy, rendered

KINDS: tuple[Kind, ...] = ("compiled", "python")
FILES = [
    "README.md",
    "conftest.py",
    "pyproject.toml",
    "quoter/__init__.py",
    "quoter/handler.py",
    "tests/test_quoter.py",
]


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", KINDS)
def test_the_package_is_made_in_plugins_with_all_its_files(folder: Path, kind: Kind) -> None:
    made = new_strategy("quoter", kind)

    assert files_in(folder / "plugins" / "quoter") == FILES
    assert sorted(made.files) == [Path("plugins", "quoter", *file.split("/")) for file in FILES]
    assert os.listdir(folder / "plugins") == ["quoter"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_found_by_its_name_and_of_its_kind(folder: Path, kind: Kind) -> None:
    new_strategy("quoter", kind)
    resolved = resolve("quoter")

    assert (resolved.listing.kind, resolved.listing.fault) == (kind, None)
    assert resolved.listing.description.startswith("Stands at the best bid and ask")
    assert resolved.notes == (f"strategy 'quoter' from {Path('plugins', 'quoter')}",)


@pytest.mark.parametrize("kind", KINDS)
def test_pip_would_install_it_under_its_name(folder: Path, kind: Kind) -> None:
    project: dict[str, Any] = tomllib.loads(rendered("quoter", kind)["pyproject.toml"])

    assert project["project"]["name"] == "quoter"
    assert project["project"]["entry-points"]["dbatch.strategies"] == {"quoter": "quoter.handler:create_quoter_handler"}
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["quoter"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_holds_a_placeholder(kind: Kind) -> None:
    assert [name for name, text in rendered("quoter", kind).items() if "$" in text] == []


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_the_texts_are_clean_whatever_the_length_of_the_name(folder: Path, kind: Kind) -> None:
    for name in ("q", "q" * MAX_LENGTH):
        new_strategy(name, kind)

    for command in (["check"], ["format", "--check"]):
        finished = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."], capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stdout


def test_the_permissions_are_those_of_any_new_file(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "file").touch()
    new_strategy("quoter")

    assert (folder / "plugins" / "quoter").stat().st_mode == (folder / "other").stat().st_mode
    handler = folder / "plugins" / "quoter" / "quoter" / "handler.py"
    assert handler.stat().st_mode == (folder / "other" / "file").stat().st_mode


def test_a_folder_that_is_there_is_refused_with_what_is_in_it_and_left_alone(folder: Path) -> None:
    (folder / "plugins" / "quoter").mkdir(parents=True)
    (folder / "plugins" / "quoter" / "mine.py").touch()

    with pytest.raises(UsageError) as caught:
        new_strategy("quoter")

    place = Path("plugins", "quoter")
    assert str(caught.value).startswith(f"{place} is already there: a folder with mine.py; choose another name")
    assert files_in(folder) == ["plugins/quoter/mine.py"]


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: path.symlink_to("nowhere")])
def test_a_file_or_a_dead_link_of_that_name_is_refused(folder: Path, make: Any) -> None:
    (folder / "plugins").mkdir()
    make(folder / "plugins" / "quoter")

    with pytest.raises(UsageError, match="is already there: a file"):
        new_strategy("quoter")


def test_the_name_of_an_installed_strategy_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"'v1_baseline' is taken: there is one from dbatch "):
        new_strategy("v1_baseline")
    assert os.listdir(folder) == []


def test_the_name_of_a_strategy_of_another_file_in_that_folder_is_refused(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "old.py").write_text("def create_quoter_handler(config): ...\n")

    with pytest.raises(UsageError, match=r"'quoter' is taken: there is one from .*old\.py"):
        new_strategy("quoter", directory="mine")


@pytest.mark.parametrize("directory", ["file", "file/below"])
def test_a_file_in_place_of_the_folder_is_named(folder: Path, directory: str) -> None:
    (folder / "file").touch()

    with pytest.raises(UsageError) as caught:
        new_strategy("quoter", directory=directory)
    assert str(caught.value) == f"{Path(directory, 'quoter')} cannot be made: file is a file, must be a folder"


@pytest.mark.parametrize("kept", [False, True])
def test_of_a_package_that_could_not_be_written_nothing_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    if kept:
        (folder / "deep" / "er").mkdir(parents=True)
    write = Path.write_text

    def full(path: Path, *arguments: Any, **options: Any) -> int:
        if path.name == "handler.py":
            raise OSError(28, "No space left on device")
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UsageError) as caught:
        new_strategy("quoter", directory="deep/er")

    assert str(caught.value) == f"{Path('deep', 'er', 'quoter')} cannot be made: No space left on device"
    assert exit_code(caught.value) == 2
    assert [path.name for path in folder.rglob("*")] == (["deep", "er"] if kept else [])


def test_a_listing_while_it_is_written_sees_nothing_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    rename = Path.rename

    def watched(path: Path, target: Path) -> Path:
        seen.extend(strategy.name for strategy in list_strategies() if strategy.beside)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", watched)
    new_strategy("quoter")

    assert seen == []
    assert "quoter" in [strategy.name for strategy in list_strategies()]


def test_the_command_prints_what_was_made_and_what_to_type_next(folder: Path) -> None:
    result = CliRunner().invoke(app, ["quoter", "--kind", "python"])

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [
        "made plugins/quoter/README.md",
        "made plugins/quoter/pyproject.toml",
        "made plugins/quoter/conftest.py",
        "made plugins/quoter/quoter/__init__.py",
        "made plugins/quoter/quoter/handler.py",
        "made plugins/quoter/tests/test_quoter.py",
        "next:",
        "  dbatch run --strategy quoter",
        "  pytest plugins/quoter",
        "  dbatch verify --strategy quoter",
    ]


def test_elsewhere_the_commands_name_the_path_in_quotes(folder: Path) -> None:
    lines = CliRunner().invoke(app, ["quoter", "--dir", "my dir"]).stderr.splitlines()

    assert lines[6:] == [
        "only ./plugins is searched by itself, so name this folder with --strategy-path",
        "next:",
        "  dbatch run --strategy quoter --strategy-path 'my dir'",
        "  pytest 'my dir/quoter'",
        "  dbatch verify --strategy quoter --strategy-path 'my dir'",
    ]


def test_plugins_written_otherwise_needs_no_path(folder: Path) -> None:
    assert new_strategy("quoter", directory=folder / "x" / ".." / "plugins").found_by_name


def test_the_command_and_its_help_import_nothing_heavy_and_no_template() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['dbatch', 'new-strategy', '--help']\n"
        "from dbatch.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "heavy = {'numba', 'pandas', 'numpy', 'dask', 'pyarrow', 'dbatch.plugins', 'dbatch.scaffold'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
