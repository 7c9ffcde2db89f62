"""Files that a conversion leaves, with the error that a user gets where they cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbatch.durable import whole_file
from dbatch.errors import OutputError


@contextmanager
def output_file(target: Path) -> Iterator[Path]:
    """Yield the name of a file to write that is `target` once the block has ended well, as `durable.whole_file` does.

    Raises OutputError for what the system refuses.
    """
    try:
        with whole_file(target) as part:
            yield part
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
