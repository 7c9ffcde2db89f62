"""Where the data of a command goes: to a file, or to stdout when it is fit for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there. [default: stdout]")]


def put(content: bytes, target: Path | None, *, binary: bool = False) -> None:
    """Write `content` to `target`, or to stdout, on a terminal with what steers it escaped.

    Raises UsageError for `binary` content and a terminal.
    """
    from dbatch.errors import UsageError

    if target is not None:
        from dbatch.results.publish import write_atomically

        write_atomically(target, content)
        return
    if binary and sys.stdout.isatty():
        raise UsageError("this format is not for a terminal; name a file with -o")
    if sys.stdout.isatty():
        from dbatch.cli.upkeep_text import escaped

        content = escaped(content.decode()).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
