"""Symbols times strategies in, one DataFrame out; a batch underneath, so that nothing is lost on the way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dbatch.batch.notebook import execution_on, finish, plan_of, sweep_document
from dbatch.batch.opened import Batch
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan
from dbatch.engine.control import Control
from dbatch.errors import OutputError, UsageError
from dbatch.upkeep.status import BatchStatus, read_status

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = {
    "Symbol": "security",
    "Strategy": "strategy",
    "Sharpe": "sharpe",
    "SortinoRatio": "sortino",
    "MaxDrawdown": "max_drawdown",
    "WinRate": "win_rate",
    "ProfitFactor": "profit_factor",
    "TradeCount": "round_trips",
    "AvgTradeReturn": "round_trip_return_pct",
    "runtime": "runtime_sec",
    "status": "status",
}
"""The columns of the DataFrame, and what each is in `results.parquet`; a trade in their sense is a round trip."""


class Orchestrator:
    """Backtests of symbols times strategies over one source of data.

    >>> # Orchestrator("ticks/").run(["ADIB", "MODON"], ["v1_baseline", "v2_1_stop_loss"])
    """

    def __init__(
        self,
        data: str | Path,
        *,
        output_root: str | Path = "output",
        client: Any = None,
        workers: int | None = None,
        serial: bool = False,
        options: BatchOptions | None = None,
    ) -> None:
        """Keep what all runs share; on `client`, a Dask client, they use its cluster, and it is never closed."""
        self._data = data
        self._output_root = output_root
        self._client = client
        self._workers = workers
        self._serial = serial
        self._options = options or BatchOptions()
        self._started: Started | None = None

    def run(
        self, symbols: Sequence[str], strategies: Sequence[str], *, name: str = "orchestrated", **arguments: Any
    ) -> pd.DataFrame:
        """Return a row for each symbol and strategy, symbols outermost; failed ones are rows too.

        `arguments` are those of `sweep`. Raises as `sweep` does.
        """
        return self.start(symbols, strategies, name=name, **arguments).result()

    def start(
        self, symbols: Sequence[str], strategies: Sequence[str], *, name: str = "orchestrated", **arguments: Any
    ) -> Started:
        """Begin what `run` does in a thread, and return it; faults of what was asked are raised here."""
        if self._started is not None and self._started.is_running:
            raise UsageError("start: the last one still runs; wait for its result(), or cancel() it")
        document = sweep_document(
            list(strategies),
            None,
            {"data": self._data, **arguments},
            name,
            securities=list(symbols),
            output_root=self._output_root,
        )
        plan = plan_of(document, self._options)
        self._started = Started(plan, self._options, (self._client, self._workers, self._serial), list(symbols))
        return self._started

    def status(self) -> BatchStatus | None:
        """Return how far the last one is, None before the first."""
        return None if self._started is None else self._started.status()


class Started:
    """A batch that runs in a thread of this process."""

    def __init__(
        self, plan: BatchPlan, options: BatchOptions, where: tuple[Any, int | None, bool], symbols: Sequence[str]
    ) -> None:
        self._plan = plan
        self._options = options
        self._where = where
        self._symbols = symbols
        self._control = Control(options.grace)
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._carry_out, name="dbatch-orchestrator", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def status(self) -> BatchStatus | None:
        """Return how far it is, None while it is being planned."""
        with contextlib.suppress(OutputError):
            return read_status(self._plan.output_dir)
        return None

    def cancel(self) -> None:
        """Ask it to stop in good order; what is finished is kept."""
        self._control.drain()

    def result(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait for the end, at most `timeout` seconds, and return a row for each symbol and strategy.

        Raises what stopped it, TimeoutError where it has not ended.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"{self._plan.output_dir}: still runs after {timeout:g} s; status() says how far it is")
        if self._fault is not None:
            raise self._fault
        return as_frame(Batch.open(self._plan.output_dir), self._symbols)

    def _carry_out(self) -> None:
        try:
            with execution_on(*self._where) as execution:
                options = replace(self._options, execution=execution)
                finish(self._plan, options, control=self._control)
        except BaseException as fault:  # noqa: BLE001 - raised again where the result is asked for
            self._fault = fault


def as_frame(batch: Batch, symbols: Sequence[str]) -> pd.DataFrame:
    """Return the jobs of `batch` with the columns of `COLUMNS`, in the order of `symbols` and strategies.

    AvgTradeReturn is a share of the value opened, 0.01 for one per cent, as `avg_trade_return` of `batch_summary` is.
    """
    rows = batch.results()
    place: Mapping[str, int] = {symbol: at for at, symbol in enumerate(symbols)}
    rows = rows.assign(_place=rows["security"].map(place)).sort_values(["_place", "run"], kind="stable")
    found = rows[list(COLUMNS.values())].reset_index(drop=True)
    found.columns = list(COLUMNS)
    found["AvgTradeReturn"] /= 100.0
    return found
