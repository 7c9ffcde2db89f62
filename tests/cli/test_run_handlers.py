"""`dbatch run` with plain handlers of a user: their faults are named, what they do to the process harms nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Dbatch = Callable[..., subprocess.CompletedProcess[str]]
Summary = Callable[[Path], pd.DataFrame]


@pytest.fixture(scope="module")
def misbehaved(
    tmp_path_factory: pytest.TempPathFactory,
    dbatch_in: Dbatch,
    make_ticks: Callable[..., Path],
    make_strategies: Callable[[Path], Path],
    summary: Summary,
) -> tuple[subprocess.CompletedProcess[str], pd.DataFrame]:
    """A run of five securities on two processes, three of whose handlers misbehave, and its summary."""
    folder = tmp_path_factory.mktemp("misbehaved")
    make_ticks(folder, "aaa", "exiting", "forgetful", "raising", "zzz")
    finished = dbatch_in(
        folder, "run", "--strategy", "misbehaving", "--strategy-path", make_strategies(folder), "--data", "ticks",
        "--output-dir", "out", "--no-dashboard", "--workers", "2",
    )  # fmt: skip
    return finished, summary(folder / "out")


@pytest.mark.parametrize(
    ("security", "status", "said"),
    [
        ("RAISING", "failed", "KeyError: 'adj_close'"),
        ("EXITING", "crashed", "sys.exit(3)"),
        ("FORGETFUL", "failed", "must return the state"),
    ],
)
def test_a_handler_that_misbehaves_is_a_named_failure(misbehaved: Any, security: str, status: str, said: str) -> None:
    finished, table = misbehaved

    assert table.loc[security, "status"] == status
    assert said in table.loc[security, "error"]
    assert f"{status}: {security}: " in finished.stderr


def test_handlers_that_misbehave_let_the_others_finish_and_show_no_traceback(misbehaved: Any) -> None:
    finished, table = misbehaved

    assert finished.returncode == 1, finished.stderr
    assert table.index[table["status"] == "success"].tolist() == ["AAA", "ZZZ"]
    assert "Traceback" not in finished.stderr


def test_a_handler_that_kills_its_process_is_a_named_failure_and_the_others_finish(
    dbatch: Dbatch, ticks: Path, strategies: Path, tmp_path: Path, summary: Summary
) -> None:
    finished = dbatch(
        "run", "--strategy", "dying", "--strategy-path", strategies, "--data", "ticks",
        "--output-dir", "out", "--no-dashboard", "--workers", "2",
    )  # fmt: skip

    assert finished.returncode == 1, finished.stderr
    assert "Traceback" not in finished.stderr
    table = summary(tmp_path / "out")
    assert table["status"].to_dict() == {"AAA": "success", "BBB": "crashed", "CCC": "success"}
    assert "worker process died" in table.loc["BBB", "error"]
    assert "crashed: BBB: " in finished.stderr


def test_the_traceback_of_a_failure_is_in_the_log(
    dbatch: Dbatch, ticks: Path, strategies: Path, tmp_path: Path
) -> None:
    dbatch("run", "--strategy", "raising", "--strategy-path", strategies, "--data", "ticks", "--serial")

    log = (tmp_path / "output" / "raising" / "run.log").read_text()
    assert 'raise KeyError("adj_close")' in log


def test_fail_fast_stops_at_the_first_failure(
    dbatch: Dbatch, ticks: Path, strategies: Path, tmp_path: Path, summary: Summary
) -> None:
    finished = dbatch(
        "run", "--strategy", "raising", "--strategy-path", strategies, "--data", "ticks",
        "--output-dir", "out", "--serial", "--fail-fast",
    )  # fmt: skip

    assert finished.returncode == 1
    assert "cancelled" in set(summary(tmp_path / "out")["status"])


def test_a_failed_security_is_run_again_by_the_same_command(
    dbatch: Dbatch, ticks: Path, strategies: Path, tmp_path: Path
) -> None:
    command = (
        "run", "--strategy", "raising", "--strategy-path", str(strategies), "--data", "ticks",
        "--output-dir", "out", "--serial", "--json",
    )  # fmt: skip
    dbatch(*command)

    again = dbatch(*command)

    assert again.returncode == 1
    assert json.loads(again.stdout)["computed"] == 1


NOISY = """
import os

os.chdir("/")
print("imported")


def create_noisy_handler(config):
    def handler(security, chunk, orderbook, state):
        print("handled", security)
        return {"trades": [], "missing": state["seen"]} if config[security].get("fail") else state

    return handler
"""


@pytest.mark.parametrize("how", [["--serial"], ["--workers", "1", "--no-dashboard"]])
def test_what_a_strategy_prints_or_changes_about_the_process_harms_nothing(
    dbatch: Dbatch, ticks: Path, tmp_path: Path, how: list[str]
) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)

    finished = dbatch("run", "--strategy", "noisy", "--strategy-path", "noisy.py", "--data", "ticks", "--json", *how)

    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["counts"] == {"success": 3}
    assert "handled AAA" in finished.stderr
    assert (tmp_path / "output" / "noisy" / "backtest_summary.csv").exists()


def test_a_failure_names_the_line_of_the_handler_and_where_its_traceback_is(
    dbatch: Dbatch, ticks: Path, tmp_path: Path
) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)

    finished = dbatch(
        "run", "--strategy", "noisy", "--strategy-path", "noisy.py", "--data", "ticks", "--serial",
        "--set", "BBB.fail=true",
    )  # fmt: skip

    assert finished.returncode == 1
    assert "failed: BBB: " in finished.stderr
    assert "noisy.py:11: KeyError: 'seen'" in finished.stderr
    assert "tracebacks are in" in finished.stderr


def test_a_strategy_is_known_by_the_name_its_user_typed(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def create_short_handler(config):\n"
        "    assert config['AAA']['size'] == 5\n"
        "    return lambda security, chunk, orderbook, state: state\n"
    )
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine_config.json").write_text('{"default": {"size": 5}}')

    finished = dbatch("run", "--strategy", "mine", "--strategy-path", "mine.py", "--data", "ticks", "--serial")

    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "output" / "mine" / "backtest_summary.csv").exists()
