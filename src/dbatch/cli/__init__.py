"""The command line: one module per command, imported when it is called."""

from __future__ import annotations

from gc import callbacks, freeze, get_threshold, set_threshold  # the module's name is that of a command here
from sys import modules
from typing import Any, Final

_AT_START: Final = (400_000, 20, 50)
"""Until the first time: what is new then are modules, a quarter of a million objects that stay."""

_SELDOM: Final = (50_000, 20, 50)
"""Python looks for cycles after every 700 new objects: a fifth of the time of planning and counting many runs."""


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from dbatch.cli.app import run_app

    set_threshold(*_AT_START)
    callbacks.append(_started)
    try:
        run_app()
    finally:
        if "duckdb" not in modules:  # which tells people of each object of its own that was never let go
            freeze()  # the process ends: to look for cycles among its modules first takes a third of a second


def _started(phase: str, _: dict[str, Any]) -> None:
    if phase == "stop" and get_threshold() == _AT_START:
        set_threshold(*_SELDOM)
