"""How a run tells of itself while it goes on; a command shows it, a library ignores it."""

from __future__ import annotations

from typing import Protocol

from dbatch.model import Receipt


class Observer(Protocol):
    """What is called as a run goes on, always from the driver's main thread."""

    def note(self, text: str) -> None:
        """Something the user should know: which strategy was taken, where the sample comes from."""

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None:
        """Work begins: `jobs` in all, `done` of them from before, `slots` at a time."""

    def finished(self, receipt: Receipt) -> None:
        """A job's receipt is safe in the ledger."""

    def ended(self) -> None:
        """No more receipts will come."""


class Silent:
    """An observer that does nothing."""

    def note(self, text: str) -> None: ...

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None: ...

    def finished(self, receipt: Receipt) -> None: ...

    def ended(self) -> None: ...
