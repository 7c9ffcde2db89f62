"""Sixty jobs, fifteen of which do the worst: each is named with its cause, and the others never notice."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from chaos_processes import Marked
from chaos_scene import write_market

from dbatch.results.consolidate import read_results, read_summary
from dbatch.schema import JOB_RESULT_COLUMNS

Finished = subprocess.CompletedProcess[str]

STRATEGY = '''"""Sells at every print, unless its parameter says what else to do to its process."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time


def raise_value_error():
    raise ValueError("as asked")


def exhaust_the_stack():
    return exhaust_the_stack()


def spin():
    while True:
        pass


def loop_in_c():
    re.match(r"(a+)+$", "a" * 40 + "b")  # holds the interpreter's lock for hours


def grow():
    held = []
    while True:
        held.append(b"x" * 20_000_000)
        time.sleep(0.01)


def leave_a_grandchild():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "97531"], start_new_session=True)
    time.sleep(1e9)


DEEDS = {
    "value_error": raise_value_error,
    "key_error": lambda: {}["nowhere"],
    "assertion": lambda: (_ for _ in ()).throw(AssertionError("never")),
    "division": lambda: 1 / 0,
    "recursion": exhaust_the_stack,
    "spin": spin,
    "sleep": lambda: time.sleep(1e9),
    "loop_in_c": loop_in_c,
    "segfault": lambda: ctypes.string_at(0),
    "abort": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "sys_exit": lambda: sys.exit(3),
    "os_exit": lambda: os._exit(7),
    "huge": lambda: bytearray(50_000_000_000),
    "grow": grow,
    "grandchild": leave_a_grandchild,
    "nothing": lambda: None,
}


def create_wild_handler(config):
    (section,) = config.values()

    def handler(security, chunk, orderbook, state):
        DEEDS[section["does"]]()
        sold = [
            {"timestamp": row.timestamp, "side": "sell", "fill_price": row.price, "fill_qty": section["size"],
             "realized_pnl": 0.0, "position": -section["size"] * number, "pnl": 0.0}
            for number, row in enumerate(chunk.itertuples(index=False), start=1)
        ]
        return {**state, "trades": sold}

    return handler
'''

ENDS = {
    "value_error": ("failed", "ValueError: as asked"),
    "key_error": ("failed", "KeyError: 'nowhere'"),
    "assertion": ("failed", "AssertionError: never"),
    "division": ("failed", "ZeroDivisionError"),
    "recursion": ("failed", "RecursionError"),
    "spin": ("timeout", "over its time limit of 1.5 s, at .*wild.py:.* in spin"),
    "sleep": ("timeout", "over its time limit of 1.5 s, at .*wild.py:.* in <lambda>"),
    "loop_in_c": ("timeout", "over its time limit of 1.5 s, at .*wild.py:.* in loop_in_c"),
    "grandchild": ("timeout", "over its time limit of 1.5 s, at .*wild.py:.* in leave_a_grandchild"),
    "segfault": ("crashed", "killed by SIGSEGV, at .*wild.py:.* in <lambda>"),
    "abort": ("crashed", "killed by SIGSEGV, at .*wild.py:.* in <lambda>"),
    "sys_exit": ("crashed", "exit code 3"),
    "os_exit": ("crashed", "exit code 7"),
    "huge": ("oom", "MemoryError.*; it held [0-9]+ MiB of 300 MiB at most"),
    "grow": ("oom", "over its memory limit: [3-9][0-9][0-9] MiB of 300 MiB, at .*wild.py:.* in grow"),
}
HANGING = ("spin", "sleep", "loop_in_c", "grandchild")
HOW = ("--workers", "3", "--units", "5", "--timeout", "1.5s", "--memory-limit", "300MiB", "--no-dashboard")


def write_batch(folder: Path, name: str, deeds: list[str]) -> None:
    """Write a batch with a run for each of `deeds`, of a size of its own."""
    base = {"strategy": "wild", "strategy_path": "wild.py", "data": "ticks", "securities": ["AAA"]}
    runs = [
        {"id": f"r{number}_{does}", "overrides": {"size": number + 1, "does": does}}
        for number, does in enumerate(deeds)
        if does != "left out"
    ]
    document = {"batch_name": name, "description": "wild", "output_root": "out", "base_args": base, "runs": runs}
    (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.fixture
def wild(tmp_path: Path) -> Path:
    """A folder with the strategy, and the batches `all`, of 60 runs, and `good`, the 45 of them that do no harm."""
    write_market(tmp_path / "ticks")
    (tmp_path / "wild.py").write_text(STRATEGY)
    bad = list(ENDS)
    deeds = [bad[place // 4] if place % 4 == 2 else "nothing" for place in range(60)]
    write_batch(tmp_path, "all", deeds)
    write_batch(tmp_path, "good", [does if does == "nothing" else "left out" for does in deeds])
    return tmp_path


def results_of(folder: Path, status: str = "success") -> pa.Table:
    """Return the result columns of jobs with that status, but for their runs' numbers."""
    results = read_results(folder)
    return results.filter(pc.equal(results["status"], status)).select([n for n in JOB_RESULT_COLUMNS if n != "run"])


def test_each_bad_job_is_named_with_its_cause_and_the_others_never_notice(
    wild: Path, dbatch_in: Callable[..., Finished], processes: Marked
) -> None:
    driver = processes.dbatch("batch", "all.json", *HOW)
    driver.wait(timeout=120)
    good = dbatch_in(wild, "batch", "good.json", "--serial", "--isolate", "none")

    assert (driver.returncode, good.returncode) == (1, 0), processes.said() + good.stderr
    found = {row["run_id"].partition("_")[2]: row for row in read_summary(wild / "out" / "all").to_pylist()}
    for does, (status, error) in ENDS.items():
        assert found[does]["status"] == status, does
        assert re.search(error, found[does]["error"]), (does, found[does]["error"])
        if does in HANGING:
            (log,) = (wild / "out" / "all" / "runs").glob(f"*_{does}/run.log")
            assert re.search(r'File ".*wild.py", line \d+ in handler', log.read_text()), does
    assert results_of(wild / "out" / "all").equals(results_of(wild / "out" / "good"))
    assert len(results_of(wild / "out" / "good")) == 45
    processes.wait_until_gone()
    assert list(processes.left_behind()) == []
