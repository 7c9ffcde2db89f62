"""verify, contract and look-ahead of every strategy in the table of docs/checks.md, over data that are given.

    python tools/check_strategies.py --ticks ticks/ --bars bars/ --daily stocks.csv --configs configs/ --log checks.csv

Each row of the table is checked by the commands that a user has; the exit code is 1 where one ends otherwise than the
table says. A strategy whose data are not given is left out. `--log` gets a line for each command: row, what, exit code,
seconds, last line, command. With `--only` these strategies alone. All of it takes about half an hour on four cores.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[1] / "docs" / "checks.md"
CODES: Final[Mapping[str, Mapping[str, int]]] = {
    "verify": {"equal": 0, "not equal": 3},
    "contract": {"kept": 0, "not kept": 1},
    "look-ahead": {"sound": 0, "known": 3, "skipped": 0},
}
"""The exit code that stands for a word of the table."""
_ROW: Final = re.compile(r"\| `(\w+)`([^|]*)\| ([^|]+)\| ([^|]+)\| ([^|]+)\|([^|]*)\|")
_SETTING: Final = re.compile(r"`(\w+=[^`]+)`")


@dataclass(frozen=True)
class Row:
    """A row of the table: a strategy with `settings` (KEY=VALUE), what its checks say, and why."""

    strategy: str
    settings: tuple[str, ...]
    verdicts: Mapping[str, str]
    reason: str

    @property
    def label(self) -> str:
        """Return the row's name."""
        return " ".join([self.strategy, *self.settings])


def table(page: Path = PAGE) -> list[Row]:
    """Return the rows of the table, which begins below the heading `The strategies that ship`."""
    text = page.read_text(encoding="utf-8").split("### The strategies that ship\n", 1)[1].split("\n## ", 1)[0]
    rows = []
    for name, more, *verdicts, reason in _ROW.findall(text):
        said = dict(zip(CODES, (each.strip() for each in verdicts), strict=True))
        rows.append(Row(name, tuple(_SETTING.findall(more)), said, reason.strip()))
    return rows


def commands(row: Row, data: str, config: Path | None) -> Iterator[tuple[str, list[str]]]:
    """Yield each check of `row` by its name, with its command."""
    settings = [word for setting in row.settings for word in ("--set", setting)]
    configured = [] if config is None else ["--config", str(config)]
    yield "verify", ["verify", "-s", row.strategy, "--data", data, "--all", "--vary", *configured, *settings]
    yield "contract", ["strategies", "check", row.strategy, *settings]
    yield "look-ahead", ["check", "lookahead", row.strategy, "--data", data, *configured, *settings]


def data_of(row: Row, given: argparse.Namespace) -> str | None:
    """Return the data for the kind of strategy that `row` has."""
    from dbatch.plugins.discovery import resolve
    from dbatch.plugins.loading import make_handler
    from dbatch.portfolio import PortfolioStrategy
    from dbatch.strategies import BarStrategy, SignalStrategy

    handler = make_handler(resolve(row.strategy, []).ref, {})
    if isinstance(handler, PortfolioStrategy):
        return given.daily  # type: ignore[no-any-return]
    return given.bars if isinstance(handler, BarStrategy | SignalStrategy) else given.ticks  # type: ignore[no-any-return]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks, print how each ended, and return 1 where one ended otherwise than the table says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ticks", "bars", "daily"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--configs", type=Path)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--only", nargs="*", default=())
    given = parser.parse_args(arguments)
    lines = []
    for row in table():
        data = data_of(row, given)
        if data is None or (given.only and row.strategy not in given.only):
            continue
        written = None if given.configs is None else given.configs / f"{row.strategy}_config.json"
        config = written if written is not None and written.exists() else None
        for what, command in commands(row, data, config):
            expected = CODES[what][row.verdicts[what]]
            began = time.perf_counter()
            ended = subprocess.run(
                [sys.executable, "-m", "dbatch", *command], capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - began
            last = (ended.stderr.strip().splitlines() or [""])[-1]
            word = "ok" if ended.returncode == expected else f"EXIT CODE {ended.returncode}, must be {expected}"
            print(f"{row.label}: {what}: {word} ({seconds:.1f} s): {last}", flush=True)
            lines.append((row.label, what, ended.returncode, expected, round(seconds, 1), last, " ".join(command)))
    if given.log is not None:
        with open(given.log, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [("row", "check", "exit_code", "expected", "seconds", "last", "command"), *lines]
            )
    return int(any(line[2] != line[3] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
