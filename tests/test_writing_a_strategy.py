"""The tutorial `docs/writing-a-strategy.md`, carried out from top to bottom: every file, every command, every output.

What the page says in its fenced blocks:

- `<!-- file: PATH -->` before a block: the block is that file.
- `<!-- change: PATH, for the next command -->` before a diff: its `-` lines become its `+` lines for the next block.
- in a `sh` block a line is a command; below it `# exit code N` is how it ends (0 when that is not said), and the other
  lines that begin with `#` stand in its output in this order, `...` for anything.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "writing-a-strategy.md"
SAMPLE = PROJECT / "src" / "dbatch" / "sample" / "ticks"

_BLOCK = re.compile(r"^(?:<!-- (file|change): ([^\s,]+)[^\n]* -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"exit code (\d+)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `role` is "file" or "change" with its `path`, both empty where no comment says so."""

    role: str
    path: str
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line of a shell block, and what the page says of it."""

    line: str
    code: int
    quoted: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """How a command ended; `output` is what a terminal shows: stdout and stderr as they came."""

    code: int
    output: str


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(page)]


def commands(shell: str) -> list[Command]:
    """Return the commands of a shell block, each with the comments below it."""
    found: list[Command] = []
    for line in shell.splitlines():
        if not line.startswith("#"):
            found.append(Command(line, 0, ()))
            continue
        above, said = found[-1], line[1:].strip()
        ending = _EXIT_CODE.fullmatch(said)
        code, quoted = (int(ending[1]), above.quoted) if ending else (above.code, (*above.quoted, said))
        found[-1] = Command(above.line, code, quoted)
    return found


def missing(quoted: Sequence[str], output: str) -> list[str]:
    """Return the quoted lines that `output` does not have after those before them; spaces count as one."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    patterns = [".*".join(map(re.escape, " ".join(line.split()).split("..."))) for line in quoted if line != "..."]
    return [pattern for pattern in patterns if not any(re.fullmatch(pattern, line) for line in lines)]


BLOCKS = blocks(PAGE.read_text(encoding="utf-8"))
COMMANDS = [command for block in BLOCKS if block.language == "sh" for command in commands(block.text)]


@contextmanager
def changed(folder: Path, change: Block | None) -> Iterator[None]:
    """Make the change of a diff block while the context lasts; none for None."""
    if change is None:
        yield
        return
    file = folder / change.path
    text = file.read_text(encoding="utf-8")
    old, new = (
        "".join(line[1:] for line in change.text.splitlines(keepends=True) if line.startswith(sign)) for sign in "-+"
    )
    assert text.count(old) == 1, f"{change.path} does not hold once: {old}"
    file.write_text(text.replace(old, new), encoding="utf-8")
    yield
    file.write_text(text, encoding="utf-8")


def install(package: Path, site: Path) -> Finished:
    """Leave in `site` what `pip install` of `package` does, its modules and its entry points; pip would download."""
    project: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    facts = site / f"{project['name']}-{project['version']}.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["dbatch.strategies"]
    (facts / "entry_points.txt").write_text(
        "[dbatch.strategies]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    )
    shutil.copytree(package / project["name"], site / project["name"])
    return Finished(0, "")


def carried_out(line: str, folder: Path, environment: Mapping[str, str]) -> Finished:
    """Run a command of the page as its reader does, in his folder."""
    program, *words = shlex.split(line)
    if program == "pip":
        return install(folder / words[-1], Path(environment["PYTHONPATH"]))
    how = {"dbatch": ["-m", "dbatch"], "pytest": ["-P", "-m", "pytest"], "python": []}[program]
    finished = subprocess.run(
        [sys.executable, *how, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, timeout=240,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return Finished(finished.returncode, finished.stdout)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Command, Finished]]:
    """The folder at the end, and how each command ended.

    `dbatch verify` takes long, prints and leaves nothing, so it works in a copy of the folder, beside what comes after.
    """
    folder = tmp_path_factory.mktemp("tutorial")
    alone = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"}
    alone.pop("DBATCH_STRATEGY_PATH", None)
    environment = alone | {"PYTHONPATH": str(tmp_path_factory.mktemp("site"))}
    finished: dict[Command, Finished] = {}
    beside: dict[Command, Future[Finished]] = {}
    change = None
    with ThreadPoolExecutor(2) as pool:
        for block in BLOCKS:
            if block.role == "file":
                (folder / block.path).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.path).write_text(block.text, encoding="utf-8")
            elif block.role == "change":
                change = block
            else:
                with changed(folder, change):
                    for command in commands(block.text):
                        if command.line.startswith("dbatch verify "):
                            copy = tmp_path_factory.mktemp("copy")
                            shutil.copytree(folder, copy, dirs_exist_ok=True)
                            beside[command] = pool.submit(carried_out, command.line, copy, alone)
                        else:
                            finished[command] = carried_out(command.line, folder, environment)
                change = None
    return folder, finished | {command: future.result() for command, future in beside.items()}


@pytest.fixture(scope="module")
def fills(page: Any) -> pd.DataFrame:
    """The fills of the tutorial's strategy with its defaults."""
    return pd.read_parquet(page[0] / "output" / "imbalance" / "fills.parquet")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.line)
@pytest.mark.slow
def test_a_command_of_the_tutorial_ends_as_it_says_and_prints_what_it_quotes(page: Any, command: Command) -> None:
    finished = page[1][command]

    assert finished.code == command.code, finished.output
    assert missing(command.quoted, finished.output) == [], finished.output


def test_every_block_of_the_tutorial_is_a_file_a_change_or_commands() -> None:
    roles = {(block.language, block.role) for block in BLOCKS}

    assert roles == {("python", "file"), ("json", "file"), ("diff", "change"), ("sh", "")}
    assert len(set(COMMANDS)) == len(COMMANDS)
    assert 2 * len(BLOCKS) == sum(line.startswith("```") for line in PAGE.read_text(encoding="utf-8").splitlines())


def plain_fills(ticks: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return (timestamp, side, price, quantity) of the tutorial's idea with its defaults, from its words alone."""
    fills: list[tuple[object, ...]] = []
    book, today, held, bought = {}, None, 0, ticks["timestamp"].iloc[0]
    for time, kind, price, volume in ticks[ticks["price"] > 0].itertuples(index=False):
        if time.date() != today:
            book, today = {}, time.date()
        book[kind] = (price, volume)
        clock, (bid, bids), (ask, asks) = f"{time:%H:%M}", book.get("bid", (0, 0)), book.get("ask", (0, 0))
        if kind != "ask" or not bids or not asks:
            continue
        if held == 0 and "10:00" <= clock < "14:45" and bids >= 3 * asks:
            held, bought = min(1_000, asks), time
            fills.append((time, "buy", ask, held))
        elif held and (clock >= "14:45" or (asks > bids and time - bought >= pd.Timedelta(seconds=60))):
            fills.append((time, "sell", bid, min(held, bids)))
            held -= min(held, bids)
    return fills


@pytest.mark.parametrize("security", ["ALFA", "GAMA", "VETA"])
@pytest.mark.slow
def test_the_strategy_of_the_tutorial_makes_the_fills_of_a_plain_loop(fills: pd.DataFrame, security: str) -> None:
    mine = fills.loc[fills["security"] == security, ["timestamp", "side", "fill_price", "fill_qty"]]
    ticks = pd.read_parquet(SAMPLE / f"{security.lower()}.parquet")

    assert list(mine.itertuples(index=False, name=None)) == plain_fills(ticks)


@pytest.mark.slow
def test_the_realized_pnl_of_the_tutorial_is_the_cash_of_its_round_trips(fills: pd.DataFrame) -> None:
    signs = fills["side"].map({"sell": 1, "buy": -1})

    assert fills["realized_pnl"].sum() == pytest.approx((signs * fills["fill_price"] * fills["fill_qty"]).sum())


@pytest.mark.slow
def test_the_log_shows_the_line_that_numba_refused(page: Any) -> None:
    assert "execute(position, params.size / 2, ask.price)" in (page[0] / "output" / "slip" / "run.log").read_text()


_counted = 0


def test_numba_refuses_to_change_a_global_with_the_words_of_the_tutorial() -> None:
    from numba import njit

    @njit
    def count() -> int:
        global _counted
        _counted = 1
        return 1

    with pytest.raises(Exception, match=re.escape("unsupported opcode (STORE_GLOBAL)")):
        count()
    assert "`unsupported opcode (STORE_GLOBAL)`" in PAGE.read_text(encoding="utf-8")


def test_a_quoted_line_that_is_not_printed_is_missing() -> None:
    output = "one  fill, 1.5 s\ntwo fills\n"

    assert missing(["one fill, ...", "...", "two fills"], output) == []
    assert missing(["two fills", "one fill, ..."], output) == [r"one\ fill,\ .*"]
    assert missing(["three fills"], output) == [r"three\ fills"]


def test_a_change_is_undone_after_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    with changed(tmp_path, Block("change", "a.py", "diff", "-y = 2\n+y = 3\n")):
        assert (tmp_path / "a.py").read_text() == "x = 1\ny = 3\n"

    assert (tmp_path / "a.py").read_text() == "x = 1\ny = 2\n"
