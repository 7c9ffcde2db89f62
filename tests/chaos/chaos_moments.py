"""A folder as it is at every moment at which its owner could be killed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chaos_scene import IN_PLACE, Scene

from dbatch import durable
from dbatch.engine import unit
from dbatch.results import ledger, publish

_CHANGES = ("open", "replace", "rename", "unlink", "mkdir", "rmdir")


class Moments:
    """Copies of `folder` in `copies`: before each file or name in it is changed, and after each transaction.

    Being killed by SIGKILL leaves a folder as it is: what was written is there, what was to come is not, and nothing
    is tidied up. A copy that equals the one before is not kept.
    """

    def __init__(self, folder: Path, copies: Path) -> None:
        self._folder, self._copies = folder, copies
        self._last = b""
        self._watching = False
        self.taken: list[tuple[str, Path]] = []

    @contextmanager
    def watched(self, patch: Callable[[object, str, Any], None]) -> Iterator[None]:
        """Take copies until the block ends; `patch` sets an attribute until the test ends."""
        for name in _CHANGES:
            patch(os, name, self._before(name, getattr(os, name)))
        for module in (durable, publish, unit, ledger):
            patch(module, "passed", lambda step: self._take(f"step {step}"))
        patch(ledger.Ledger, "_transaction", self._after_transaction(ledger.Ledger._transaction))
        patch(ledger.Ledger, "facts", self._before_reading(ledger.Ledger.facts))
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _before(self, name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(path: Any, *arguments: Any, **options: Any) -> Any:
            if self._watching and str(path).startswith(str(self._folder)):
                self._take(f"{name} {os.path.basename(path)}")
            return change(path, *arguments, **options)

        return wrapped

    def _before_reading(self, facts: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(book: Any) -> Any:
            self._take("the ledger is open")
            return facts(book)

        return wrapped

    def _after_transaction(self, transaction: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def wrapped(book: Any) -> Iterator[None]:
            with transaction(book):
                yield
            self._take("transaction")

        return wrapped

    def _take(self, what: str) -> None:
        if not self._watching or not self._folder.exists():
            return
        self._watching = False
        content = hashlib.sha256()
        for path in sorted(self._folder.rglob("*")):
            content.update(str(path).encode())
            if path.is_file() and not path.name.endswith("-shm"):
                content.update(path.read_bytes())
        if content.digest() != self._last:
            self._last = content.digest()
            self.taken.append((what, self._copies / str(len(self.taken))))
            shutil.copytree(self._folder, self.taken[-1][1])
        self._watching = True


def faults_of_moments(batch: Scene, before: str, every: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Yield each moment of a call, by its name, and what is wrong once another call has gone on from there.

    `before` is "nothing", "an interrupted call" or "a finished one", which is replaced. Of the moments, `every`-th
    ones are looked at.
    """
    options = replace(IN_PLACE, unit_jobs=2)
    if before == "an interrupted call":
        batch.interrupted(options)
    if before == "a finished one":
        batch.carried_out()
        options = replace(options, rerun=True)
    moments = Moments(batch.out, batch.folder / "copies")
    with pytest.MonkeyPatch.context() as patch, moments.watched(patch.setattr):
        batch.carried_out(options=options)
    for what, copy in moments.taken[::every]:
        shutil.rmtree(batch.out)
        copy.rename(batch.out)
        batch.went_on()
        yield what, batch.faults()
