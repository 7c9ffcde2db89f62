"""Jobs of a handler that does to its process what its parameters say, each in a child process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest

from dbatch.engine.isolate.parent import run_isolated
from dbatch.model import Job, Limits, Receipt, RunContext, Security, Source, Window
from dbatch.plugins.discovery import resolve

UNRULY = Path(__file__).parent / "isolated" / "unruly.py"


@dataclass(frozen=True)
class Unruly:
    """A security of one event, and the file of a strategy; `folder` is where everything lies."""

    folder: Path
    file: Path = UNRULY

    def context(self, limits: Limits = Limits()) -> RunContext:  # noqa: B008 - frozen
        ref = resolve(self.file.stem, [str(self.file)]).ref
        return RunContext("run", ref, False, {}, Window(), 100_000, str(self.folder), limits, isolated=True)

    def jobs(self, deeds: Sequence[str], **more: object) -> list[Job]:
        """Return a job for each deed, called F00, F01, ..."""
        source = Source("parquet", (str(self.folder / "ticks.parquet"),))
        return [
            Job(f"{number:040x}", Security(f"F{number:02d}", "", source), "", "F", {"does": deed, **more})
            for number, deed in enumerate(deeds)
        ]

    def outcomes(self, *deeds: str, stop: Callable[[], bool] = lambda: False) -> Iterator[Receipt]:
        """Yield what becomes of a job for each deed, without limits."""
        for outcome in run_isolated(self.context(), self.jobs(deeds), stop=stop):
            yield outcome.receipt

    def does(
        self, *deeds: str, limit: float | None = None, mebibytes: int | None = None, **more: object
    ) -> list[Receipt]:
        """Return what becomes of a job for each deed, one after the other in as few children as can be."""
        limits = Limits(limit, None if mebibytes is None else mebibytes << 20)
        return [outcome.receipt for outcome in run_isolated(self.context(limits), self.jobs(deeds, **more))]


@pytest.fixture(scope="session")
def unruly(tmp_path_factory: pytest.TempPathFactory) -> Unruly:
    folder = tmp_path_factory.mktemp("unruly")
    moment = pd.Timestamp("2025-04-14T10:00")
    pd.DataFrame({"timestamp": [moment], "type": ["TRADE"], "price": [10.0], "volume": [5]}).to_parquet(
        folder / "ticks.parquet"
    )
    return Unruly(folder)


@pytest.fixture
def fork_servers() -> Callable[[], list[psutil.Process]]:
    """Return the warden, the fork server, and the children that live, of this process, in this order."""

    def processes() -> list[psutil.Process]:
        return [
            process
            for process in psutil.Process().children(recursive=True)
            if "dbatch.engine.isolate" in " ".join(process.cmdline())
        ]

    return processes


class Sleepers:
    """Grandchildren that sleep for so many `seconds`, which tells those of one module from all others."""

    def __init__(self) -> None:
        self.seconds = f"9{time.monotonic_ns()}"

    def __call__(self) -> list[psutil.Process]:
        everyone = psutil.process_iter(["cmdline"])
        return [process for process in everyone if process.info["cmdline"] == ["sleep", self.seconds]]


@pytest.fixture(scope="module")
def sleepers() -> Sleepers:
    return Sleepers()
