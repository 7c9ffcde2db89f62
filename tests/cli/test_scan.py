"""`dbatch scan`: rows to stdout or a file, words to stderr, exit codes, an interruption."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.cli import main
from dbatch.data.bar_write import write_bars
from dbatch.testing.bar_contract import synthetic_bars

Command = Callable[..., tuple[int, str, str]]
GRID = ("--grid", "fast=2..9", "--grid", "slow=12,30")


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """900 hours of a made-up market."""
    write_bars(synthetic_bars(), tmp_path / "made.parquet", {"security": "MADE"})
    return tmp_path / "made.parquet"


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process; returns its exit code, what went to stdout and what to stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dbatch", "scan", "--strategy", "sma_cross", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capfd.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, said.out, said.err

    return command


def test_the_best_rows_come_first_and_the_number_of_trials_is_told(scan: Command, bars: Path) -> None:
    code, out, err = scan("--data", bars, *GRID, "--top", 3, "--objective", "return", "-f", "csv")

    rows = list(csv.DictReader(out.splitlines()))
    totals = [float(row["total_pnl"]) for row in rows]
    assert (code, len(rows), totals) == (0, 3, sorted(totals, reverse=True))
    assert "16 runs in " in err
    assert f"best by return: fast={rows[0]['param.fast']} slow={rows[0]['param.slow']} over MADE" in err
    assert "--prior-trials 16" in err


def test_a_file_gets_all_rows_in_the_order_of_runs(scan: Command, bars: Path, tmp_path: Path) -> None:
    code, out, _ = scan("--data", bars, *GRID, "-f", "csv", "-o", tmp_path / "all.csv")

    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert (code, out) == (0, "")
    assert [int(row["run"]) for row in rows] == list(range(16))


def test_rows_that_failed_are_told_with_their_cause(scan: Command, bars: Path) -> None:
    window = ("--start-date", "1970-01-01", "--end-date", "1970-01-02")
    code, _, err = scan("--strategy", "bigbar", "--data", bars, "--grid", "atr_period=10,20", *window)

    assert code == 1
    assert "invalid_data 2" in err
    assert "2 rows: " in err
    assert "among the dates and types asked for" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--objective", "luck"), "--objective luck: must be one of"),
        (("--grid", "fst=1,2"), "unknown parameter; did you mean 'fast'?"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(scan: Command, bars: Path, options: tuple[str, str], message: str) -> None:
    code, out, err = scan("--data", bars, *GRID, *options)

    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_an_interruption_leaves_nothing_and_says_so(bars: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    grid = ("--grid", "fast=2..400", "--grid", "slow=401..880")
    command = [sys.executable, "-m", "dbatch", "scan", "--strategy", "sma_cross", "--data", str(bars), *grid]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(4.0)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, list(folder.iterdir())) == (130, "", [])
    assert err.strip().splitlines()[-1] == "interrupted: a scan keeps nothing; 'dbatch sweep' keeps every finished run"
