"""A batch on disk, to look at from Python or a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbatch.errors import OutputError
from dbatch.exports.export import Exported, export
from dbatch.exports.parcel import batch_id
from dbatch.looking.fills import each_job, kept_fills
from dbatch.looking.formats import cells, printable
from dbatch.looking.one_run import RunDays, run_days, run_log
from dbatch.looking.query import Choice, choose, runs_table
from dbatch.looking.show import show
from dbatch.looking.sql import ask
from dbatch.looking.tables import PARAMETER, Tables, read_tables
from dbatch.results.batch_names import RESULTS_NAME
from dbatch.results.consolidate import read_results
from dbatch.upkeep.logs import RunAsked, find_run
from dbatch.upkeep.status import BatchStatus, read_status
from dbatch.upkeep.subject import require

if TYPE_CHECKING:
    import pandas as pd

_TOP = 5
_JOBS_A_PARTITION = 100_000
_COMPARED = ("status", "trades", "total_pnl", "sharpe", "max_drawdown")


class Batch:
    """A batch, or a plain run, in its folder; while it runs too. Every call reads what is there at that moment.

    Make one with `Batch.open`. Nothing is ever written into the folder but by `resume`, `export` and `report`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: str | Path) -> Batch:
        """Return the batch in `folder`. Raises OutputError for a folder without one."""
        place = Path(folder)
        require(place)
        return cls(place)

    @property
    def name(self) -> str:
        """Return the name that the batch was given."""
        return self._tables().name

    @property
    def id(self) -> str:
        """Return what exports call it: the name and a hash of its configuration and when it began."""
        return batch_id(self._tables())

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return what the ledger says of the batch as a whole: configuration, versions, sessions, state."""
        return self._tables().facts

    def status(self) -> BatchStatus:
        """Return how far the batch is: counts, pace, the most frequent causes of failures."""
        return read_status(self.folder)

    def results(self, *, lazy: bool = False) -> Any:
        """Return a row per job, as `results.parquet` has them: a pandas DataFrame, or with `lazy` one of Dask.

        Raises OutputError for `lazy` while the files of the batch are not up to date.
        """
        tables = self._tables()
        if not lazy:
            return tables.jobs.to_pandas()
        if not tables.is_final:
            raise OutputError(
                f"{self.folder}: {RESULTS_NAME} is not up to date; results() without lazy reads the ledger"
            )
        import dask.dataframe as dd

        parts = range(max(1, -(-len(tables.jobs) // _JOBS_A_PARTITION)))
        return dd.from_map(_some_results, parts, folder=self.folder, meta=tables.jobs.slice(0, 0).to_pandas())

    def summary(self, where: str | None = None, sort_by: Sequence[str] = (), top: int | None = None) -> pd.DataFrame:
        """Return a row per run with its parameters; chosen, sorted and cut as `dbatch show` does."""
        rows, _ = choose(runs_table(self._tables()), Choice(where, sort_by, top))
        return rows.to_pandas()

    def best(self, top: int = _TOP) -> pd.DataFrame:
        """Return the best runs by the columns that people look at first."""
        return show(self.folder, Choice(top=top), headline=True).rows.to_pandas()

    def sql(self, question: str) -> pd.DataFrame:
        """Return the answer to a SELECT over `runs`, `jobs`, `daily` and `fills`."""
        return ask(self.folder, question).to_pandas()

    def run(self, asked: str | int) -> RunView:
        """Return one run by its id or number. Raises UsageError for one that is not there."""
        return RunView(find_run(self.folder, str(asked), by_security=False))

    def compare(self, other: Batch) -> pd.DataFrame:
        """Return a row for each job of either batch, by run and security: what this one has left, the other right.

        `equal` says whether both have the same fills; it is missing where one of them has none. Columns are those of
        `results()`, with `_left` and `_right`.
        """
        import pandas as pd

        keys = ["run_id", "security"]
        columns = [*keys, "digest", *_COMPARED]
        left, right = (one.results()[columns] for one in (self, other))
        both = left.merge(right, on=keys, how="outer", suffixes=("_left", "_right"))
        known = both["digest_left"].notna() & both["digest_right"].notna()
        equal = (both["digest_left"] == both["digest_right"]).astype("boolean").where(known, pd.NA)
        both.insert(len(keys), "equal", equal)
        return both.drop(columns=["digest_left", "digest_right"])

    def export(self, to: str, **options: Any) -> Exported:
        """Take the batch away as csv, json, parquet, xlsx or sql; options are those of `dbatch export`."""
        return export(self.folder, to, **options)

    def report(self, target: str | Path | None = None) -> Path:
        """Write the batch as one HTML page, by default `report.html` in its folder, and return the page's path."""
        from dbatch.report.write import write_report

        return write_report(self.folder, None if target is None else Path(target))

    def resume(self, *, client: Any = None, workers: int | None = None) -> Batch:
        """Compute what is left of the batch, and return it; on `client`, a Dask client that stays open, where given."""
        from dbatch.batch.notebook import resume

        resume(self.folder, client=client, workers=workers)
        return self

    def _tables(self) -> Tables:
        return read_tables(self.folder)

    def __repr__(self) -> str:
        status = self.status()
        return (
            f"<dbatch.Batch {printable(status.name)}: {status.state}, {status.runs.done:,}/{status.runs.total:,} runs>"
        )

    def _repr_html_(self) -> str:
        """Return a card: state, counts, causes, the best runs; all texts escaped."""
        status = self.status()
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(status.runs.statuses.items()))
        causes = "".join(f"<li>{_safe(f'{one.status}: {one.error}')} ({one.count:,})</li>" for one in status.causes)
        best = show(self.folder, Choice(top=_TOP), headline=True).rows
        head = "".join(f"<th>{_safe(name)}</th>" for name in best.column_names)
        rows = "".join("<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in cells(best))
        return (
            f"<div><b>{_safe(status.name)}</b> {_safe(status.state)} {status.runs.done:,}/{status.runs.total:,} runs "
            f"({_safe(counts)})<br><small>{_safe(str(self.folder))}</small>"
            f"{f'<ul>{causes}</ul>' if causes else ''}<table><tr>{head}</tr>{rows}</table></div>"
        )


class RunView:
    """One run of a batch: its fills, equity and log, read when they are asked for."""

    def __init__(self, asked: RunAsked) -> None:
        self._asked = asked
        self.id = asked.run_id
        self.number = asked.number
        self.strategy = asked.strategy

    @cached_property
    def row(self) -> dict[str, Any]:
        """Return the run's row of the summary, with its parameters."""
        rows = runs_table(read_tables(self._asked.folder))
        place = rows.column("run_id").to_pylist().index(self.id)
        return dict(rows.slice(place, 1).to_pylist()[0])

    @property
    def parameters(self) -> dict[str, Any]:
        """Return those of its parameters that vary within the batch."""
        return {name.removeprefix(PARAMETER): value for name, value in self.row.items() if name.startswith(PARAMETER)}

    @property
    def fills(self) -> pd.DataFrame:
        """Return its fills: `security` and the columns of a fill, in the order of securities and execution.

        Raises OutputError where they were not kept.
        """
        import pandas as pd

        jobs = kept_fills(self._asked.folder, [self.id])
        if not jobs:
            raise OutputError(f"run {self.id!r}: its fills were not kept; --fills all keeps those of every run")
        frames = {job.security: fills.to_pandas() for job, fills in each_job(self._asked.folder, jobs)}
        joined = pd.concat({name: frames[name] for name in sorted(frames)}, names=["security"])
        return joined.reset_index(level=0).reset_index(drop=True)

    @property
    def daily(self) -> pd.DataFrame:
        """Return its P&L: a row a day, a column a security, in currency."""
        import pandas as pd

        days = self._days
        return pd.DataFrame(days.pnl, index=_index(days))

    @property
    def equity(self) -> pd.Series:
        """Return its equity by day: its capital and all P&L so far, of all securities."""
        import pandas as pd

        days = self._days
        return pd.Series(days.equity, index=_index(days), name="equity")

    @property
    def log(self) -> str:
        """Return what its jobs said: how each ended, notes, tracebacks, what was printed."""
        return run_log(self._asked.folder, self.number)

    @cached_property
    def _days(self) -> RunDays:
        return run_days(self._asked.folder, self.number)

    def __repr__(self) -> str:
        return f"<dbatch run {self.number} {printable(self.id)}>"


def _some_results(number: int, folder: Path) -> pd.DataFrame:
    """Return partition `number` of the results in `folder`."""
    return read_results(folder).slice(number * _JOBS_A_PARTITION, _JOBS_A_PARTITION).to_pandas()


def _index(days: RunDays) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex(days.days.astype("datetime64[D]").astype("datetime64[ns]"), name="day")


def _safe(text: str) -> str:
    return html.escape(printable(text))
