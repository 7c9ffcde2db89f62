"""The errors a user can meet, one line each; anything else is a bug and keeps its traceback.

DbatchError
|- UsageError            what was asked cannot be done: exit code 2
|  |- ConfigError        faults in a configuration, all of them at once, each with its path
|  |- StrategyError      a strategy is unknown, ambiguous or cannot be loaded
|  |- DataNotFoundError  the data that was named is not there, or holds no security
|  `- OutputError        the output folder cannot be used
|     `- LockedError     another driver is writing there: exit code 5
|- DataError             one security's data cannot be used: a named failure of that security
|  |- SchemaError        columns or types are not those of events
|  `- WorkbookError      a workbook cannot be read
|- MissingDataError      a strategy needs what the data does not have: that job is skipped
|- HandlerError          a strategy's handler broke its contract
|- StorageError          results cannot be kept: exit code 4, the run can go on later
`- ClusterError          the Dask cluster is gone: exit code 4, the run can go on later
"""

from __future__ import annotations

from collections.abc import Sequence


class DbatchError(Exception):
    """Any fault that dbatch can name; its text is one line that says where, what was found, what would be right."""


class UsageError(DbatchError):
    """What was asked cannot be done; nothing was started."""


class ConfigError(UsageError):
    """One or more faults in a configuration; `faults` holds one line each, with its path in the file."""

    def __init__(self, source: str, faults: Sequence[str]) -> None:
        self.source = source
        self.faults = tuple(faults)
        super().__init__(source, self.faults)

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return f"{self.source}: {self.faults[0]}"
        return "\n".join([f"{self.source}: {len(self.faults)} faults", *(f"  {fault}" for fault in self.faults)])


class StrategyError(UsageError):
    """A strategy is unknown, ambiguous or cannot be loaded."""


class DataNotFoundError(UsageError):
    """The data that was named is not there, or holds no security."""


class OutputError(UsageError):
    """The output folder cannot be used as asked."""


class LockedError(OutputError):
    """Another driver is writing into the output folder: exit code 5."""


class DataError(DbatchError):
    """One security's data cannot be used."""


class SchemaError(DataError):
    """Columns or types are not those of events."""


class WorkbookError(DataError):
    """A workbook cannot be read, as a whole or in one sheet."""


class MissingDataError(DbatchError):
    """A strategy needs a column or events that the data does not have; strategies may raise it. The job is skipped."""


class HandlerError(DbatchError):
    """A strategy's handler broke its contract."""


class StorageError(DbatchError):
    """Results could not be written: the disk is full, gone or read-only. Nothing half-written has a final name."""


class ClusterError(DbatchError):
    """The Dask cluster that ran the jobs is gone; what was finished is kept."""


class Interrupted(BaseException):
    """A signal asked the process to stop; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
