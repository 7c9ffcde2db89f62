"""`dbatch replay` as a user calls it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from dbatch.cli.replay import report_lines
from dbatch.replay import replay

Run = Callable[..., Path]
Dbatch = Callable[..., subprocess.CompletedProcess[str]]


def test_an_equal_replay_ends_with_0_and_its_report_is_on_stdout_as_json(ran: Run, dbatch: Dbatch) -> None:
    folder = ran("v1_baseline")

    finished = dbatch("replay", folder, "queue", "--json")

    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert report["schema"] == "dbatch.replay/1"
    assert (report["security"], report["verdict"], report["now"]["fills"]) == ("QUEUE", "equal", 2)
    assert [check["name"] for check in report["inputs"] if check["same"]] == ["data", "code", "parameters", "versions"]


def test_a_replay_that_is_not_equal_ends_with_3_and_says_why_on_stderr(ran: Run, dbatch: Dbatch) -> None:
    folder = ran("v1_baseline")

    finished = dbatch("replay", folder, "QUEUE", "--params", "quote_size=600")

    assert (finished.returncode, finished.stdout) == (3, "")
    assert "parameters  differs: then quote_size 50000, now quote_size 600\n" in finished.stderr
    assert "first difference, fill 1\n  then  2025-04-14 10:00:04 buy 700 @ 10.0" in finished.stderr


def test_what_cannot_be_replayed_ends_with_2_and_one_line(dbatch: Dbatch, tmp_path: Path) -> None:
    finished = dbatch("replay", tmp_path, "AAA")

    assert finished.returncode == 2
    assert finished.stderr.count("\n") == 1


def test_the_report_for_people_ends_with_what_was_found(ran: Run) -> None:
    lines = report_lines(replay(ran("v1_baseline"), "QUEUE"))

    assert lines[0].startswith("job         v1_baseline/QUEUE, run of 20")
    assert lines[1:5] == ["data        same", "code        same", "parameters  same", "versions    same"]
    assert lines[5].startswith("equal: 2 fills, digest ")
