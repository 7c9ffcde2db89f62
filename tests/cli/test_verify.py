"""`dbatch verify`: its options, what it prints, its exit codes, and that it leaves nothing behind."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from dbatch.cli import main
from dbatch.engine.execute import Execution
from dbatch.equivalence import verify as verifying
from dbatch.equivalence.causes import Cause
from dbatch.equivalence.compare import compare_results
from dbatch.equivalence.results import ResultSet, SecurityResult
from dbatch.equivalence.variations import DIMENSIONS, Variation
from dbatch.equivalence.verify import Checked, VerifyReport, VerifyRequest

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run the command in this process; returns its exit code, what went to stdout and what to stderr."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.getsignal(number) for number in numbers]

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dbatch", "verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capfd.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, said.out, said.err

    yield command
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def strict(text: str) -> Any:
    """Return a JSON document; NaN and Infinity, which Python would read, are no JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


# What is asked, and how a report is told; nothing is computed.


def side(price: float) -> ResultSet:
    fills = {
        "timestamp": pa.array([1_744_624_800_000_000_000], pa.timestamp("ns")),
        "side": ["buy"],
        "fill_price": [price],
        "fill_qty": [5],
        "realized_pnl": [0.0],
        "position": [5],
        "pnl": [0.0],
    }
    result = SecurityResult("ADIB", "success", load=lambda: pa.table(fills))
    return ResultSet(Path("out"), "run", {"ADIB": result})


def checked(price: float) -> Checked:
    way = Variation("distributed", "2 workers, chunks of 7 rows", Execution(workers=2), 7)
    return Checked(way, compare_results(side(10.0), side(price)), None, 1.25)


GOOD = VerifyReport("any", None, ("ADIB",), 3, (checked(10.0),))
BAD = dataclasses.replace(
    GOOD,
    checked=(checked(10.5),),
    skipped=("2 jobs a task", "1 worker"),
    cause=Cause("depends_on_chunks", "state is lost", "ADIB alone, and in chunks"),
    events=({"row": 4, "timestamp": "2025-04-14T10:00:00", "type": None, "price": float("nan"), "volume": 0},),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[VerifyRequest]:
    """What the command asks to be verified; it is told that all is well."""
    requests: list[VerifyRequest] = []

    def answer(request: VerifyRequest, tell: object) -> VerifyReport:
        requests.append(request)
        return GOOD

    monkeypatch.setattr(verifying, "verify", answer)
    return requests


def answer_with(report: VerifyReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "verify", lambda request, tell: report)


@pytest.mark.parametrize(
    ("options", "dimensions"),
    [
        ([], ()),
        (["--vary"], DIMENSIONS),
        (["--vary", "--json"], DIMENSIONS),
        (["--vary", "all"], DIMENSIONS),
        (["--vary", "order, chunks"], ("order", "chunks")),
        (["--vary=workers", "--all"], ("workers",)),
    ],
)
def test_vary_may_stand_bare(
    verify: Command, asked: list[VerifyRequest], options: list[str], dimensions: tuple[str, ...]
) -> None:
    assert verify("--strategy", "any", *options)[0] == 0
    assert asked[0].vary == dimensions


def test_options_arrive_in_the_request(verify: Command, asked: list[VerifyRequest], tmp_path: Path) -> None:
    verify("-s", "any")
    assert (asked[0].sample, asked[0].tolerance.exact, asked[0].against, asked[0].keep) == (4, True, None, None)
    verify("-s", "any", "--all", "--rtol", "1e-9", "--atol", "0.5", "--workers", "3", "--chunk-size", "50")
    assert (asked[1].sample, asked[1].tolerance.rtol, asked[1].tolerance.atol) == (None, 1e-9, 0.5)
    assert (asked[1].run.execution.workers, asked[1].run.chunk_rows) == (3, 50)
    verify("-s", "any", "--sample", "2", "--keep", tmp_path / "kept", "--against-path", "elsewhere", "--set", "size=1")
    assert (asked[2].sample, asked[2].keep) == (2, tmp_path / "kept")
    other = asked[2].against
    assert other is not None
    assert (other.strategy, other.strategy_paths, other.overrides) == ("any", ("elsewhere",), {"size": 1})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--all", "--sample", "2"], "error: --all and --sample exclude each other"),
        (["--sample", "0"], "Invalid value for '--sample'"),
        (["--vary", ""], "error: --vary '': must be some of workers,chunks,units,order,processes, or bare for all"),
        (["--vary", "speed"], "error: --vary speed: must be some of workers,chunks,units,order,processes"),
        (["--rtol", "inf"], "error: --rtol inf: must be a finite number, 0 or more"),
        (["--keep", "."], "error: --keep .: must be a new or an empty folder"),
        (["--data", "empty"], "empty"),
        (["--strategy", "nobody"], "nobody"),
        (["--against", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(
    verify: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    code, out, err = verify("--strategy", "v1_baseline", *options)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_report_that_holds_ends_with_0(verify: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(GOOD, monkeypatch)
    code, out, _ = verify("-s", "any")
    last = "EQUAL: 1 of 3 securities, 1 fills compared, 1 distributed run against the sequential reference"
    assert (code, out.splitlines()[-1]) == (0, last)


def test_a_report_of_a_difference_ends_with_3_and_says_what_was_found(
    verify: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(BAD, monkeypatch)
    code, out, _ = verify("-s", "any")
    assert code == 3
    assert "  > right        0  2025-04-14 10:00:00  buy  10.5  5  0.0  5  0.0" in out
    assert "    event        4  2025-04-14T10:00:00  None  nan  0" in out
    assert "cause: state is lost\nevidence: ADIB alone, and in chunks\n" in out
    assert out.splitlines()[-1] == (
        "NOT EQUAL: 2 workers, chunks of 7 rows: 1 differs of 1 (1 of 3 securities; "
        "not tried any more: 2 jobs a task, 1 worker)"
    )


def test_a_report_without_a_comparison_says_why(verify: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(dataclasses.replace(GOOD, checked=(), fault="the sequential reference gave nothing"), monkeypatch)
    code, out, _ = verify("-s", "any")
    assert (code, out) == (3, "\nNOT EQUAL: the sequential reference gave nothing (1 of 3 securities)\n")
    way = GOOD.checked[0].variation
    answer_with(dataclasses.replace(GOOD, checked=(Checked(way, None, "the disk is full", 0.0),)), monkeypatch)
    code, out, _ = verify("-s", "any")
    assert (code, out.strip()) == (3, f"NOT EQUAL: {way.name}: the disk is full (1 of 3 securities)")
    document = strict(verify("-s", "any", "--json")[1])
    assert (document["runs"][0]["comparison"], document["runs"][0]["reason"]) == (None, "the disk is full")


def test_the_document_is_complete_and_strict_json(verify: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(BAD, monkeypatch)
    code, out, _ = verify("-s", "any", "--json")
    document = strict(out)
    (ran,) = document.pop("runs")
    assert code == 3
    assert document == {
        "schema": "dbatch.verify/1",
        "holds": False,
        "strategy": "any",
        "against": None,
        "securities": ["ADIB"],
        "available": 3,
        "rows": 1,
        "fault": None,
        "cause": {"kind": "depends_on_chunks", "text": "state is lost", "evidence": "ADIB alone, and in chunks"},
        "events": [{"row": 4, "timestamp": "2025-04-14T10:00:00", "type": None, "price": "nan", "volume": 0}],
        "not_tried": ["2 jobs a task", "1 worker"],
    }
    comparison = ran.pop("comparison")
    assert ran == {
        "dimension": "distributed",
        "name": "2 workers, chunks of 7 rows",
        "workers": 2,
        "chunk_rows": 7,
        "seconds": 1.25,
        "holds": False,
        "reason": "1 differs of 1",
    }
    assert comparison["securities"][0]["difference"]["left_rows"][0]["timestamp"] == "2025-04-14 10:00:00"


# Real ones.


def test_a_built_in_strategy_is_equal_however_many_jobs_a_task_has(
    dbatch: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    finished = dbatch("verify", "-s", "v1_baseline", "--sample", "2", "--vary", "units", "--json")
    assert finished.returncode == 0, finished.stderr
    document = strict(finished.stdout)
    assert (document["holds"], document["cause"], document["fault"]) == (True, None, None)
    assert [ran["dimension"] for ran in document["runs"]] == ["distributed", "units"]
    assert all(ran["holds"] and ran["comparison"]["rows"] > 1_000 for ran in document["runs"])
    assert "fills equal" in finished.stderr


def test_what_fails_on_both_sides_is_not_equal_and_a_strategy_may_print(
    dbatch: Callable[..., subprocess.CompletedProcess[str]], ticks: Path, strategies: Path
) -> None:
    for name in ("aaa", "ccc"):
        (ticks / f"{name}.parquet").unlink()
    (ticks / "broken.parquet").write_bytes(b"PAR1, or so it says")
    with open(strategies / "handlers.py", "a") as file:
        file.write("\nprint('hello')\n")
    finished = dbatch(
        "verify", "-s", "counting", "--data", ticks, "--strategy-path", strategies, "--sample", "5", "--workers", "1",
        "--json",
    )  # fmt: skip
    assert finished.returncode == 3, finished.stderr
    document = strict(finished.stdout)
    (ran,) = document["runs"]
    assert (ran["comparison"]["counts"], document["cause"]) == ({"equal": 1, "failed": 1}, None)
    reason = next(item["reason"] for item in ran["comparison"]["securities"] if item["verdict"] == "failed")
    assert reason.startswith("left: failed: ")
    assert "; right: invalid_data: " in reason


# It leaves nothing behind.

NAPPING = """
import multiprocessing
import pathlib
import time


def create_{name}_handler(config):
    def handler(security, chunk, orderbook, state):
        if {when}:
            pathlib.Path(__file__).with_name("asleep").touch()
            time.sleep(100)
        return state

    return handler
"""
AT_WORK = "multiprocessing.parent_process() is not None"


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("number", "code", "when"),
    [(signal.SIGINT, 130, AT_WORK), (signal.SIGTERM, 143, "True"), (signal.SIGKILL, -9, AT_WORK)],
    ids=["Ctrl-C in the distributed run", "SIGTERM in the reference", "SIGKILL in the distributed run"],
)
def test_a_signal_leaves_no_process_and_no_folder(
    ticks: Path, tmp_path: Path, number: int, code: int, when: str
) -> None:
    (tmp_path / "napping.py").write_text(NAPPING.format(name="napping", when=when))
    (tmp_path / "temporary").mkdir()
    options = ["--data", str(ticks), "--securities", "AAA", "--strategy-path", str(tmp_path / "napping.py")]
    started = subprocess.Popen(
        [sys.executable, "-m", "dbatch", "verify", "-s", "napping", *options],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((tmp_path / "asleep").exists)
    family = psutil.Process(started.pid).children(recursive=True)
    assert len(family) >= (2 if when == AT_WORK else 1)

    started.send_signal(number)

    out, said = started.communicate(timeout=30)
    assert (started.returncode, out) == (code, "")
    assert "Traceback" not in said
    assert not psutil.wait_procs(family, timeout=10)[1]
    if number != signal.SIGKILL:
        assert said.endswith("interrupted\n")
        assert not list((tmp_path / "temporary").glob("dbatch-*"))  # what Dask leaves there Dask clears away
