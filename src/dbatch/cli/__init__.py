"""The command line: one module per command, imported when it is called."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from dbatch.cli.app import run_app

    run_app()
