"""Jobs that are skipped: their strategy needs what the data does not have. A bug stays a failure."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dbatch
from dbatch.batch import RunRequest, make_plan, run
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine.execute import Execution
from dbatch.engine.job import JobResult, run_job
from dbatch.errors import DataError, MissingDataError, StrategyError
from dbatch.model import Receipt, Window
from dbatch.schema import EVENT_TYPES

TEN = 20_192 * 86_400_000_000_000 + 36_000_000_000_000  # 2025-04-14 10:00
NAN = float("nan")


def events(*kinds: str, price: float = 10.0) -> EventBlock:
    """Return an event a second of the kinds named."""
    count = len(kinds)
    codes = np.array([EVENT_TYPES.index(kind) for kind in kinds], np.int8)
    times = TEN + 1_000_000_000 * np.arange(count)
    return EventBlock(times, codes, np.full(count, price), np.full(count, 5))


def plain(security: str, chunk: pd.DataFrame, book: object, state: dict[str, Any]) -> dict[str, Any]:
    return state


def result_of(blocks: Iterable[EventBlock], *needs: str, handler: object = plain, **how: Any) -> JobResult:
    return run_job(handler, "AAA", {}, blocks, needs=needs, **how)


# What a job is given.


@pytest.mark.parametrize(
    ("given", "needs", "said"),
    [
        (["trade"], ["bid"], "needs bid events, the data has none"),
        (["ask", "trade"], ["bid", "ask"], "needs bid and ask events, the data has none of bid"),
        (["trade"], ["bid", "ask"], "needs bid and ask events, the data has none"),
        (["trade"], ["bid", "ask", "trade"], "needs bid, ask and trade events, the data has none of bid and ask"),
        (["ask"], ["trade", "trade"], "needs trade events, the data has none"),
    ],
)
def test_events_without_a_type_that_is_needed_are_missing_data(given: list[str], needs: list[str], said: str) -> None:
    with pytest.raises(MissingDataError) as caught:
        result_of([events(*given)], *needs)
    assert str(caught.value) == said


def test_one_event_of_each_type_that_is_needed_is_enough_wherever_it_stands() -> None:
    for place in (0, 255, 256, 5_000, 9_999):
        kinds = ["trade"] * 10_000
        kinds[place] = "bid"
        assert result_of([events(*kinds)], "bid", "trade").rows == 10_000
    assert result_of([events("trade"), events(), events("trade", "bid")], "bid").rows == 3


def test_a_strategy_that_needs_nothing_runs_on_anything() -> None:
    assert result_of([events("trade")]).rows == 1


def test_a_quote_without_price_or_time_is_none_that_a_plain_handler_sees() -> None:
    timeless = EventBlock(np.array([NOT_A_TIME]), *events("bid")[1:])
    for blind in (events("bid", price=NAN), timeless):
        with pytest.raises(MissingDataError):
            result_of([blind, events("trade")], "bid")


def test_data_without_any_event_has_another_fault() -> None:
    assert result_of([], "bid").rows == 0
    assert result_of([events("trade", price=0.0)], "bid").rows_skipped == 1


def test_a_compiled_strategy_says_what_it_needs_and_what_it_sees() -> None:
    from dbatch_market_making.v1_baseline import create_v1_baseline_handler

    strategy = dataclasses.replace(create_v1_baseline_handler({}), needs=("bid", "trade"))
    blocks = [events("bid", price=NAN), events("trade", "trade")]
    with pytest.raises(MissingDataError, match="the data has none of bid"):
        result_of(blocks, *strategy.needs, handler=strategy)
    assert result_of([*blocks, events("bid")], *strategy.needs, handler=strategy).rows == 4
    complete = dataclasses.replace(strategy, view="complete")
    assert result_of(blocks, *strategy.needs, handler=complete).rows == 3


# A handler that fails for want of it.


class Stumbling:
    """Fails at the first block, or at the one after the first `patience`."""

    def __init__(self, patience: int = 0) -> None:
        self.patience = patience

    def __call__(self, security: str, chunk: pd.DataFrame, book: object, state: dict[str, Any]) -> dict[str, Any]:
        self.patience -= 1
        if self.patience < 0:
            raise TypeError("'NoneType' object is not subscriptable")
        return state


def test_a_handler_that_fails_where_a_type_is_absent_is_skipped_for_that() -> None:
    with pytest.raises(MissingDataError) as caught:
        result_of([events("trade")] * 3, "bid", handler=Stumbling())
    assert isinstance(caught.value.__context__, TypeError)


def test_a_handler_that_fails_where_nothing_is_absent_failed() -> None:
    for later in (events("bid"), events("trade", "trade", "bid")):
        with pytest.raises(TypeError):
            result_of([events("trade"), later], "bid", handler=Stumbling())
    with pytest.raises(TypeError):
        result_of([events("trade", "bid"), events("trade")], "bid", handler=Stumbling(1))


def test_data_that_cannot_be_read_to_its_end_is_not_said_to_lack_anything() -> None:
    def broken() -> Iterator[EventBlock]:
        yield events("trade")
        raise DataError("damaged")

    for handler in (plain, Stumbling()):
        with pytest.raises(DataError, match="damaged"):
            result_of(broken(), "bid", handler=handler)


def test_a_job_that_is_stopped_is_not_said_to_lack_anything() -> None:
    asked = iter([False, True])
    with pytest.raises(InterruptedError):
        result_of([events("trade")] * 3, "bid", stop=lambda: next(asked))


# What becomes of it: receipts, summaries, the command line.

HANDLERS = """
import numpy as np
import pandas as pd

from dbatch import MissingDataError


def handler_of(body):
    def factory(config):
        def handler(security, chunk, orderbook, state):
            body(chunk)
            return state

        return handler

    return factory


class Settings:
    size = 5


def raises_missing(chunk):
    raise MissingDataError("needs the opening auction")


def own_frame(chunk):
    pd.DataFrame({"price": [1.0]})["adj_close"]


def own_attribute_of_frame(chunk):
    pd.DataFrame({"price": [1.0]}).adj_close


create_missing_handler = handler_of(raises_missing)
create_column_handler = handler_of(lambda chunk: chunk["adj_close"])
create_attribute_handler = handler_of(lambda chunk: chunk.adj_close)
create_columns_handler = handler_of(lambda chunk: chunk[["price", "open", "close"]])
create_group_handler = handler_of(lambda chunk: chunk.groupby("session"))
create_dict_handler = handler_of(lambda chunk: {}["adj_close"])
create_object_handler = handler_of(lambda chunk: Settings.adj_close)
create_frame_handler = handler_of(own_frame)
create_frame_attribute_handler = handler_of(own_attribute_of_frame)
create_called_back_handler = handler_of(lambda chunk: chunk.apply(lambda row: {}["adj_close"], axis=1))
create_method_handler = handler_of(lambda chunk: chunk.iterows())
create_row_handler = handler_of(lambda chunk: chunk.set_index("type").loc["auction"])
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A folder with aaa.parquet, of trades alone, and bbb.parquet with bids too."""
    folder = tmp_path / "ticks"
    folder.mkdir()
    frame = pd.DataFrame({"timestamp": pd.Timestamp("2025-04-14T10:00"), "type": ["TRADE", "BID"], "price": 10.0})
    frame["volume"] = 5
    frame["timestamp"] = frame["timestamp"].astype("datetime64[ns]")
    frame[:1].to_parquet(folder / "aaa.parquet")
    frame.to_parquet(folder / "bbb.parquet")
    return folder


@pytest.fixture
def receipts(tmp_path: Path, market: Path) -> Callable[..., list[Receipt]]:
    """Run a strategy of a module over the market in this process, and return a receipt each security."""

    def receipts(source: str, name: str = "quoting", **how: Any) -> list[Receipt]:
        file = tmp_path / "quoting.py"
        file.write_text(source)
        request = RunRequest(
            name,
            data=str(market),
            strategy_paths=[str(file)],
            output_dir=str(tmp_path / "out"),
            execution=Execution(serial=True),
            **how,
        )
        return list(run(request).receipts)

    return receipts


def cause(receipt: Receipt) -> tuple[str, str]:
    return receipt.status, receipt.error


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "needs the opening auction"),
        ("column", "needs a column 'adj_close', events have none"),
        ("attribute", "needs a column 'adj_close', events have none"),
        ("columns", "needs columns 'open', 'close', events have none"),
        ("group", "needs a column 'session', events have none"),
    ],
)
def test_a_handler_that_misses_data_or_a_column_is_skipped(
    receipts: Callable[..., list[Receipt]], name: str, said: str
) -> None:
    first, second = receipts(HANDLERS, name)
    assert cause(first) == cause(second) == ("skipped", said)
    assert (first.part, first.digest) == ("", "")


@pytest.mark.parametrize("name", ["dict", "object", "frame", "frame_attribute", "called_back", "row", "method"])
def test_a_bug_of_the_handler_itself_is_a_failure(receipts: Callable[..., list[Receipt]], name: str) -> None:
    assert {receipt.status for receipt in receipts(HANDLERS, name)} == {"failed"}


NEEDING = "NEEDS = {needs}\n\n\ndef create_quoting_handler(config):\n    return lambda *given: {{}}\n"


def test_needs_of_a_module_are_looked_for_in_each_security(receipts: Callable[..., list[Receipt]]) -> None:
    first, second = receipts(NEEDING.format(needs="('bid', 'trade')"))
    assert cause(first) == ("skipped", "needs bid and trade events, the data has none of bid")
    assert first.part == ""
    assert second.status == "success"


def test_needs_are_looked_for_inside_the_window(receipts: Callable[..., list[Receipt]]) -> None:
    found = receipts(NEEDING.format(needs="('bid',)"), window=Window(only_trades=True))
    assert [receipt.status for receipt in found] == ["skipped", "skipped"]


def test_a_window_without_events_is_invalid_data_whatever_is_needed(receipts: Callable[..., list[Receipt]]) -> None:
    found = receipts(NEEDING.format(needs="('bid',)"), window=Window(start_day=30_000))
    assert [receipt.status for receipt in found] == ["invalid_data", "invalid_data"]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("('bid', 'asks')", "NEEDS has 'asks', each must be one of 'bid', 'ask', 'trade'"),
        ("'bid'", "NEEDS is 'bid', must be a tuple such as ('bid', 'ask')"),
        ("['bid']", r"NEEDS is \['bid'\], must be a tuple such as"),
        ("(1,)", "NEEDS has 1, each must be"),
    ],
)
def test_what_cannot_be_needed_is_refused_before_anything_runs(
    receipts: Callable[..., list[Receipt]], needs: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(StrategyError, match=said.replace("(", r"\(").replace(")", r"\)")):
        receipts(NEEDING.format(needs=needs))
    assert not (tmp_path / "out").exists()


def test_what_a_compiled_strategy_cannot_need_is_refused(market: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import replace\n\nfrom dbatch_market_making.v1_baseline import create_v1_baseline_handler\n"
        "\n\ndef create_mine_handler(config):\n"
        "    return replace(create_v1_baseline_handler(config), needs=['bid'])\n"
    )
    with pytest.raises(StrategyError, match="strategy 'mine': needs is \\['bid'\\], must be a tuple"):
        make_plan(RunRequest("mine", data=str(market), strategy_paths=[str(file)]))


def test_a_skipped_security_is_in_the_summary_with_its_cause_and_the_exit_code_is_1(
    dbatch: Callable[..., Any], market: Path, tmp_path: Path
) -> None:
    (tmp_path / "quoting.py").write_text(NEEDING.format(needs="('bid',)"))
    asked = ("run", "--strategy", "quoting", "--strategy-path", "quoting.py", "--data", market, "--serial")

    ran = dbatch(*asked, "--output-dir", "out", "--json")

    assert ran.returncode == 1, ran.stderr
    assert "skipped: AAA: needs bid events, the data has none" in ran.stderr.splitlines()
    assert json.loads(ran.stdout)["counts"] == {"skipped": 1, "success": 1}
    with open(tmp_path / "out" / "backtest_summary.csv", newline="") as file:
        rows = {row["security"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["AAA", "BBB"]
    assert (rows["AAA"]["status"], rows["AAA"]["error"], rows["AAA"]["trades"]) == (
        "skipped", "needs bid events, the data has none", "",
    )  # fmt: skip
    assert rows["BBB"]["status"] == "success"
    replayed = dbatch("replay", "out", "AAA")
    assert replayed.returncode == 1, replayed.stdout
    assert "needs bid events, the data has none" in replayed.stdout + replayed.stderr


def test_the_reference_skips_what_a_run_skips(market: Path, tmp_path: Path) -> None:
    from dbatch.reference.loop import OUTCOMES_NAME, How, run_reference

    file = tmp_path / "quoting.py"
    file.write_text(NEEDING.format(needs="('bid',)"))
    request = RunRequest("quoting", data=str(market), strategy_paths=[str(file)])
    run_reference(request, tmp_path / "ref", How(), lambda: None, lambda: None)
    said = json.loads((tmp_path / "ref" / OUTCOMES_NAME).read_text())["securities"]
    assert (said["AAA"]["status"], said["AAA"]["error"]) == ("skipped", "needs bid events, the data has none")
    assert said["BBB"]["status"] == "success"


def test_the_error_is_a_public_name() -> None:
    assert dbatch.MissingDataError is MissingDataError
