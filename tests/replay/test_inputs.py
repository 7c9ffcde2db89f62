"""What a replay says of a job whose inputs are as they were, and of one where one of them is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dbatch.errors import ConfigError, DataNotFoundError, OutputError, StrategyError
from dbatch.model import Window
from dbatch.replay import ReplayReport, replay

Run = Callable[..., Path]


def differing(report: ReplayReport) -> list[str]:
    return [check.name for check in report.inputs if not check.same]


def edit_manifest(run_dir: Path, change: Callable[[Any], None]) -> None:
    path = run_dir / "run_manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


# Nothing has changed.


@pytest.mark.parametrize("strategy", ["v1_baseline", "v2_1_stop_loss"])
def test_a_compiled_strategy_is_equal_after_a_plain_run(ran: Run, strategy: str) -> None:
    report = replay(ran(strategy), "AAA")

    assert (report.verdict, differing(report), report.difference, report.notes) == ("equal", [], None, ())
    assert report.now == report.then
    assert report.now.fills > 10


def test_a_plain_handler_is_equal_after_a_plain_run(ran: Run, crossing: Path) -> None:
    report = replay(ran("crossing", paths=[crossing]), "BBB")

    assert (report.verdict, differing(report), report.notes) == ("equal", [], ())
    assert report.now.fills > 10


def test_a_security_is_found_in_any_case(ran: Run) -> None:
    assert replay(ran("v1_baseline"), "queue").security == "QUEUE"


def test_parameters_dates_and_types_of_the_run_are_those_of_the_replay(ran: Run) -> None:
    window = Window(start_day=20_193, end_day=20_193)
    folder = ran("v1_baseline", window=window, overrides={"quote_size": 7_000}, chunk_rows=50)

    report = replay(folder, "AAA")

    assert (report.verdict, differing(report)) == ("equal", [])


def test_one_security_of_a_file_that_holds_several_is_read_as_then(ran: Run, ticks: Path, tmp_path: Path) -> None:
    frames = [pd.read_parquet(ticks / f"{name}.parquet").assign(security=name.upper()) for name in ("aaa", "bbb")]
    pd.concat(frames).sort_values("timestamp", kind="stable").to_csv(tmp_path / "all.csv", index=False)

    report = replay(ran("v1_baseline", data=tmp_path / "all.csv"), "BBB")

    assert (report.verdict, differing(report)) == ("equal", [])


# Data.


def test_an_edited_price_is_a_difference_of_data_and_the_first_fill_that_differs_is_shown(
    ran: Run, ticks: Path
) -> None:
    folder = ran("v1_baseline")
    frame = pd.read_parquet(ticks / "queue.parquet")
    frame.loc[5, "price"] = 9.99
    frame.to_parquet(ticks / "queue.parquet")

    report = replay(folder, "QUEUE")

    assert (report.verdict, differing(report)) == ("differs", ["data"])
    assert str(ticks / "queue.parquet") in report.inputs[0].why
    assert report.difference is not None
    assert report.difference.number == 1
    assert str(report.difference.then) == ("2025-04-14 10:00:04 buy 700 @ 10.0, realized 0.0, position 700, pnl 0.0")
    assert str(report.difference.now) == "2025-04-14 10:00:04 buy 700 @ 9.99, realized 0.0, position 700, pnl 0.0"


def test_a_fill_more_is_shown_against_none(ran: Run, ticks: Path) -> None:
    folder = ran("v1_baseline")
    frame = pd.read_parquet(ticks / "queue.parquet")
    frame.iloc[:-1].to_parquet(ticks / "queue.parquet")

    difference = replay(folder, "QUEUE").difference

    assert difference is not None
    assert (difference.number, difference.now) == (2, None)
    assert "sell 500 @ 10.1" in str(difference.then)


def test_other_facts_of_equal_fills_are_noted(ran: Run, ticks: Path) -> None:
    folder = ran("v1_baseline")
    frame = pd.read_parquet(ticks / "queue.parquet")
    pd.concat([frame, frame.iloc[3:4]]).to_parquet(ticks / "queue.parquet")

    report = replay(folder, "QUEUE")

    assert (report.verdict, differing(report)) == ("equal", ["data"])
    assert report.notes == ("rows: then 7, now 8", "rows skipped: then 1, now 2")


def test_data_that_is_gone_is_named_and_can_be_given(ran: Run, ticks: Path, tmp_path: Path) -> None:
    folder = ran("v1_baseline")
    shutil.move(ticks, tmp_path / "elsewhere")

    with pytest.raises(DataNotFoundError) as caught:
        replay(folder, "AAA")
    assert str(ticks / "aaa.parquet") in str(caught.value)
    assert "--data" in str(caught.value)
    assert "\n" not in str(caught.value)

    for given in (tmp_path / "elsewhere", tmp_path / "elsewhere" / "aaa.parquet"):
        report = replay(folder, "AAA", data=str(given))
        assert (report.verdict, differing(report)) == ("equal", [])


def test_a_single_file_stands_for_the_security_whatever_it_is_called(ran: Run, ticks: Path, tmp_path: Path) -> None:
    folder = ran("v1_baseline")
    shutil.copy(ticks / "aaa.parquet", tmp_path / "copy.parquet")

    report = replay(folder, "AAA", data=str(tmp_path / "copy.parquet"))

    assert (report.security, report.verdict, differing(report)) == ("AAA", "equal", [])


# Code.


def test_an_edited_strategy_is_a_difference_of_code(ran: Run, crossing: Path) -> None:
    folder = ran("crossing", paths=[crossing])
    crossing.write_text(crossing.read_text().replace('"size", 5', '"size", 6'))

    report = replay(folder, "AAA")

    assert (report.verdict, differing(report)) == ("differs", ["code"])
    assert report.inputs[1].why == f"{crossing}: its own files"
    assert report.difference is not None
    assert report.difference.then is not None
    assert report.difference.now is not None
    assert (report.difference.then.fill_qty, report.difference.now.fill_qty) == (5, 6)


def test_an_edited_comment_is_a_difference_of_code_that_changes_nothing(ran: Run, crossing: Path) -> None:
    folder = ran("crossing", paths=[crossing])
    crossing.write_text(crossing.read_text() + "\n# nothing\n")

    report = replay(folder, "AAA")

    assert (report.verdict, differing(report)) == ("equal", ["code"])


def test_a_strategy_that_is_gone_is_named_and_can_be_given(ran: Run, crossing: Path, tmp_path: Path) -> None:
    folder = ran("crossing", paths=[crossing])
    moved = shutil.move(crossing.parent, tmp_path / "moved")

    with pytest.raises(StrategyError, match="the strategy 'crossing' of that run is gone; --strategy-path"):
        replay(folder, "AAA")

    report = replay(folder, "AAA", strategy_paths=[str(moved)])
    assert (report.verdict, differing(report)) == ("equal", [])


# Parameters and versions.


def test_a_parameter_given_is_a_difference_of_parameters(ran: Run) -> None:
    report = replay(ran("v1_baseline"), "QUEUE", params={"quote_size": 600})

    assert (report.verdict, differing(report)) == ("differs", ["parameters"])
    assert (report.inputs[2].then, report.inputs[2].now) == ("quote_size 50000", "quote_size 600")
    assert report.difference is not None
    assert report.difference.now is not None
    assert report.difference.now.fill_qty == 600


def test_a_parameter_of_one_security_is_given_to_a_plain_handler(ran: Run, crossing: Path) -> None:
    folder = ran("crossing", paths=[crossing], overrides={"size": 4})

    assert differing(replay(folder, "AAA", params={"BBB.size": 9})) == []
    report = replay(folder, "AAA", params={"aaa.size": 9})
    assert (report.inputs[2].then, report.inputs[2].now) == ("size 4", "size 9")


@pytest.mark.parametrize("params", [{"quote_sise": 5}, {"quote_size": -1}, {"ZZZ.quote_size": 5}])
def test_a_parameter_that_the_strategy_does_not_take_is_refused(ran: Run, params: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^--params: "):
        replay(ran("v1_baseline"), "QUEUE", params=params)


def test_another_version_of_a_package_is_named(ran: Run) -> None:
    folder = ran("v1_baseline")
    edit_manifest(folder, lambda manifest: manifest["versions"].update(numpy="1.0.0"))

    report = replay(folder, "AAA")

    assert (report.verdict, differing(report)) == ("equal", ["versions"])
    assert report.inputs[3].then == "numpy 1.0.0"


# Something else than an input.


def test_a_result_that_no_input_explains_is_said_to_be_so(
    ran: Run, crossing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossing.write_text("import os\n" + crossing.read_text().replace('"size", 5', '"size", int(os.environ["SIZE"])'))
    monkeypatch.setenv("SIZE", "1")
    folder = ran("crossing", paths=[crossing])
    monkeypatch.setenv("SIZE", "2")

    report = replay(folder, "AAA")

    assert (report.verdict, differing(report)) == ("differs", [])
    assert report.notes[0].startswith("no input differs")


def test_stored_fills_that_were_changed_are_not_shown(ran: Run) -> None:
    folder = ran("v1_baseline")
    for part in folder.glob("parts/*/*.parquet"):
        part.write_bytes(b"not parquet")

    report = replay(folder, "QUEUE", params={"quote_size": 600})

    assert (report.verdict, report.difference) == ("differs", None)
    assert "are gone or changed" in report.notes[0]
    assert replay(folder, "QUEUE").verdict == "equal"


# What cannot be replayed.


def test_a_folder_that_is_not_there_or_no_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere: no such folder"):
        replay(tmp_path / "nowhere", "AAA")
    with pytest.raises(OutputError, match=r"not the output folder of a run: there is no run_manifest.json"):
        replay(tmp_path, "AAA")


def test_a_run_of_a_batch_is_refused_with_the_command_that_computes_it_alone(
    tmp_path: Path, batches: Any, write_batch: Run
) -> None:
    folder = write_batch(tmp_path / "b", [batches.MadeRun({"AAA": "success"}, run_id="size_2", parameters={"size": 2})])
    alone = "dbatch run --strategy made_up --data /ticks --set size=2 --output-dir DIR, then dbatch replay DIR AAA"
    with pytest.raises(OutputError, match=f"a run of a batch; what is computed alone can be replayed: {alone}"):
        replay(folder / "runs" / "0000_size_2", "AAA")
    with pytest.raises(OutputError, match="b: a batch; dbatch replay of one of its runs/ says how"):
        replay(folder, "AAA")


def test_a_manifest_without_the_facts_is_refused(ran: Run) -> None:
    folder = ran("v1_baseline")
    edit_manifest(folder, lambda manifest: manifest["data"]["securities"]["AAA"].pop("read_as"))

    with pytest.raises(
        OutputError, match=r"made by another version of dbatch, without what a replay needs \('read_as'\)"
    ):
        replay(folder, "AAA")


def test_an_unknown_security_is_refused_with_a_suggestion(ran: Run) -> None:
    with pytest.raises(
        DataNotFoundError, match=r"no security 'queu'; did you mean 'QUEUE'\? \(there are AAA, BBB, QUEUE"
    ):
        replay(ran("v1_baseline"), "queu")


def test_a_security_that_the_run_did_not_come_to_is_refused(ran: Run, crossing: Path) -> None:
    folder = ran("crossing", paths=[crossing], overrides={"breaks_on": "AAA"}, fail_fast=True)

    with pytest.raises(OutputError, match="BBB was not computed in that run"):
        replay(folder, "BBB")
