"""A batch sent to MLflow: what is there already stays, what differs is replaced, what is missing comes."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import dbatch
from dbatch_mlflow.content import BATCH_TAG, CONTENT_TAG, PARENT, RUN_TAG, Experiment, Told, experiments
from dbatch_mlflow.naming import Naming

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PARENT_TAG: Final = "mlflow.parentRunId"
_MOST_PARAMS: Final = 90  # of 100 in a request, tags with them
_ANSWERS_WITHIN_SEC: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}
_ARTIFACTS: Final = ("batch_summary.csv", "report.html")


def export(batch: dbatch.Batch, url: str | None, options: Mapping[str, Any]) -> dict[str, int]:
    """Tell MLflow of `batch` and return how many runs were new, replaced and the same.

    `url` is a tracking URI; without one it is that of MLFLOW_TRACKING_URI, else an SQLite file in the batch's folder.
    Options are those of `Naming`. Doing it again leaves one copy of each run, also after one that broke off. Raises
    ValueError for options, ConnectionError where no server answers, what MLflow raises.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    naming = Naming.of(options)
    uri = url or os.environ.get("MLFLOW_TRACKING_URI") or _own_store(batch.folder)
    _refuse_silent(uri)
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = mlflow.MlflowClient(tracking_uri=uri)
    counts = {"new runs": 0, "replaced runs": 0, "unchanged runs": 0}
    for experiment in experiments(batch, naming):
        _send(client, _experiment_id(client, experiment.name, uri, batch.folder), experiment, batch, counts)
    return counts


def _send(
    client: MlflowClient, experiment_id: str, experiment: Experiment, batch: dbatch.Batch, counts: dict[str, int]
) -> None:
    there = _runs_there(client, experiment_id, batch.id)
    parent_id, is_new = _put(client, experiment_id, experiment.parent, there, {}, counts)
    if is_new:
        for name in _ARTIFACTS:
            if (batch.folder / name).is_file():
                client.log_artifact(parent_id, str(batch.folder / name))
    for told in experiment.children:
        _put(client, experiment_id, told, there, {_PARENT_TAG: parent_id}, counts)
    for left in there.values():  # runs that the batch no longer has, and copies
        for run in left:
            client.delete_run(run.info.run_id)


def _put(
    client: MlflowClient,
    experiment_id: str,
    told: Told,
    there: dict[str, list[Any]],
    tags: Mapping[str, str],
    counts: dict[str, int],
) -> tuple[str, bool]:
    """Have MLflow hold `told` once; return the id of its run and whether it was sent. `there` loses what is settled."""
    known = there.pop(told.tags[RUN_TAG], [])
    wanted = {CONTENT_TAG: told.content, **tags}
    for run in known:
        if all(run.data.tags.get(name) == value for name, value in wanted.items()):
            counts["unchanged runs"] += 1
            for copy in known:
                if copy is not run:
                    client.delete_run(copy.info.run_id)
            return run.info.run_id, False
    for run in known:  # parameters of a run can never be changed
        client.delete_run(run.info.run_id)
    counts["replaced runs" if known else "new runs"] += 1
    return _create(client, experiment_id, told, tags), True


def _create(client: MlflowClient, experiment_id: str, told: Told, tags: Mapping[str, str]) -> str:
    """Send `told` in few requests; the tag that says it is whole goes with the last of them."""
    from mlflow.entities import Metric, Param, RunTag

    run = client.create_run(experiment_id, told.started, {**told.tags, **tags}, told.name)
    run_id: str = run.info.run_id
    params = [Param(name, value) for name, value in told.params.items()]
    for first in range(_MOST_PARAMS, len(params), _MOST_PARAMS):
        client.log_batch(run_id, params=params[first : first + _MOST_PARAMS])
    at = told.ended or told.started or int(time.time() * 1000)
    metrics = [Metric(name, value, at, 0) for name, value in told.metrics.items()]
    client.log_batch(run_id, metrics, params[:_MOST_PARAMS], [RunTag(CONTENT_TAG, told.content)])
    client.set_terminated(run_id, told.state, told.ended)
    return run_id


def _runs_there(client: MlflowClient, experiment_id: str, batch_id: str) -> dict[str, list[Any]]:
    """Return the runs of this batch that MLflow holds, by what they are called here."""
    found: dict[str, list[Any]] = {}
    for run in _pages(client, experiment_id, f"tags.`{BATCH_TAG}` = '{batch_id}'"):
        found.setdefault(run.data.tags.get(RUN_TAG, PARENT), []).append(run)
    return found


def _pages(client: MlflowClient, experiment_id: str, query: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment_id], query, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _experiment_id(client: MlflowClient, name: str, uri: str, folder: Path) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        if known.lifecycle_stage == "deleted":
            client.restore_experiment(known.experiment_id)
        return str(known.experiment_id)
    beside = (folder.absolute() / "exports" / "mlruns").as_uri() if uri == _own_store(folder) else None
    return str(client.create_experiment(name, artifact_location=beside))


def _own_store(folder: Path) -> str:
    place = folder.absolute() / "exports"
    place.mkdir(exist_ok=True)
    return f"sqlite:///{place / 'mlflow.sqlite'}"


def _refuse_silent(uri: str) -> None:
    """Raise ConnectionError for a server that does not answer: MLflow itself would try for minutes."""
    parts = urlsplit(uri)
    if parts.scheme not in _PORTS:
        return
    where = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        socket.create_connection(where, timeout=_ANSWERS_WITHIN_SEC).close()
    except OSError as error:
        said = f"no MLflow server answers at {parts.scheme}://{where[0]}:{where[1]} ({error})"
        raise ConnectionError(f"{said}; start it ('mlflow server') or correct --url") from error
