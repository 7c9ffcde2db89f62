"""`dbatch export --to mlflow`: a parent for each batch, a child for each run, each there once."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dbatch
from dbatch.batch.exporters import export_with_plugin
from dbatch.errors import StorageError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own
mlflow = pytest.importorskip("mlflow")
Run = Callable[..., Any]

_OF_SERVER = ("flask", "flask_cors", "aiohttp")
"""What the server imports and mlflow-skinny does not bring; its jobs, which need more, are switched off."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a real MLflow server on loopback; tests are skipped where none can be started.

    DBATCH_MLFLOW names its program; without it the one beside this Python is taken.
    """
    named = os.environ.get("DBATCH_MLFLOW")
    missing = [name for name in _OF_SERVER if named is None and importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"an MLflow server needs {', '.join(missing)} beside MLflow; DBATCH_MLFLOW may name its program")
    program = [sys.executable, "-m", "mlflow"] if named is None else [named]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        store = f"--backend-store-uri=sqlite:///{folder}/store.db"
        command = [*program, "server", "--host=127.0.0.1", f"--port={port}", store, "--workers=1"]
        command += [f"--default-artifact-root={folder}/artifacts"]
        quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=quiet, start_new_session=True)
        try:
            _wait_for(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, "the MLflow server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the MLflow server did not answer")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite store, for all tests: to make its tables takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder}/store.db"
    mlflow.MlflowClient(tracking_uri=uri).search_experiments()
    return uri


@pytest.fixture(params=["store", "server"])
def uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the test sends its runs, under a prefix of its own."""
    monkeypatch.chdir(tmp_path)  # the store keeps artifacts in the working folder
    return str(request.getfixturevalue(request.param))


def exported(folder: Path, uri: str, prefix: str, **options: Any) -> dict[str, int]:
    return dict(export_with_plugin(folder, "mlflow", url=uri, options={"prefix": prefix, **options}).rows)


def runs_of(uri: str, experiment: str) -> dict[str, Any]:
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None, [one.name for one in client.search_experiments()]
    runs = list(client.search_runs([found.experiment_id]))
    assert len({run.data.tags["dbatch.run_id"] for run in runs}) == len(runs)
    return {run.data.tags["dbatch.run_id"]: run for run in runs}


def test_a_batch_is_a_parent_with_a_child_for_each_run(batch: Path, uri: str) -> None:
    made = exported(batch, uri, "first", asset_class="equity", team="eu desk")

    runs = runs_of(uri, "first.equity.ALL.made_up")
    assert made == {"new runs": 5, "replaced runs": 0, "unchanged runs": 0}
    parent, child, failed = runs["(batch)"], runs["size_20"], runs["size_40"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.params == {"strategy": "made_up", "size": "20"}
    assert child.data.metrics["total_pnl"] == 90.0
    assert (child.info.status, failed.info.status, parent.info.status) == ("FINISHED", "FAILED", "FAILED")
    assert failed.data.tags["dbatch.error"] == "CCC: KeyError: 'adj_close'"
    assert child.data.tags["team"] == "eu desk"
    assert parent.data.metrics["runs_success"] == 3
    assert parent.data.tags["dbatch.best_run"] == "size_20"
    artifacts = mlflow.MlflowClient(tracking_uri=uri).list_artifacts(parent.info.run_id)
    assert [artifact.path for artifact in artifacts] == ["batch_summary.csv"]


def test_twice_leaves_one_copy_and_sends_nothing_again(batch: Path, uri: str) -> None:
    exported(batch, uri, "twice")
    before = {name: run.info.run_id for name, run in runs_of(uri, "twice.any.ALL.made_up").items()}

    made = exported(batch, uri, "twice")

    assert made == {"new runs": 0, "replaced runs": 0, "unchanged runs": 5}
    assert {name: run.info.run_id for name, run in runs_of(uri, "twice.any.ALL.made_up").items()} == before


def test_an_export_that_broke_off_is_made_whole(batch: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mlflow.MlflowClient.log_batch
    calls: list[str] = []

    def breaks(client: Any, run_id: str, *arguments: Any, **options: Any) -> Any:
        calls.append(run_id)
        if len(calls) == 3:
            raise OSError("the line is dead")
        return real(client, run_id, *arguments, **options)

    with monkeypatch.context() as broken:
        broken.setattr(mlflow.MlflowClient, "log_batch", breaks)
        with pytest.raises(StorageError, match="the line is dead; the batch is as it was, export it again"):
            exported(batch, uri, "broken")

    made = exported(batch, uri, "broken")

    assert made == {"new runs": 2, "replaced runs": 1, "unchanged runs": 2}
    assert len(runs_of(uri, "broken.any.ALL.made_up")) == 5


def test_runs_that_changed_are_replaced_and_those_that_went_are_removed(
    write_batch: Run, four_runs: list[Any], batches: Any, uri: str, tmp_path: Path
) -> None:
    folder = write_batch(tmp_path / "b", four_runs)
    exported(folder, uri, "changed")
    shutil.rmtree(folder)
    write_batch(folder, [batches.MadeRun({"A/B": batches.MadeJob(daily=(5.0,))}, run_id="size_10"), four_runs[1]])

    made = exported(folder, uri, "changed")

    runs = runs_of(uri, "changed.any.ALL.made_up")
    assert made["unchanged runs"] == 0  # the parent is another, so all children are put under it
    assert set(runs) == {"(batch)", "size_10", "size_20"}
    assert runs["size_10"].data.metrics["total_pnl"] == 5.0


def test_hostile_names_are_taken_harmlessly_and_twice_leaves_one_copy(
    hostile: Path, hostile_names: tuple[str, ...], uri: str
) -> None:
    exported(hostile, uri, "hostile")

    made = exported(hostile, uri, "hostile")

    assert made == {"new runs": 0, "replaced runs": 0, "unchanged runs": len(hostile_names) + 1}
    runs = runs_of(uri, "hostile.any.ALL.made_up")
    names = [name for run in runs.values() for name in (run.info.run_name, *run.data.params, *run.data.tags)]
    assert all(name.isprintable() for name in names)
    assert not any("/" in name for run in runs.values() for name in run.data.params)


def test_what_looks_like_a_secret_is_masked(batches: Any, write_batch: Run, uri: str, tmp_path: Path) -> None:
    secrets = {"api_key": ["k1", "k2"], "url": ["db://me:pw@h/1", "db://me:pw@h/2"]}
    runs = [
        batches.MadeRun({"A": "success"}, parameters={name: values[at] for name, values in secrets.items()})
        for at in (0, 1)
    ]

    exported(write_batch(tmp_path / "b", runs), uri, "secret")

    run = runs_of(uri, "secret.any.A.made_up")["run0"]
    assert (run.data.params["api_key"], run.data.params["url"]) == ("***", "db://***@h/1")


def test_without_a_uri_it_goes_to_a_file_beside_the_batch(
    write_batch: Run, four_runs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = write_batch(tmp_path / "b", four_runs)

    exported(folder, None, "own")

    assert (folder / "exports" / "mlflow.sqlite").exists()
    assert [path.name for path in folder.glob("exports/mlruns/*/artifacts/*")] == ["batch_summary.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_server_that_is_down_leaves_the_batch_alone_and_says_what_to_do(batch: Path, dbatch: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in batch.rglob("*")}

    failed = dbatch("export", batch, "--to", "mlflow", "--url", "http://127.0.0.1:9")

    assert failed.returncode == 4
    assert "no MLflow server answers at http://127.0.0.1:9" in failed.stderr
    assert "start it ('mlflow server') or correct --url; the batch is as it was, export it again" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in batch.rglob("*")} == before


def test_a_template_with_other_fields_is_refused(batch: Path, uri: str) -> None:
    with pytest.raises(UsageError, match=r"may hold \{prefix\}"):
        exported(batch, uri, "x", experiment="{desk}")


def test_without_mlflow_the_error_says_what_to_install(batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)

    with pytest.raises(UsageError, match=r"pip install 'dbatch\[mlflow\]'"):
        export_with_plugin(batch, "mlflow", url="sqlite:///x", options={})


def test_the_library_names_an_id_that_stays(batch: Path) -> None:
    assert dbatch.Batch.open(batch).id == dbatch.Batch.open(batch).id
