"""`dbatch status`, `logs`, `cancel`, `doctor`, `merge` and `gc` as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.cli.logs import job_lines, run_line
from dbatch.cli.status import headline
from dbatch.cli.upkeep_text import escaped
from dbatch.model import Receipt
from dbatch.results.consolidate import result_digest
from dbatch.upkeep.logs import RunEnd
from dbatch.upkeep.status import read_status

Run = Callable[..., Any]

BATCH = """
batch_name: try
description: a try
base_args: {strategy: raising, strategy_path: my_strategies, data: ticks, securities: "%s"}
grid: {size: [1, 2], stop: [0.5, 1.5]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, dbatch_in: Run, make_ticks: Run, make_strategies: Run) -> Path:
    """A working folder with output/try, four runs over AAA and BBB of which BBB raises, and good.yaml over AAA."""
    folder = tmp_path_factory.mktemp("home")
    make_ticks(folder, "aaa", "bbb")
    make_strategies(folder)
    (folder / "bad.yaml").write_text(BATCH % "AAA,BBB")
    (folder / "good.yaml").write_text(BATCH % "AAA")
    ran = dbatch_in(folder, "batch", "bad.yaml", "--serial", "--isolate", "none", "--no-progress")
    assert ran.returncode == 1, ran.stderr
    return folder


def test_the_status_says_state_counts_causes_and_what_to_do(home: Path, dbatch_in: Run) -> None:
    shown = dbatch_in(home, "status", "output/try")

    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0] == "try   FAILED   4/4 (100.0%)  failed 4"
    assert lines[1].startswith("elapsed ")
    assert "jobs 8/8" in lines[1]
    assert lines[2].startswith("top causes: failed ")
    assert lines[2].endswith("handlers.py:33: KeyError: 'adj_close' (4)")
    assert lines[3] == "retry: dbatch retry output/try"


def test_the_status_as_json_names_its_schema(home: Path, dbatch_in: Run) -> None:
    document = json.loads(dbatch_in(home, "status", "output/try", "--json").stdout)

    assert (document["schema"], document["state"]) == ("dbatch.status/1", "FAILED")
    assert document["runs"] == {"total": 4, "done": 4, "statuses": {"failed": 4}}
    assert document["jobs"]["statuses"] == {"success": 4, "failed": 4}
    watched = dbatch_in(home, "status", "output/try", "--json", "--watch")
    assert json.loads(watched.stdout) == document


def test_without_a_folder_the_batches_below_output_are_listed(home: Path, dbatch_in: Run, tmp_path: Path) -> None:
    listed = dbatch_in(home, "status")
    assert listed.stdout == "try   FAILED   4/4 (100.0%)  failed 4\n"
    document = json.loads(dbatch_in(home, "status", "--json").stdout)
    assert [batch["name"] for batch in document["batches"]] == ["try"]

    none = dbatch_in(tmp_path, "status")
    assert (none.returncode, none.stdout) == (0, "")
    assert none.stderr == "no batch below output; 'dbatch status DIR' looks elsewhere\n"


def test_without_a_terminal_watching_adds_a_line_when_more_is_done(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from dbatch.cli import status

    ended = read_status(home / "output" / "try")
    running = dataclasses.replace(ended, state="RUNNING")
    monkeypatch.setattr(status, "_looks", lambda folder: iter([running, running, ended]))

    status._watch(home, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["RUNNING", "FAILED"]
    assert lines[1] == headline(ended)


def test_logs_tell_every_run_and_all_of_one(home: Path, dbatch_in: Run) -> None:
    lines = dbatch_in(home, "logs", "output/try").stdout.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        [f"{number:04d} size_{size}_stop_{stop}", "failed"]
        for number, (size, stop) in enumerate([(1, "0_5"), (1, "1_5"), (2, "0_5"), (2, "1_5")])
    ]

    whole = dbatch_in(home, "logs", "output/try", "size_1_stop_1_5").stdout
    assert whole == dbatch_in(home, "logs", "output/try", "1").stdout
    assert whole.startswith("run 1 size_1_stop_1_5 (raising)\nAAA  success  ")
    assert "handlers.py:33: KeyError: 'adj_close'  (" in whole
    assert "    Traceback (most recent call last):\n" in whole

    failed = dbatch_in(home, "logs", "output/try", "1", "--failed").stdout
    assert "AAA" not in failed.replace("raising", "")
    assert "Traceback" in dbatch_in(home, "logs", "output/try", "--failed").stdout


def test_an_unknown_run_is_one_line_and_exit_code_2(home: Path, dbatch_in: Run) -> None:
    refused = dbatch_in(home, "logs", "output/try", "size_1_stop_15")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "error: output/try: has no run 'size_1_stop_15'; did you mean 'size_1_stop_1_5'? "
        "it has 4, numbered from 0 to 3\n"
    )


def test_what_strategies_print_cannot_drive_a_terminal() -> None:
    receipt = Receipt("k", "A\x1b]0;", "failed", error="\x1b[31mred\nnext", details="T\r\n", output="a\tb\x07\n")

    assert "\n".join(job_lines(receipt, escaped)) == (
        "A\\x1b]0;  failed  \\x1b[31mred next  (0.000 s, peak 0 MB)\n  traceback:\n    T\\r\n  output:\n    a\tb\\x07"
    )
    line = run_line(RunEnd(3, "size_3", 2, 1.5, (receipt, receipt)), escaped)
    assert line == "0003 size_3  failed  2 jobs, 1.500 s  A\\x1b]0;: \\x1b[31mred next (and 1 more)"
    assert "\x1b[31m" in "\n".join(job_lines(receipt, str))


def test_cancel_says_when_nothing_runs(home: Path, dbatch_in: Run) -> None:
    said = dbatch_in(home, "cancel", "output/try", "--wait", "1s")

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "output/try: nothing is running there\n")
    assert not (home / "output" / "try" / ".dbatch.cancel").exists()


def test_the_doctor_tells_findings_of_a_folder_by_exit_code_text_and_json(home: Path, dbatch_in: Run) -> None:
    told = dbatch_in(home, "doctor", "output/try")
    assert told.returncode == 1
    bad = [line for line in told.stdout.splitlines() if not line.startswith("OK ")]
    assert bad == [
        "CRITICAL  batch_latest_status: 4 runs done: 4 failed; dbatch retry output/try",
        "CRITICAL  batch_failure_rate: 100.0% of runs did not succeed, at most 20% is well; dbatch retry output/try",
    ]

    document = json.loads(dbatch_in(home, "doctor", "output/try", "--repair", "--json").stdout)
    assert (document["schema"], document["level"]) == ("dbatch.doctor/1", "CRITICAL")
    assert document["repaired"] == ["made the derived files again"]


def test_the_doctor_looks_at_the_machine(home: Path, dbatch_in: Run) -> None:
    document = json.loads(dbatch_in(home, "doctor", "--json").stdout)

    assert document["folder"] is None
    assert {finding["check"] for finding in document["findings"]} >= {"versions", "memory", "disk", "network"}
    assert dbatch_in(home, "doctor", "--repair").returncode == 2


def test_ranges_made_apart_are_merged_to_what_one_batch_gives(home: Path, dbatch_in: Run) -> None:
    how = ("--serial", "--isolate", "none", "--no-progress")
    for root, runs in (("whole", ":4"), ("left", "0:2"), ("right", "3:4")):
        ran = dbatch_in(home, "batch", "good.yaml", "--output-root", root, "--range", runs, *how)
        assert ran.returncode == 0, ran.stderr

    some = dbatch_in(home, "merge", "all/try", "left/try", "right/try")
    assert (some.returncode, some.stdout) == (1, "")
    missing, there = some.stderr.splitlines()
    assert missing == "missing: 1 of 4 runs: 2:3 (each as --range takes it)"
    assert there.startswith("all/try: 3 of 4 runs are there; 3 jobs taken over, ")
    ran = dbatch_in(home, "batch", "good.yaml", "--output-root", "middle", "--range", "2:3", *how)
    assert dbatch_in(home, "merge", "all/try", "middle/try").returncode == 0
    assert result_digest(home / "all" / "try") == result_digest(home / "whole" / "try")
    assert dbatch_in(home, "merge", "all/try").returncode == 0

    other = dbatch_in(home, "merge", "all/try", "output/try")
    assert other.returncode == 2
    assert "are not of one batch" in other.stderr


def test_gc_says_what_it_would_free(home: Path, dbatch_in: Run) -> None:
    (home / "output" / "try" / ".a1b2c3d4.tmp").write_bytes(bytes(2048))

    would = dbatch_in(home, "gc", "output/try", "--dry-run")
    assert (would.returncode, would.stderr) == (0, "would free 2.0 KiB\n")
    assert would.stdout == "output/try: 1 unfinished files, 2.0 KiB\n"
    assert dbatch_in(home, "gc", "output/try").stderr == "freed 2.0 KiB\n"
    assert dbatch_in(home, "gc", "output/try").stderr == "freed 0 B\n"
    assert dbatch_in(home, "gc").returncode == 2


@pytest.mark.parametrize("command", ["status", "logs", "doctor", "merge", "gc"])
def test_a_folder_that_is_no_batch_is_one_line_and_exit_code_2(home: Path, dbatch_in: Run, command: str) -> None:
    refused = dbatch_in(home, command, "ticks")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: ticks: holds no batch; ")
    assert refused.stderr.count("\n") == 1
    assert not (home / "ticks" / ".dbatch.lock").exists()


def test_reading_commands_load_no_strategy_no_dask_no_numba_and_no_pandas(home: Path) -> None:
    code = (
        "import sys\n"
        "from dbatch.cli.app import app\n"
        "for words in (['status', 'output/try'], ['logs', 'output/try', '0'], ['doctor', 'output/try'], ['status']):\n"
        "    app(words, standalone_mode=False)\n"
        "heavy = {'dask', 'distributed', 'numba', 'pandas', 'handlers', 'dbatch.engine', 'dbatch.strategies'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=120)

    assert ran.stderr == "[]\n"
