"""What all tests share: the golden data when it is there, a cache of compiled code of their own, the command line."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def pytest_configure() -> None:
    os.environ.setdefault("DBATCH_CACHE_DIR", str(PROJECT / ".pytest_cache" / "dbatch"))


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of real ticks and published fills; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT.parent / "shared" / "golden"))
    if not (folder / "ticks").is_dir():
        pytest.skip(f"no golden data at {folder}; set DBATCH_GOLDEN_DIR to its folder")
    return folder


@pytest.fixture(scope="session")
def batches() -> ModuleType:
    """The module that makes up batch folders, loaded from its file: with importlib's import mode it has no name."""
    path = PROJECT / "tests" / "results" / "batches.py"
    spec = importlib.util.spec_from_file_location("dbatch_made_up_batches", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_batch(batches: ModuleType) -> Callable[..., Any]:
    """Make the ledger and the parts of a batch in a folder, as a driver leaves them; see `results/batches.py`."""
    return batches.make_batch


Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def dbatch_in() -> Callable[..., Finished]:
    """Run the command line in a folder, within this process; returns it as a finished process.

    It costs a tenth of a process of its own and behaves as one: its streams are files down at the descriptors, its
    workers are real workers, and what it did to this process is undone. Where the claim is about processes, take
    `dbatch_process`.
    """
    return _run_here


@pytest.fixture
def dbatch(tmp_path: Path) -> Callable[..., Finished]:
    """Run the command line within this process as `dbatch_in` does, in an empty working folder."""
    return partial(_run_here, tmp_path)


@pytest.fixture
def dbatch_process(tmp_path: Path) -> Callable[..., Finished]:
    """Run the command line as a user does, in a process of its own and an empty working folder.

    Options are those of `subprocess.run`.
    """

    def run(*arguments: object, **options: object) -> Finished:
        return subprocess.run(
            [sys.executable, "-m", "dbatch", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=240,
            **{"cwd": tmp_path, **options},
        )

    return run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of this process wait a second for a scheduler that does not answer, rather than ten."""
    import distributed

    class Impatient(distributed.Client):  # type: ignore[misc]
        def __init__(self, *arguments: object, timeout: object = None, **options: object) -> None:
            super().__init__(*arguments, timeout="1s", **options)

    monkeypatch.setattr(distributed, "Client", Impatient)


def _run_here(folder: Path, *arguments: object) -> Finished:
    from dbatch.cli import main

    words = ["dbatch", *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _process_kept(), _modules_kept(folder), _streams_to(out, err):
            os.chdir(folder)
            sys.argv = words
            with pytest.raises(SystemExit) as stopped:
                main()
        return Finished(words, int(stopped.value.code or 0), _text_of(out), _text_of(err))


@contextmanager
def _process_kept() -> Iterator[None]:
    """Give back the working folder, the arguments, the environment and who hears signals; fork from no old server."""
    folder, arguments, environment = os.getcwd(), sys.argv, dict(os.environ)
    heard = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
        os.chdir(folder)
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(environment)


@contextmanager
def _modules_kept(folder: Path) -> Iterator[None]:
    """Forget the strategies loaded meanwhile, and what lies in `folder`, as the end of a process would."""
    from dbatch.plugins import modules

    strategies, known, path = set(modules.LOADED), set(sys.modules), list(sys.path)
    try:
        yield
    finally:
        modules.forget(modules.LOADED.keys() - strategies)
        for name in sys.modules.keys() - known:
            if modules.lies_in(sys.modules[name], folder):
                del sys.modules[name]
        sys.path[:] = path


@contextmanager
def _streams_to(out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    """Send what this process and its children write to the files `out` and `err`, down at the descriptors."""
    streams = sys.stdout, sys.stderr
    for stream in streams:
        stream.flush()
    kept = os.dup(1), os.dup(2)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    # Left open: handlers of logs that are made meanwhile go on with them.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = streams
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _text_of(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()
