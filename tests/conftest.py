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
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def path_given_back() -> Iterator[None]:
    """Take off `sys.path` what strategies of a test put there: the names of their modules are free again."""
    before = list(sys.path)
    yield
    sys.path[:] = before


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


@pytest.fixture(scope="session")
def published(batches: ModuleType) -> Callable[..., Any]:
    """Publish a job of a batch once more, with other facts; see `results/batches.py`."""
    return batches.published


@pytest.fixture(scope="session")
def write_batch(batches: ModuleType) -> Callable[..., Path]:
    """Make a batch and the files derived from it in a folder, and return the folder; see `results/batches.py`."""
    from dbatch.results.consolidate import consolidate
    from dbatch.results.ledger import open_ledger

    def write(folder: Path, runs: Any, **options: Any) -> Path:
        batches.make_batch(folder, runs, **options)
        with open_ledger(folder) as ledger:
            consolidate(folder, ledger)
        return folder

    return write


@pytest.fixture(scope="session")
def four_runs(batches: ModuleType) -> list[Any]:
    """Runs over A/B and CCC: size 20 earns most evenly, size 10 less, size 30 loses, size 40 failed over CCC."""
    job, run = batches.MadeJob, batches.MadeRun

    def earning(*daily: float) -> dict[str, Any]:
        return {"A/B": job(daily=daily), "CCC": job(daily=daily)}

    return [
        run(earning(1.0, -0.5, 1.5), run_id="size_10", parameters={"size": 10, "note": "x"}),
        run(earning(10.0, 20.0, 15.0), run_id="size_20", parameters={"size": 20, "note": "x"}),
        run(earning(-1.0, -2.0, -1.5), run_id="size_30", parameters={"size": 30, "note": "x"}),
        run(
            {"A/B": job(), "CCC": job("failed", error="KeyError: 'adj_close'")},
            run_id="size_40",
            parameters={"size": 40, "note": "x"},
        ),
    ]


@pytest.fixture(scope="session")
def batch(tmp_path_factory: pytest.TempPathFactory, write_batch: Callable[..., Path], four_runs: list[Any]) -> Path:
    """The batch of `four_runs`; only read it."""
    return write_batch(tmp_path_factory.mktemp("looked-at") / "nightly", four_runs)


HOSTILE = (
    '=HYPERLINK("http://evil.example/","click")',
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "../../x",
    "/etc/passwd",
    "quo\"te's",
    "new\nline",
    "\x1b[31mred\x1b]0;title\x07",
    "nul\0byte",
    "@SUM(A1)",
    "\t=1+1",
    "right\u202eleft",
    "|[a](javascript:alert(1))|`x`",
    "'); drop table runs; --",
    "{{7*7}}${7*7}%s{0}",
    "CON",
    "[]:*?" + "x" * 40,
)
"""What a name in somebody else's results may hold."""


@pytest.fixture(scope="session")
def hostile_names() -> tuple[str, ...]:
    """Names that are formulas, markup, paths, statements, templates, or steer a terminal."""
    return HOSTILE


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory, batches: ModuleType, write_batch: Callable[..., Path]) -> Path:
    """A batch where everything that has a name is called by one of `hostile_names`; only read it."""
    runs = [
        batches.MadeRun(
            {
                name: batches.MadeJob(notes=(name,), output=name),
                f"{name}-failed": batches.MadeJob("failed", error=name, details=name),
            }
            if place % 2
            else {name: batches.MadeJob(notes=(name,), output=name)},
            run_id=name,
            parameters={"size": place, name: name, "text": name},
        )
        for place, name in enumerate(HOSTILE)
    ]
    everything = " ".join(HOSTILE)
    facts = {
        "batch": {"batch_name": everything, "description": everything, "run_tag": everything, "config_hash": "c0ffee"},
        "options": {"tags": list(HOSTILE)},
        "sessions": [{"reason": everything}],
    }
    return write_batch(tmp_path_factory.mktemp("hostile") / "results", runs, facts=facts)


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

    class Impatient(distributed.Client):
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
    """Forget the strategies loaded meanwhile, and what lies in `folder`, as the end of a process would.

    Modules from before are back: of a package of which some are forgotten, the others would hold the old ones.
    """
    from dbatch.plugins import modules

    strategies, known, path = set(modules.LOADED), dict(sys.modules), list(sys.path)
    try:
        yield
    finally:
        modules.forget(modules.LOADED.keys() - strategies)
        for name in sys.modules.keys() - known.keys():
            if modules.lies_in(sys.modules[name], folder):
                del sys.modules[name]
        sys.modules.update(known)
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
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - put back below
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115 - put back below
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
