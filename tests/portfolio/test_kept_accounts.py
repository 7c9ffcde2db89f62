"""Accounts of portfolios are looked after like every other result: resumed, merged, swept, mended, replayed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.batch import RunRequest, run
from dbatch.batch.notebook import finish, plan_of
from dbatch.batch.options import BatchOptions
from dbatch.engine.execute import Execution
from dbatch.errors import UsageError
from dbatch.replay import replay
from dbatch.results.accounts import TABLES, account_digest, read_account
from dbatch.results.folder import ACCOUNTS_NAME
from dbatch.results.ledger import reading_ledger
from dbatch.upkeep.doctor import check_folder
from dbatch.upkeep.finding import Finding
from dbatch.upkeep.gc import collect_folder
from dbatch.upkeep.merge import merge
from dbatch.upkeep.remove import remove
from dbatch.upkeep.repair import repair

BUNDLE = "factors: [{name: trend_strength_50, weight: 0.6}, {name: rv_20, weight: 0.4, direction: negative}]\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, panel: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a panel of closes and a bundle."""
    panel(5, 400).to_csv(tmp_path / "panel.csv", index_label="Date")
    (tmp_path / "bundle.yaml").write_text(BUNDLE)
    monkeypatch.chdir(tmp_path)


def batch(root: str, **options: Any) -> Path:
    """Carry out the batch of three below `root`, one after the other; the same call goes on."""
    asked = BatchOptions(execution=Execution(serial=True, dashboard=False), **options)
    base = {"strategy": "multifactor_long_short", "data": "panel.csv", "bundle_path": "bundle.yaml"}
    document = {"batch_name": "factors", "description": "by commission", "output_root": root, "base_args": base}
    return finish(plan_of({**document, "grid": {"commission_bps": [0, 2, 5]}}, asked), asked).folder


def single(**parameters: Any) -> Path:
    request = RunRequest(
        "multifactor_long_short",
        data="panel.csv",
        overrides={"bundle_path": "bundle.yaml", **parameters},
        output_dir="one",
        execution=Execution(serial=True, dashboard=False),
    )
    return run(request).output_dir


def accounts(folder: Path) -> dict[str, str]:
    return {path.name: account_digest(read_account(folder, path.name)) for path in (folder / ACCOUNTS_NAME).iterdir()}


def digests(folder: Path) -> dict[str, str]:
    with reading_ledger(folder) as ledger:
        return {key: receipt.digest for key, receipt in ledger.receipts().items()}


def found(folder: Path, check: str) -> list[Finding]:
    return [finding for finding in check_folder(folder) if finding.check == check]


def lose(folder: Path) -> str:
    """Take the account of one job away, and return its key."""
    key = min(accounts(folder))
    shutil.rmtree(folder / ACCOUNTS_NAME / key)
    return key


def test_an_account_that_is_gone_is_computed_again_by_the_same_run() -> None:
    folder = single()
    before = accounts(folder)
    lose(folder)
    single()
    assert accounts(folder) == before


def test_a_run_that_has_all_its_accounts_computes_nothing_again() -> None:
    folder = single()
    times = [path.stat().st_mtime_ns for path in folder.glob("portfolios/*/*")]
    single()
    assert [path.stat().st_mtime_ns for path in folder.glob("portfolios/*/*")] == times


def test_an_account_that_is_gone_is_computed_again_by_the_same_batch() -> None:
    folder = batch("out")
    before = accounts(folder)
    assert len(before) == 3
    lose(folder)
    assert accounts(batch("out")) == before == digests(folder)


def test_a_part_is_not_adopted_without_the_accounts_of_its_jobs() -> None:
    folder = batch("out")
    before = accounts(folder)
    (folder / "ledger.sqlite").unlink()
    lose(folder)
    assert accounts(batch("out")) == before == digests(folder)


def test_merged_folders_have_the_accounts_of_all() -> None:
    whole = batch("whole")
    halves = [batch("left", runs=(0, 1)), batch("right", runs=(1, 3))]
    merged = merge(Path("all"), halves)
    assert (merged.taken_jobs, merged.missing, merged.not_taken) == (3, (), ())
    assert accounts(Path("all")) == accounts(whole)
    assert not [finding for finding in check_folder(Path("all")) if finding.level != "OK"]


def test_a_portfolio_whose_account_is_damaged_is_not_taken_over() -> None:
    half = batch("left", runs=(0, 2))
    key = min(accounts(half))
    path = half / ACCOUNTS_NAME / key / "weights.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)

    merged = merge(Path("all"), [half])
    assert merged.not_taken == (f"portfolios/{key}",)
    assert merged.taken_jobs == 1
    assert set(accounts(Path("all"))) == set(digests(half)) - {key}


def test_a_merge_brings_back_an_account_that_is_gone_here() -> None:
    folder = batch("out")
    shutil.copytree(folder, "copy")
    before = accounts(folder)
    lose(folder)
    assert merge(folder, [Path("copy")]).conflicts == ()
    assert accounts(folder) == before


def test_gc_removes_accounts_of_jobs_that_nobody_planned_and_no_other() -> None:
    folder = batch("out")
    kept = accounts(folder)
    shutil.copytree(folder / ACCOUNTS_NAME / min(kept), folder / ACCOUNTS_NAME / ("0" * 32))
    (folder / ACCOUNTS_NAME / "mine.txt").write_text("not of dbatch")

    (would,) = collect_folder(folder, dry_run=True)
    assert len(accounts_by_name(folder)) == 4
    assert collect_folder(folder) == [would]
    assert (would.what, would.count) == ("accounts", 1)
    assert would.size > 0
    assert accounts_by_name(folder) == sorted(kept)
    assert (folder / ACCOUNTS_NAME / "mine.txt").exists()


def accounts_by_name(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ACCOUNTS_NAME).iterdir() if path.is_dir())


def test_doctor_finds_lost_accounts_and_repair_has_them_computed_again() -> None:
    folder = batch("out")
    before = accounts(folder)
    (well,) = found(folder, "accounts")
    assert (well.level, well.found) == ("OK", "3 portfolios' accounts are there as they were computed")
    key = lose(folder)

    (lost,) = found(folder, "accounts")
    assert lost.level == "CRITICAL"
    told = f"1 portfolios lack their account or it was changed, and are to be done again: portfolios/{key}"
    assert lost.found == told
    assert "forgot 1 receipts of portfolios whose account is gone or damaged" in repair(folder)
    assert key not in digests(folder)
    assert accounts(batch("out")) == before == digests(folder)


def test_doctor_names_accounts_that_belong_to_nothing() -> None:
    folder = batch("out")
    shutil.copytree(folder / ACCOUNTS_NAME / min(accounts(folder)), folder / ACCOUNTS_NAME / ("0" * 32))
    (useless,) = found(folder, "orphans")
    assert (useless.level, useless.found) == ("WARN", "1 accounts are of portfolios that are not planned")
    assert useless.repair == f"dbatch gc {folder}"


@pytest.mark.parametrize("make", [batch, single])
def test_rm_leaves_no_account(make: Callable[..., Path]) -> None:
    folder = make("out") if make is batch else single()
    assert (folder / ACCOUNTS_NAME).is_dir()
    remove(folder)
    assert not folder.exists()


def test_a_portfolio_replays_equal_and_nothing_is_written() -> None:
    folder = single(commission_bps=2.0)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    report = replay(folder, "universe")
    assert (report.verdict, [check.name for check in report.inputs if not check.same]) == ("equal", [])
    assert report.now == report.then
    assert report.now.fills > 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_replay_with_other_parameters_shows_the_first_row_that_differs() -> None:
    report = replay(single(), "UNIVERSE", params={"commission_bps": 5.0})
    assert (report.verdict, [check.name for check in report.inputs if not check.same]) == ("differs", ["parameters"])
    assert report.difference is not None
    assert report.difference.place == "row 1 of orders"
    assert ", commission 0.0, " in str(report.difference.then)
    assert json.dumps(report.as_json())


def test_a_replay_finds_the_universe_in_other_data() -> None:
    folder = single()
    shutil.copy("panel.csv", "moved.csv")
    assert replay(folder, "UNIVERSE", data="moved.csv").verdict == "equal"


@pytest.mark.parametrize("asked", [{"until": "2019-06-03"}, {"trace": "trace.csv"}, {"debug": True}])
def test_a_portfolio_has_no_events_to_stop_at(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a portfolio has no events to stop at or to trace"):
        replay(single(), "UNIVERSE", **asked)


def test_no_security_can_have_the_name_of_all_of_them() -> None:
    pd.read_csv("panel.csv").rename(columns={"S1": "Universe"}).to_csv("panel.csv", index=False)
    with pytest.raises(UsageError, match="no security can be called 'UNIVERSE', which stands for all"):
        single()


def test_every_table_is_in_the_digest() -> None:
    folder = single()
    (key,) = accounts(folder)
    tables = read_account(folder, key)
    digest = account_digest(tables)
    assert digests(folder) == {key: digest}
    for name in TABLES:
        assert account_digest({**tables, name: tables[name].slice(1)}) != digest
        assert isinstance(tables[name], pa.Table)


def test_runs_over_other_securities_are_other_jobs() -> None:
    asked = BatchOptions(execution=Execution(serial=True, dashboard=False))
    base = {"strategy": "multifactor_long_short", "data": "panel.csv", "bundle_path": "bundle.yaml"}
    document = {"batch_name": "some", "description": "of them", "output_root": "out", "base_args": base}
    runs = [
        {"id": "four", "securities": ["S0", "S1", "S2", "S3"]},
        {"id": "others", "securities": ["S1", "S2", "S3", "S4"]},
    ]
    folder = finish(plan_of({**document, "runs": runs}, asked), asked).folder
    assert len(set(accounts(folder).values())) == 2
