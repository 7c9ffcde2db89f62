"""Runs and batches started from Python: arguments instead of options, a `Batch` to look at instead of an exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbatch.batch.carry_out import BatchOutcome, carry_out
from dbatch.batch.opened import Batch
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch
from dbatch.batch.progress import BatchObserver
from dbatch.batch.single import RunOutcome, RunRequest
from dbatch.batch.single import run as run_request
from dbatch.batch.stored import stored_batch
from dbatch.config.asked import asked
from dbatch.config.batch_fields import read_batch
from dbatch.config.faults import Faults
from dbatch.engine.control import Control
from dbatch.engine.execute import Execution
from dbatch.engine.observe import Observer
from dbatch.errors import Interrupted, StorageError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from dbatch.batch.setups import Setups
    from dbatch.config.batch_fields import BatchFile


def run(
    strategy: str,
    *,
    data: str | Path | None = None,
    config: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    securities: Sequence[str] | None = None,
    strategy_path: str | Path | Sequence[str] = (),
    output_dir: str | Path | None = None,
    commission_bps: float | None = None,
    commission_per_share: float | None = None,
    commission_min: float | None = None,
    workers: int | None = None,
    serial: bool = False,
    client: Any = None,
    rerun: bool = False,
    observer: Observer | None = None,
) -> Batch:
    """Run `strategy` over every security of `data`, as `dbatch run` does, and return its results.

    `parameters` are set for all securities, or as `SECURITY.name` for one; fees are those of `RunRequest`. On `client`,
    a Dask client, the cluster is used that it is connected to; it is never closed. Raises UsageError (and its kinds)
    where nothing was started, StorageError where the run could not go on; a failed security is a row of the results.
    """
    paths = [strategy_path] if isinstance(strategy_path, str | Path) else strategy_path
    with execution_on(client, workers, serial) as execution:
        outcome = run_request(
            RunRequest(
                strategy,
                data=_text(data),
                config=_text(config),
                overrides=dict(parameters or {}),
                securities=securities,
                strategy_paths=tuple(map(str, paths)),
                output_dir=_text(output_dir),
                commission_bps=commission_bps,
                commission_per_share=commission_per_share,
                commission_min=commission_min,
                execution=execution,
                rerun=rerun,
            ),
            observer,
        )
    _raise_if_stopped(outcome)
    return Batch.open(outcome.output_dir)


def sweep(
    strategy: str | Sequence[str],
    grid: Mapping[str, Sequence[Any] | str] | None = None,
    *,
    random: Mapping[str, Any] | None = None,
    sample: int | None = None,
    seed: int | None = None,
    data: str | Path | None = None,
    securities: Sequence[str] | None = None,
    name: str | None = None,
    output_root: str | Path | None = None,
    workers: int | None = None,
    serial: bool = False,
    client: Any = None,
    options: BatchOptions | None = None,
    observer: BatchObserver | None = None,
    **arguments: Any,
) -> Batch:
    """Carry out `strategy`, or each of several, over all combinations of `grid`, and return the batch.

    `grid`, `random` (`{"n": 100, "parameters": {"size": {"int": [1, 9]}}}`), `sample` and `seed` are as in a batch
    file, `arguments` its `base_args`: parameters that stay, fees (`commission_bps`, ...), `config`, `start_date`, ...
    What was computed before is not computed again. On `client` as in `run`. `options` say how (`BatchOptions`). Raises
    ConfigError with every fault, else as `run`; failed runs are rows of the results.
    """
    document = sweep_document(
        strategy,
        grid,
        {"data": data, **arguments},
        name,
        random=random,
        sample=None if sample is None else {"n": sample},
        seed=seed,
        securities=None if securities is None else list(securities),
        output_root=output_root,
    )
    with execution_on(client, workers, serial) as execution:
        chosen = dataclasses.replace(options or BatchOptions(), execution=execution)
        return finish(plan_of(document, chosen), chosen, observer)


def resume(folder: str | Path, *, client: Any = None, workers: int | None = None) -> Batch:
    """Compute what is left of the batch in `folder`, and return it; on `client` as in `run`."""
    stored = stored_batch(folder)
    with execution_on(client, workers, serial=False) as execution:
        chosen = stored.with_stored(BatchOptions(execution=execution))
        return finish(stored.plan(chosen), chosen)


def scan(
    strategy: str,
    grid: Mapping[str, Sequence[Any] | str] | None = None,
    *,
    random: Mapping[str, Any] | None = None,
    sample: int | None = None,
    seed: int | None = None,
    data: str | Path | None = None,
    securities: Sequence[str] | None = None,
    workers: int | None = None,
    **arguments: Any,
) -> pd.DataFrame:
    """Return the metrics of all combinations of `grid`, computed in memory: nothing is kept but this table.

    Rows and columns are those of `batch.scanning.Scan`, in the order of runs and securities; arguments are those of
    `sweep`. Runs that are tried so are in no ledger: `dbatch stats --prior-trials` wants to know how many there were.
    Raises ConfigError with every fault, UsageError for a strategy that is not compiled.
    """
    from dbatch.batch.scanning import scan as scanned

    several = None if securities is None else list(securities)
    chosen = {
        "random": random,
        "sample": None if sample is None else {"n": sample},
        "seed": seed,
        "securities": several,
    }
    batch, setups = checked_batch(sweep_document(strategy, grid, {"data": data, **arguments}, None, **chosen))
    frame: pd.DataFrame = scanned(batch, setups, workers).table.to_pandas()
    return frame


def plan_of(document: Mapping[str, Any], options: BatchOptions) -> BatchPlan:
    """Return the plan of a batch given as the fields of a batch file. Raises ConfigError with every fault."""
    batch, setups = checked_batch(document)
    return plan_batch(batch, options, setups=setups)


def checked_batch(document: Mapping[str, Any]) -> tuple[BatchFile, Setups]:
    """Return a batch given as the fields of a batch file, and what its check has found out of its inputs."""
    from dbatch.batch.check_file import FileCheck
    from dbatch.batch.setups import Setups

    faults, setups, here = Faults(), Setups(), Path.cwd()
    batch = read_batch(document, here, faults)
    FileCheck(setups)(asked(document, here), faults)
    faults.raise_all("sweep")
    return batch, setups


def finish(
    plan: BatchPlan, options: BatchOptions, observer: BatchObserver | None = None, control: Control | None = None
) -> Batch:
    """Carry out `plan` and return the batch. Raises StorageError where it could not go on."""
    _raise_if_stopped(carry_out(plan, options, observer, control))
    return Batch.open(plan.output_dir)


@contextmanager
def execution_on(client: Any, workers: int | None, serial: bool) -> Iterator[Execution]:
    """Yield how to run: on the cluster of `client` if there is one, else on our own."""
    if client is None:
        yield Execution(workers, serial, dashboard=False)
        return
    if serial or workers is not None:
        raise UsageError("client: brings its own workers; leave out workers and serial")
    from dbatch.engine.cluster import lent

    with lent(client):
        yield Execution(scheduler=client.scheduler.address, dashboard=False)


def sweep_document(
    strategy: str | Sequence[str],
    grid: Mapping[str, Any] | None,
    base_args: Mapping[str, Any],
    name: str | None,
    **others: Any,
) -> dict[str, Any]:
    """Return the fields of a batch file for `strategy`, or each of several, over `grid`.

    `others` are further fields as a file has them. What is None is left out.
    """
    several = [strategy] if isinstance(strategy, str) else list(strategy)
    varying = [*(grid or ()), *((others.get("random") or {}).get("parameters") or ())]
    base = {**base_args} | ({"strategy": several[0]} if len(several) == 1 else {})
    plain = ["".join(c if c.isalnum() and c.isascii() else "_" for c in one) for one in several[:3]]
    fields: dict[str, Any] = {
        "batch_name": name or "-".join([*plain, "sweep"]),
        "description": f"{', '.join(several)} over {', '.join(varying) or 'its parameters'}",
        "base_args": {key: _plain(value) for key, value in base.items() if value is not None},
        "strategies": several if len(several) > 1 else None,
        "grid": {key: value if isinstance(value, str) else list(value) for key, value in (grid or {}).items()} or None,
        **others,
    }
    document = {key: _plain(value) for key, value in fields.items() if value is not None}
    if not {"grid", "random", "strategies"} & document.keys():
        document["runs"] = [{"id": plain[0]}]
    return document


def _raise_if_stopped(outcome: RunOutcome | BatchOutcome) -> None:
    if outcome.interrupted == 2:
        raise KeyboardInterrupt
    if outcome.interrupted is not None:
        raise Interrupted(outcome.interrupted)
    if outcome.fault is not None:
        raise StorageError(f"{outcome.output_dir}: {outcome.fault}; what is finished is kept, the same call goes on")


def _text(value: str | Path | None) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
