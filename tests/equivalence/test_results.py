"""What a folder holds: of ours, of the sequential reference, of a classic engine; and when it contradicts itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.batch import RunRequest, run
from dbatch.engine.execute import Execution
from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.compare import SecurityComparison, compare_results
from dbatch.equivalence.results import load_fills, read_results
from dbatch.errors import DataError, DataNotFoundError, OutputError
from dbatch.reference.loop import How, run_reference
from dbatch.results import export
from dbatch.results.ledger import open_ledger
from dbatch.results.part import PartRow, publish, read_fills
from dbatch.schema import FILL_COLUMNS

# Ours.


def test_a_run_holds_its_request_and_every_security_with_its_values_and_fills(good_run: Path) -> None:
    found = read_results(good_run)
    assert (found.kind, found.strategy, list(found.securities)) == ("run", "sound", ["AAA", "BBB", "CCC"])
    assert found.request is not None
    assert set(found.request["jobs"]) == {"AAA", "BBB", "CCC"}
    first = found.securities["AAA"]
    assert (first.status, first.values["trades"], first.values["position"], first.events) == ("success", 20, 0, 301)
    fills = load_fills(first)
    assert fills.column_names == list(FILL_COLUMNS)
    assert fills.column("fill_qty").to_pylist() == [60, 40] * 10
    assert first.find_damage() is None


def test_the_sequential_reference_of_the_same_request_holds_the_same(
    ask: Callable[..., RunRequest], good_run: Path, tmp_path: Path
) -> None:
    for name, how in (("whole", How()), ("turned", How(("CCC", "AAA", "BBB"), 7))):
        run_reference(ask("sound"), tmp_path / name, how, lambda: None, lambda: None)
        found = read_results(tmp_path / name)
        assert (found.kind, found.strategy, list(found.securities)) == ("reference", "sound", ["AAA", "BBB", "CCC"])
        assert found.securities["CCC"].events == 347
        assert compare_results(found, read_results(good_run)).holds


def test_a_security_that_was_not_run_is_cancelled(pair: tuple[Path, Path]) -> None:
    with open_ledger(pair[0]) as ledger:
        ledger._connection.execute("delete from receipts where security = 'BBB'")
        ledger._connection.commit()
    found = read_results(pair[0]).securities["BBB"]
    assert (found.status, found.error) == ("cancelled", "it was not run")


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="no such folder; give a folder of results"):
        read_results(tmp_path / "nowhere")
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataNotFoundError, match=r"holds no results: no backtest_summary\.csv"):
        read_results(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"request": {}}', '{"request": {"jobs": [], "strategy": 1}}'])
def test_a_manifest_that_cannot_be_read_is_named(pair: tuple[Path, Path], content: str) -> None:
    (pair[0] / "run_manifest.json").write_text(content)
    with pytest.raises(DataError, match="results cannot be read"):
        read_results(pair[0])


def test_a_ledger_that_cannot_be_read_is_named(pair: tuple[Path, Path]) -> None:
    (pair[0] / "ledger.sqlite").write_bytes(b"not a database, whatever it is called" * 99)
    with pytest.raises(OutputError, match="not a readable ledger"):
        read_results(pair[0])


# Damage: one file of a folder does not hold any more what the run computed.


def part_of(folder: Path) -> Path:
    return next(path for path in folder.glob("parts/*/*.parquet") if b"BBB" in path.read_bytes())


def edit(name: str, before: str, after: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after, 1))

    return change


def rewrite(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """Change the rows of BBB in `fills.parquet`."""

    def rewritten(folder: Path) -> None:
        path = folder / "fills.parquet"
        names = read_results(folder).securities
        tables = {name: pq.read_table(path, filters=[("security", "=", name)]) for name in names}
        if tables["BBB"].schema != change(tables["BBB"]).schema:
            tables = {name: change(table) for name, table in tables.items()}
        else:
            tables["BBB"] = change(tables["BBB"])
        pq.write_table(pa.concat_tables(tables.values()), path)

    return rewritten


def with_column(name: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, change(table.column(name)))


def negative_zeros(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([-0.0 if value == 0.0 else value for value in column.to_pylist()])


def double_line(folder: Path) -> None:
    path = folder / "backtest_summary.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[2].replace("BBB,22", "BBB,23")]))


def lengthen(folder: Path) -> None:
    part = part_of(folder)
    part.write_bytes(part.read_bytes() + b"!")


def recount(folder: Path) -> None:
    with open_ledger(folder) as ledger:
        old = next(receipt for receipt in ledger.receipts().values() if receipt.security == "BBB")
        recounted = dataclasses.replace(old, strategy_dates=1)
        (published,) = publish(folder, [PartRow(recounted, fills=read_fills(folder, old))])
        ledger.forget([old.key])
        ledger.commit(published)


TRADES, SUMMARY = "BBB_trades_timeseries.csv", "backtest_summary.csv"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "part gone": (lambda folder: part_of(folder).unlink(), "is missing or was changed since the run"),
    "part longer": (lengthen, "is missing or was changed since the run"),
    "trades gone": (lambda folder: (folder / TRADES).unlink(), f"{TRADES} is missing"),
    "a fill of the trades gone": (edit(TRADES, "10:00:27,buy", "10:00:28,buy"), f"{TRADES} does not hold"),
    "a side": (edit(TRADES, "sell", "buy"), f"{TRADES} does not hold"),
    "all fills gone": (lambda folder: (folder / "fills.parquet").unlink(), "fills.parquet is missing"),
    "one of all fills gone": (rewrite(lambda table: table.slice(1)), "fills.parquet does not hold"),
    "signs of zeros": (rewrite(with_column("realized_pnl", negative_zeros)), "fills.parquet does not hold"),
    "ints as floats": (rewrite(with_column("position", lambda c: c.cast(pa.float64()))), "fills.parquet does not hold"),
    "floats as ints": (
        rewrite(with_column("pnl", lambda c: c.cast(pa.int64(), safe=False))),
        "fills.parquet does not hold",
    ),
    "a column of all fills gone": (rewrite(lambda table: table.drop_columns(["pnl"])), "fills.parquet does not hold"),
    "no Parquet": (lambda folder: (folder / "fills.parquet").write_text("?"), "cannot be read"),
    "summary gone": (lambda folder: (folder / SUMMARY).unlink(), f"{SUMMARY} is missing"),
    "a count in the summary": (edit(SUMMARY, "BBB,22", "BBB,23"), f"{SUMMARY} does not hold"),
    "a name of the summary's columns": (edit(SUMMARY, "trades", "fills"), f"{SUMMARY} does not hold"),
    "two lines": (double_line, f"{SUMMARY} does not hold"),
    "the ledger": (recount, f"{SUMMARY} does not hold"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_contradicts_itself_differs_from_a_good_one(pair: tuple[Path, Path], damage: str) -> None:
    harm, reason = DAMAGE[damage]
    harm(pair[1])
    found = compare_results(*map(read_results, pair), tolerance=Tolerance(rtol=0.5))
    assert not found.holds
    bad = found.securities[1]
    assert (bad.security, bad.verdict) == ("BBB", "differs")
    assert bad.reason.startswith("right: ")
    assert reason in bad.reason
    assert "--rerun" in bad.reason


def test_fills_with_nan_are_no_damage(pair: tuple[Path, Path]) -> None:
    for folder in pair:
        with open_ledger(folder) as ledger:
            receipts = sorted(ledger.receipts().values(), key=lambda receipt: receipt.security)
            fills = read_fills(folder, receipts[0])
            fills = fills.set_column(6, "pnl", pa.array([math.nan] * len(fills)))
            (receipts[0],) = publish(folder, [PartRow(receipts[0], fills=fills)])
            ledger.forget([receipts[0].key])
            ledger.commit(receipts[0])
        export.export_trades(folder, "AAA", fills)
        export.export_fills(folder, ((receipt.security, read_fills(folder, receipt)) for receipt in receipts))
    found = compare_results(*map(read_results, pair))
    assert found.holds, found.securities[0].reason


# Folders of other engines.

HEADER = ",".join(FILL_COLUMNS)
TWO_FILLS = f"""{HEADER}
2025-04-14 10:00:00,buy,16.25,100,0.0,100,0.0
2025-04-14 10:00:05,sell,16.3,100,5.0,0,5.0
"""


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def compared(left: Path, right: Path, **options: object) -> dict[str, SecurityComparison]:
    found = compare_results(read_results(left), read_results(right), **options)
    return {item.security: item for item in found.securities}


def test_a_classic_folder_holds_what_its_texts_show(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        backtest_summary__csv="security,trades,realized_pnl,position,notes,error\n"
        "ADIB,2,5.0,0,fine,\nMODON,0,0,0,,\nPARKIN,,,,,ZeroDivisionError\nSALIK,7,1.5,0,,\n",
        adib_trades_timeseries__csv=TWO_FILLS,
    )
    found = read_results(folder)
    assert (found.kind, found.strategy, found.request) == ("classic", None, None)
    assert {name: item.status for name, item in found.securities.items()} == {
        "ADIB": "success",
        "MODON": "success",
        "PARKIN": "failed",
        "SALIK": "failed",
    }
    assert found.securities["ADIB"].values == {"trades": 2, "realized_pnl": 5.0, "position": 0}
    assert found.securities["PARKIN"].error == "ZeroDivisionError"
    assert found.securities["SALIK"].error == "the summary counts 7 trades, but there is no file"
    fills = load_fills(found.securities["ADIB"])
    assert [str(field.type) for field in fills.schema] == [
        "timestamp[ns]", "string", "double", "int64", "double", "int64", "double",
    ]  # fmt: skip
    assert len(load_fills(found.securities["MODON"])) == 0


def test_a_number_without_a_point_is_an_int_and_so_differs_from_a_float(tmp_path: Path) -> None:
    line = "security,trades,realized_pnl\nADIB,2,"
    left = write(tmp_path / "a", backtest_summary__csv=f"{line}5\n", ADIB__csv=TWO_FILLS)
    right = write(tmp_path / "b", backtest_summary__csv=f"{line}5.0\n", ADIB__csv=TWO_FILLS)
    assert compared(left, right)["ADIB"].reason == "summary, realized_pnl: 5 against 5.0"
    assert compared(left, right, tolerance=Tolerance(atol=1e-9))["ADIB"].verdict == "equal"


def test_any_csv_with_the_columns_of_fills_is_one_of_fills_others_are_not(tmp_path: Path) -> None:
    folder = write(tmp_path, SPINNEYS__csv=TWO_FILLS, prices__csv="timestamp,price\n2025-04-14,1.0\n", empty__csv="")
    assert list(read_results(folder).securities) == ["SPINNEYS"]


@pytest.mark.parametrize(
    ("before", "after", "column"),
    [
        ("16.25", "16.250000000000004", "fill_price"),
        ("16.25", "nan", "fill_price"),
        ("10:00:05", "10:00:05.000000001", "timestamp"),
        ("sell", "buy", "side"),
        (",0,5.0", ",0.0,5.0", "position"),
        (",0,5.0", ",0,-5.0", "pnl"),
        ("100,0.0,100,0.0", "100,-0.0,100,0.0", "realized_pnl"),
        ("2025-04-14 10:00:05", "half past ten", "timestamp"),
        (",5.0,0,", ",,0,", "realized_pnl"),
    ],
)
def test_every_change_of_a_text_is_seen(tmp_path: Path, before: str, after: str, column: str) -> None:
    left = write(tmp_path / "a", ADIB__csv=TWO_FILLS)
    right = write(tmp_path / "b", ADIB__csv=TWO_FILLS.replace(before, after))
    for found in (compared(left, right)["ADIB"], compared(right, left)["ADIB"]):
        assert found.verdict == "differs"
        assert found.difference is not None
        assert found.difference.column == column


def test_an_empty_cell_and_nan_are_one_in_a_text(tmp_path: Path) -> None:
    left = write(tmp_path / "a", ADIB__csv=TWO_FILLS.replace(",5.0,0,", ",,0,"))
    right = write(tmp_path / "b", ADIB__csv=TWO_FILLS.replace(",5.0,0,", ",NaN,0,"))
    assert compared(left, right)["ADIB"].verdict == "equal"


def test_a_file_of_a_header_alone_holds_no_fills(tmp_path: Path) -> None:
    left = write(tmp_path / "a", ADIB__csv=TWO_FILLS, MODON__csv=f"{HEADER}\n")
    right = write(tmp_path / "b", ADIB__csv=TWO_FILLS, MODON__csv=TWO_FILLS)
    assert {name: item.verdict for name, item in compared(left, left).items()} == {"ADIB": "equal", "MODON": "equal"}
    assert compared(left, right)["MODON"].reason == "fill 0, number of fills: 0 against 2 (2 of 2 fills differ)"


@pytest.mark.parametrize("text", [f"{HEADER},pnl\n", f"{HEADER}\n1,2\n"])
def test_a_file_of_fills_that_cannot_be_read_differs(tmp_path: Path, text: str) -> None:
    left = write(tmp_path / "a", ADIB__csv=TWO_FILLS)
    right = write(tmp_path / "b", ADIB_trades_timeseries__csv=text)
    assert compared(left, right)["ADIB"].verdict == "differs"


def test_a_file_without_one_of_the_columns_is_not_equal_to_itself(tmp_path: Path) -> None:
    folder = write(tmp_path, ADIB_trades_timeseries__csv="timestamp,side\n2025-04-14 10:00:00,buy\n")
    assert compared(folder, folder)["ADIB"].reason.startswith("fills, fill_price: absent against absent")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"ADIB__csv": TWO_FILLS, "adib_trades_timeseries__csv": TWO_FILLS}, "are of one security; take one away"),
        ({"backtest_summary__csv": "security,trades\nADIB,0\nadib,1\n"}, "has two lines of one security"),
        ({"backtest_summary__csv": "ticker,trades\nADIB,0\n"}, "it needs a column 'security'"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_results(write(tmp_path, **files))


def test_a_count_too_large_for_an_int_is_a_float(tmp_path: Path) -> None:
    folder = write(tmp_path, backtest_summary__csv=f"security,position\nADIB,{10**30}\n", ADIB__csv=TWO_FILLS)
    assert compared(folder, folder)["ADIB"].verdict == "equal"


def test_a_run_without_its_manifest_is_read_as_what_is_left_of_it(pair: tuple[Path, Path]) -> None:
    (pair[1] / "run_manifest.json").unlink()
    right = read_results(pair[1])
    found = compare_results(read_results(pair[0]), right)
    assert (right.kind, found.holds, found.counts) == ("classic", True, {"equal": 3})
    edit(TRADES, "buy,", "sell,")(pair[1])
    assert compare_results(*map(read_results, pair)).counts == {"equal": 2, "differs": 1}


def test_a_run_of_real_ticks_equals_the_published_fills(golden: Path, tmp_path: Path) -> None:
    request = RunRequest(
        "v1_baseline",
        str(golden / "ticks"),
        ["SPINNEYS"],
        config=str(golden / "configs" / "v1_baseline_config.json"),
        output_dir=str(tmp_path / "out"),
        execution=Execution(serial=True),
    )
    run(request)
    found = compared(tmp_path / "out", golden / "published" / "v1_baseline")
    assert (found["SPINNEYS"].verdict, found["SPINNEYS"].rows > 100) == ("equal", True)
    assert {found[name].reason for name in ("ADIB", "MODON", "PARKIN")} == {"absent on the left"}
