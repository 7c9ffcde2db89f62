"""What an optional package that is not there is told as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbatch.errors import UsageError


@contextmanager
def needs(extra: str, package: str, what: str) -> Iterator[None]:
    """Raise UsageError, which says what to install, where `package` is not found while the block runs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise UsageError(f"{what} needs {package}; pip install 'dbatch[{extra}]'") from error
