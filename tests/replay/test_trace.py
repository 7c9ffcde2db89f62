"""The trace: a row for each event, the state after it, and what was filled at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import dbatch
from dbatch.cli.replay import exit_code, report_lines
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.job import Seen, run_job
from dbatch.engine.kernel import compile_kernel
from dbatch.errors import UsageError
from dbatch.model import Window
from dbatch.replay import replay
from dbatch.replay.state import compiled_reader, read_plain
from dbatch_market_making.v1_baseline import create_v1_baseline_handler

Run = Callable[..., Path]


def traced(run_dir: Path, security: str, **options: Any) -> pd.DataFrame:
    report = replay(run_dir, security, trace=run_dir / "trace.parquet", **options)
    assert report.verdict == "equal"
    assert report.trace is not None
    assert report.trace.equal
    frame = pq.read_table(run_dir / "trace.parquet").to_pandas()
    assert len(frame) == report.trace.rows
    return frame


# A compiled strategy.


def test_a_trace_explains_a_fill_by_the_queue_before_it(ran: Run) -> None:
    frame = traced(ran("v1_baseline"), "QUEUE")

    expected = pd.DataFrame(
        {
            "row": [0, 1, 2, 3, 4, 5, 6],
            "type": ["bid", "ask", "trade", "bid", "trade", "trade", "trade"],
            "bid.order.ahead": [5000, 5000, 2000, 2000, 0, 0, 0],
            "bid.order.remaining": [50_000, 50_000, 50_000, 50_000, 50_000, 49_300, 49_300],
            "ask.order.ahead": [0, 4000, 4000, 4000, 4000, 4000, 0],
            "ask.order.live": [False, True, True, True, True, True, True],
            "desk.book.bid.price": [10.0] * 7,
            "desk.book.ask.price": [0.0, *[10.1] * 6],
            "desk.position.shares": [0, 0, 0, 0, 0, 700, 200],
            "desk.position.realized": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (10.1 - 10.0) * 500],
            "fills": [0, 0, 0, 0, 0, 1, 1],
            "fill": [None, None, None, None, None, "buy 700 @ 10.00", "sell 500 @ 10.10"],
        }
    )
    pd.testing.assert_frame_equal(frame[list(expected)], expected, check_exact=True, check_dtype=False)
    assert frame["timestamp"].iloc[5] == pd.Timestamp("2025-04-14 10:00:04")
    assert np.isnan(frame["price"].iloc[3])
    assert frame["volume"].tolist() == [5000, 4000, 3000, 0, 2000, 700, 4500]


def test_columns_stand_in_the_order_of_event_state_and_fills(ran: Run) -> None:
    columns = list(traced(ran("v1_baseline"), "QUEUE"))

    assert columns[:6] == ["row", "timestamp", "type", "price", "volume", "desk.book.bid.price"]
    assert columns[-3:] == ["ask.due", "fills", "fill"]


def test_a_trace_has_as_many_rows_as_events_and_the_fills_of_the_run(tmp_path: Path) -> None:
    request = dbatch.RunRequest(
        "v1_baseline",
        data=str(sample_path()),
        securities=["GAMA"],
        output_dir=str(tmp_path / "out"),
        execution=_serial(),
    )
    dbatch.run(request)
    stored = pd.read_parquet(tmp_path / "out" / "fills.parquet")

    frame = traced(tmp_path / "out", "GAMA")

    assert frame["row"].tolist() == list(range(len(pd.read_parquet(sample_path() / "gama.parquet"))))
    assert frame["fills"].sum() == len(stored) > 100
    shown = [text for cell in frame["fill"].dropna() for text in cell.split(", ")]
    told = [f"{fill.side} {fill.fill_qty} @ {fill.fill_price:.2f}" for fill in stored.itertuples(index=False)]
    assert shown == told
    at = frame.loc[frame["fills"] == 1]
    single = at["timestamp"].isin(stored["timestamp"].value_counts().loc[lambda count: count == 1].index)
    by_time = stored.set_index("timestamp").loc[at.loc[single, "timestamp"]]
    assert at.loc[single, "desk.position.shares"].tolist() == by_time["position"].tolist()


def _serial() -> Any:
    from dbatch.engine.execute import Execution

    return Execution(serial=True)


@pytest.mark.parametrize("rows", [7, 100])
def test_the_state_of_each_row_is_the_state_at_the_end_of_whole_chunks(ran: Run, ticks: Path, rows: int) -> None:
    frame = traced(ran("v1_baseline"), "AAA")
    handler = create_v1_baseline_handler({})
    read = compiled_reader(compile_kernel(handler).loop.leaves)
    seen: list[tuple[int, dict[str, Any]]] = []

    def watch(what: Seen) -> None:
        seen.append((len(what.block), read(what)))

    (security,) = open_market(ticks / "aaa.parquet").securities
    run_job(handler, "AAA", {}, read_events(security, rows), watch=watch)

    ends = np.cumsum([count for count, _ in seen]) - 1
    assert ends[-1] == len(frame) - 1
    whole = pd.DataFrame([state for _, state in seen])
    traced_states = frame.loc[ends, list(whole)].reset_index(drop=True)
    pd.testing.assert_frame_equal(traced_states, whole, check_exact=True)


def test_a_window_of_the_trace_has_the_rows_of_the_whole_trace(ran: Run) -> None:
    folder = ran("v1_baseline")
    whole = traced(folder, "AAA")

    part = traced(folder, "AAA", start="2025-04-14 11:00:00", until="2025-04-14 12:00:00")

    times = whole["timestamp"].between("2025-04-14 11:00:00", "2025-04-14 12:00:00")
    assert 10 < times.sum() < 200
    pd.testing.assert_frame_equal(part, whole[times].reset_index(drop=True), check_exact=True)


def test_rows_are_numbered_as_in_the_source_when_the_run_left_some_out(ran: Run) -> None:
    folder = ran("v1_baseline", window=Window(start_day=20_193, end_day=20_193))

    assert traced(folder, "AAA")["row"].tolist() == list(range(300, 600))


# A plain handler.


def test_a_trace_of_a_plain_handler_shows_what_its_state_holds(ran: Run, crossing: Path) -> None:
    frame = traced(ran("crossing", paths=[crossing]), "QUEUE")

    assert list(frame) == [
        "row", "timestamp", "type", "price", "volume",
        "orderbook.bid.price", "orderbook.bid.volume", "orderbook.ask.price", "orderbook.ask.volume",
        "desk.name", "desk.seen", "last", "trades.len", "position", "fills", "fill",
    ]  # fmt: skip
    assert frame["desk.seen"].tolist() == [1, 2, 3, 3, 4, 5, 6]
    assert frame["trades.len"].tolist() == [1, 2, 2, 2, 2, 2, 2]
    assert frame["last"].iloc[-1] == pd.Timestamp("2025-04-14 10:00:05")
    assert frame["fills"].tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert frame["fill"].dropna().tolist() == ["buy 5 @ 10.00", "sell 5 @ 10.10"]
    assert frame["orderbook.ask.price"].tolist()[1:] == [10.1] * 6
    assert np.isnan(frame["orderbook.ask.price"].iloc[0])


def test_each_row_of_a_plain_handler_is_its_state_at_the_end_of_whole_chunks(
    ran: Run, ticks: Path, crossing: Path
) -> None:
    frame = traced(ran("crossing", paths=[crossing]), "AAA")
    scope: dict[str, Any] = {}
    exec(crossing.read_text(), scope)
    seen: list[dict[str, Any]] = []
    (security,) = open_market(ticks / "aaa.parquet").securities
    run_job(
        scope["create_crossing_handler"]({"AAA": {}}), "AAA", {}, read_events(security, 60),
        watch=lambda what: seen.append(read_plain(what)),
    )  # fmt: skip

    whole = pd.DataFrame(seen)
    ends = np.arange(60, len(frame) + 1, 60) - 1
    pd.testing.assert_frame_equal(
        frame.loc[ends, list(whole)].reset_index(drop=True), whole, check_exact=True, check_dtype=False
    )


def test_a_column_that_appears_later_is_null_before(ran: Run, crossing: Path) -> None:
    crossing.write_text(
        crossing.read_text().replace(
            "held = ", "state.update(late=7) if row.volume == 700 else None\n            held = "
        )
    )

    late = traced(ran("crossing", paths=[crossing]), "QUEUE")["late"]

    assert late.isna().tolist() == [True] * 5 + [False] * 2
    assert late.dropna().tolist() == [7, 7]


def test_names_of_the_state_that_are_the_traces_own_are_told_apart(ran: Run, crossing: Path) -> None:
    crossing.write_text(crossing.read_text().replace("held = ", "state.update(price=1, fills=2)\n            held = "))

    frame = traced(ran("crossing", paths=[crossing]), "QUEUE")

    assert frame["state.price"].tolist() == [1, 1, 1, 1, 1, 1, 1]
    assert frame["state.fills"].tolist() == [2, 2, 2, 2, 2, 2, 2]
    assert frame["fills"].tolist() == [1, 1, 0, 0, 0, 0, 0]


def test_a_trace_ends_before_the_event_at_which_the_job_fails(ran: Run, crossing: Path) -> None:
    folder = ran("crossing", paths=[crossing], overrides={"breaks_on": "QUEUE"})

    report = replay(folder, "QUEUE", trace=folder / "trace.parquet")

    assert report.verdict == "failed again"
    assert report.trace is not None
    assert report.trace.equal
    assert pq.read_table(folder / "trace.parquet").column("desk.seen").to_pylist() == [1, 2, 3, 3, 4]


def test_a_result_that_depends_on_where_chunks_are_cut_is_found_by_the_trace(ran: Run, crossing: Path) -> None:
    crossing.write_text(crossing.read_text().replace('"size", 5', '"size", len(chunk)'))

    folder = ran("crossing", paths=[crossing])
    report = replay(folder, "QUEUE", trace=folder / "trace.parquet")

    assert report.verdict == "equal"
    assert report.trace is not None
    assert not report.trace.equal
    assert "where chunks are cut" in report.notes[-1]
    assert exit_code(report) == 3
    assert "tracing CHANGED the result" in report_lines(report)[-2]


def test_a_long_trace_of_a_plain_handler_is_said_to_be_one(
    ran: Run, crossing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbatch.replay.again.MANY_ROWS", 4)
    folder = ran("crossing", paths=[crossing])
    said: list[str] = []

    replay(folder, "QUEUE", trace=folder / "t.csv", start="2025-04-14 10:00:04", say=said.append)
    assert said == []
    replay(folder, "QUEUE", trace=folder / "t.csv", say=said.append)
    assert said == ["the trace is of 7 events, a call of the handler each; --from and --until make it shorter"]


# The file.


def test_a_csv_holds_what_the_parquet_holds_with_times_as_short_as_they_are(ran: Run) -> None:
    folder = ran("v1_baseline")
    frame = traced(folder, "AAA")
    replay(folder, "AAA", trace=folder / "trace.csv")

    text = (folder / "trace.csv").read_text()
    assert text.splitlines()[1].startswith('0,"2025-04-14 10:00:')
    read = pd.read_csv(folder / "trace.csv", parse_dates=["timestamp"])
    pd.testing.assert_frame_equal(read, frame, check_exact=True, check_dtype=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trace": "t.txt"}, r"--trace: t.txt must end in .parquet or .csv"),
        ({"trace": "nowhere/t.csv"}, "--trace: nowhere: no such folder"),
        ({"start": "2025-04-14"}, "--from says where a trace begins; give --trace FILE too"),
        ({"trace": "t.csv", "start": "2025-04-15", "until": "2025-04-14"}, "--from 2025-04-15 lies after --until"),
        ({"trace": "t.csv", "start": "noon"}, "--from: 'noon' is not a time such as 2025-04-14 10:18:47"),
        ({"until": "2025-02-30"}, "--until: '2025-02-30' is not a time"),
    ],
)
def test_a_trace_that_cannot_be_written_as_asked_is_refused(ran: Run, options: dict[str, Any], said: str) -> None:
    folder = ran("v1_baseline")

    with pytest.raises(UsageError) as caught:
        replay(folder, "QUEUE", **options)

    assert str(caught.value).startswith(said)


def test_nothing_but_the_trace_is_left_behind(ran: Run, tmp_path: Path) -> None:
    folder = ran("v1_baseline")
    (tmp_path / "traces").mkdir()

    replay(folder, "QUEUE", trace=tmp_path / "traces" / "q.csv")
    with pytest.raises(UsageError):
        replay(folder, "QUEUE", trace=tmp_path / "traces" / "other.csv", until="2025-04-13")

    assert [path.name for path in (tmp_path / "traces").iterdir()] == ["q.csv"]
