"""The documentation is true: its examples run, its links lead somewhere, what it names exists."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PROJECT = Path(__file__).resolve().parents[1]
README = PROJECT / "README.md"
DOCS = sorted((PROJECT / "docs").glob("*.md"))
GUIDE = PROJECT / "docs" / "strategies.md"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+|-[a-z])(?![\w-])")


def blocks(page: Path, language: str) -> Iterator[str]:
    return (text for name, text in _FENCED.findall(page.read_text(encoding="utf-8")) if name == language)


def files_of(page: Path) -> dict[str, str]:
    """Return the files that a page gives in full, by the name in the comment before them."""
    return dict(_FILE.findall(page.read_text(encoding="utf-8")))


def commands(page: Path) -> list[str]:
    """Return the `dbatch` commands in the shell blocks of a page, without their comments."""
    lines = (line for text in blocks(page, "sh") for line in text.splitlines())
    return [shlex.join(shlex.split(line, comments=True)) for line in lines if line.startswith("dbatch ")]


def words(command: str) -> list[str]:
    return shlex.split(command)[1:]


RUNS = [command for command in commands(GUIDE) if words(command)[0] == "run" and "--dry-run" not in command]


def install(folder: Path) -> Path:
    """Make what `pip install .` leaves of the guide's project: its metadata, beside the package."""
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    site = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    site.mkdir()
    (site / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    text = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items()) for group, points in groups
    ]
    (site / "entry_points.txt").write_text("".join(text))
    return folder


Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def guide(
    tmp_path_factory: pytest.TempPathFactory, dbatch_in: Callable[..., Finished]
) -> tuple[Path, dict[str, Finished]]:
    """The guide carried out as a reader does: a folder with its files, and its commands run there in their order."""
    folder = tmp_path_factory.mktemp("guide")
    for name, text in files_of(GUIDE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    finished = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(install(folder)))
        for command in commands(GUIDE):
            how = ["--json"] if command in RUNS else []
            finished[command] = dbatch_in(folder, *words(command), *how)
    return folder, finished


@pytest.mark.parametrize("command", commands(GUIDE))
def test_a_command_of_the_strategy_guide_succeeds(guide: Any, command: str) -> None:
    finished = guide[1][command]

    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("command", RUNS)
def test_a_run_of_the_strategy_guide_gives_fills_for_every_security(guide: Any, command: str) -> None:
    securities = json.loads(guide[1][command].stdout)["securities"]

    assert [row["security"] for row in securities] == ["ALFA", "GAMA", "VETA"]
    assert all(row["trades"] > 0 for row in securities)


def test_the_compiled_strategy_of_the_guide_gives_the_fills_of_the_plain_one(
    guide: Any, dbatch_in: Callable[..., Finished]
) -> None:
    folder = guide[0]
    (folder / "same.json").write_text('{"default": {"size": 1000, "dip_pct": 0.5}}')
    frames = []
    for strategy in ("dip", "dip_compiled"):
        finished = dbatch_in(
            folder, "run", "--strategy", strategy, "--strategy-path", "my_strategies/",
            "--config", "same.json", "--serial", "--output-dir", f"output/same_{strategy}",
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        frames.append(pd.read_parquet(folder / "output" / f"same_{strategy}" / "fills.parquet"))

    assert len(frames[0]) > 0
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_the_hook_of_the_guide_is_called_once_a_run(guide: Any) -> None:
    lines = (guide[0] / "diary.txt").read_text().splitlines()

    assert len([line for line in lines if "same_" not in line]) == len(RUNS)


def test_the_tests_of_the_guide_pass(guide: Any) -> None:
    from dbatch.testing.contract import contract_tests

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    finished = subprocess.run(command, cwd=guide[0], capture_output=True, text=True, timeout=240, check=False)

    assert finished.returncode == 0, finished.stdout
    assert f"{2 + 2 * len(contract_tests())} passed" in finished.stdout


def test_the_guide_names_every_test_of_the_contract_in_its_order() -> None:
    from dbatch.testing.contract import contract_tests

    table = GUIDE.read_text(encoding="utf-8").partition("| the contract | what usually breaks it |\n|---|---|\n")[2]

    rows = table.partition("\n\n")[0].splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(contract_tests().values())


def test_every_python_block_of_the_guide_is_a_file_that_is_run() -> None:
    named = [text for name, text in files_of(GUIDE).items() if name.endswith(".py")]

    assert list(blocks(GUIDE, "python")) == named


@pytest.mark.parametrize("page", [README, *DOCS], ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = [link.partition("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    relative = [link for link in links if link and "://" not in link]

    assert [link for link in relative if not (page.parent / link).exists()] == []


def options_of(command: str) -> set[str]:
    """Return the options of a `dbatch` command and of the groups it stands in."""
    from typer.main import get_command

    from dbatch.cli.app import app

    found: set[str] = set()
    group: Any = get_command(app)
    for word in ["", *words(command)]:
        if word:
            if not hasattr(group, "commands") or word.startswith("-"):
                break
            child = group.get_command(None, word)
            if child is None:
                break
            group = child
        found |= {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return found | {"--help", "-h"}


@pytest.mark.parametrize(
    ("page", "command"),
    [
        pytest.param(page, command, id=f"{page.stem}: {command}")
        for page in (README, *DOCS)
        for command in commands(page)
    ],
)
def test_every_option_of_a_command_in_the_documents_exists(page: Path, command: str) -> None:
    given = {word.partition("=")[0] for word in words(command) if word.startswith("-")}

    assert given <= options_of(command)


def test_every_option_named_in_the_readme_exists() -> None:
    known = set().union(
        *(options_of(f"dbatch {name}") for name in ("run", "strategies", "convert-excel", "data check"))
    )
    prose = _FENCED.sub("", README.read_text(encoding="utf-8"))

    assert set(_OPTION.findall(prose)) <= known


def exit_codes(page: Path) -> set[int]:
    """Return the numbers under the heading "Exit codes" of a page."""
    section = page.read_text(encoding="utf-8").partition("## Exit codes\n")[2].partition("\n## ")[0]
    return {int(number) for number in re.findall(r"\b\d+\b", section)}


def stops() -> dict[int, BaseException]:
    """Return what ends the command line otherwise than by a finished run, by its exit code."""
    from dbatch.errors import Interrupted, UsageError
    from dbatch.results.folder import LockedError
    from dbatch.results.publish import StorageError

    return {
        2: UsageError("what was asked cannot be done"),
        4: StorageError("disk full"),
        5: LockedError("another one writes there"),
        70: ZeroDivisionError("a bug"),
        129: Interrupted(signal.SIGHUP),
        130: KeyboardInterrupt(),
        143: Interrupted(signal.SIGTERM),
    }


def test_the_readme_names_every_exit_code_and_no_other() -> None:
    assert exit_codes(README) == {0, 1, 3, *stops()}  # 3: two results are not equal


@pytest.mark.parametrize("code", [2, 4, 5, 70, 129, 130, 143])
def test_an_exit_code_of_the_readme_is_what_the_command_line_ends_with(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbatch.cli import app

    def stop() -> None:
        raise stops()[code]

    monkeypatch.setattr(app, "app", stop)

    with pytest.raises(SystemExit) as stopped:
        app.run_app()

    assert stopped.value.code == code


@pytest.mark.parametrize(("status", "code"), [("success", 0), ("failed", 1), ("invalid_data", 1)])
def test_a_finished_run_ends_with_0_or_1_as_the_readme_says(status: Any, code: int) -> None:
    from dbatch.batch import RunOutcome
    from dbatch.cli.run import _exit_code
    from dbatch.model import Receipt

    assert _exit_code(RunOutcome(Path("out"), (Receipt("k", "AAA", status),), 1)) == code


ROOMS = {path.stem for path in (PROJECT / "src" / "dbatch").iterdir()} - {"__pycache__", "py"}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_the_architecture_names_every_room(room: str) -> None:
    assert f"`{room}`" in (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
