"""`dbatch compare`: its verdict and exit code, what it shows, and its JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.batch import RunRequest, run
from dbatch.cli import main
from dbatch.engine.execute import Execution

Command = Callable[..., tuple[int, str, str]]

FILLS = """timestamp,side,fill_price,fill_qty,realized_pnl,position,pnl
2025-04-14 10:00:00,buy,16.25,100,0.0,100,0.0
2025-04-14 10:00:05,sell,16.3,100,5.0,0,5.0
"""


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process; returns its exit code, what went to stdout and what to stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dbatch", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, said.out, said.err

    return command


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same fills of ADIB and MODON."""
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for security in ("ADIB", "MODON"):
            (tmp_path / side / f"{security}_trades_timeseries.csv").write_text(FILLS)
    return tmp_path / "a", tmp_path / "b"


def change(folder: Path, before: str, after: str) -> None:
    path = folder / "MODON_trades_timeseries.csv"
    path.write_text(path.read_text().replace(before, after))


def strict(text: str) -> Any:
    """Return a JSON document; NaN and Infinity, which Python would read, are no JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_equal_folders_end_with_0(compare: Command, sides: tuple[Path, Path]) -> None:
    code, out, err = compare(*sides)
    assert code == 0
    assert out.splitlines()[-1] == "EQUAL: 4 fills"
    assert out.count("equal") == 2
    assert err == f"left   {sides[0]}\nright  {sides[1]}\n"


def test_different_folders_end_with_3_and_show_the_first_difference(compare: Command, sides: tuple[Path, Path]) -> None:
    change(sides[1], "16.3,", "16.31,")
    code, out, _ = compare(*sides)
    assert code == 3
    assert out.splitlines()[-1] == "NOT EQUAL: 1 differs of 2"
    assert "MODON: first difference at fill 1, fill_price: 16.3 against 16.31" in out
    assert "    left         0  2025-04-14 10:00:00  buy  16.25  100  0.0  100  0.0" in out
    assert "  > left         1  2025-04-14 10:00:05  sell  16.3  100  5.0  0  5.0" in out
    assert "  > right        1  2025-04-14 10:00:05  sell  16.31  100  5.0  0  5.0" in out


def test_a_fill_that_one_side_lacks_is_shown_as_such(compare: Command, sides: tuple[Path, Path]) -> None:
    change(sides[0], FILLS.splitlines()[2], "")
    _, out, _ = compare(*sides)
    assert "  > left         1  no such fill" in out


def test_only_changed_leaves_out_what_is_equal(compare: Command, sides: tuple[Path, Path]) -> None:
    change(sides[1], "buy", "sell")
    for options in ([], ["--only-changed"]):
        _, out, _ = compare(*sides, *options)
        assert ("ADIB" in out) is (not options)
        assert "MODON" in out
        document = strict(compare(*sides, "--json", *options)[1])
        assert [item["security"] for item in document["securities"]][-1] == "MODON"
        assert len(document["securities"]) == 2 - len(options)


def test_tolerances_and_on_limit_what_counts(compare: Command, sides: tuple[Path, Path]) -> None:
    change(sides[1], "16.3,", "16.300001,")
    assert compare(*sides, "--rtol", "1e-6")[0] == 0
    assert compare(*sides, "--atol", "1e-5")[0] == 0
    assert compare(*sides, "--rtol", "1e-9")[0] == 3
    assert compare(*sides, "--on", "side,pnl", "--on", "position")[0] == 0
    assert compare(*sides, "--on", "fill_price")[0] == 3
    code, out, _ = compare(*sides, "--on", "metrics")
    assert (code, out.splitlines()[-1]) == (3, "NOT EQUAL: 2 absent of 2")


def test_the_document_is_complete_and_strict_json(compare: Command, sides: tuple[Path, Path]) -> None:
    change(sides[0], "16.3,", "nan,")
    change(sides[1], "16.3,", "inf,")
    code, out, _ = compare(*sides, "--json", "--rtol", "0.5")
    document = strict(out)
    assert code == 3
    facts = {key: document[key] for key in document if key not in ("securities", "columns")}
    assert facts == {
        "schema": "dbatch.compare/1",
        "asked_differently": None,
        "left": str(sides[0]),
        "right": str(sides[1]),
        "holds": False,
        "reason": "1 differs of 2",
        "rows": 4,
        "rtol": 0.5,
        "atol": 0.0,
        "counts": {"equal": 1, "differs": 1},
        "side_by_side": [],
    }
    assert document["columns"]["fills"][0] == "timestamp"
    assert document["columns"]["summary"][-1] == "fees"
    adib, modon = document["securities"]
    assert (adib["verdict"], adib["rows"], adib["difference"]) == ("equal", 2, None)
    assert adib["digests"][0] == adib["digests"][1] != modon["digests"][0]
    difference = modon["difference"]
    assert {key: difference[key] for key in ("table", "column", "row", "left", "right")} == {
        "table": "fills",
        "column": "fill_price",
        "row": 1,
        "left": "nan",
        "right": "inf",
    }
    assert difference["left_rows"][0] == {
        "row": 0,
        "timestamp": "2025-04-14 10:00:00",
        "side": "buy",
        "fill_price": 16.25,
        "fill_qty": 100,
        "realized_pnl": 0.0,
        "position": 100,
        "pnl": 0.0,
    }


def results(ticks: Path, strategies: Path, name: str, strategy: str, **overrides: object) -> Path:
    folder = ticks.parent / name
    run(
        RunRequest(
            strategy,
            str(ticks),
            strategy_paths=(str(strategies),),
            overrides=overrides,
            output_dir=str(folder),
            execution=Execution(serial=True),
        )
    )
    return folder


def test_two_strategies_are_shown_side_by_side(compare: Command, ticks: Path, strategies: Path) -> None:
    left = results(ticks, strategies, "left", "v1_baseline")
    right = results(ticks, strategies, "right", "raising")  # on BBB
    code, out, err = compare(left, right)
    assert code == 3
    assert "note: they were asked differently: strategies v1_baseline and raising\n" in err
    lines = {line.split()[0]: line.split() for line in out[out.index("drawdown right") :].splitlines()[1:] if line}
    assert list(lines) == ["AAA", "BBB", "CCC", "total", "NOT"]
    assert lines["BBB"][2::2] == ["-"] * 4
    document = strict(compare(left, right, "--json")[1])
    assert document["asked_differently"] == "strategies v1_baseline and raising"
    aaa, bbb, ccc, total = document["side_by_side"]
    assert (bbb["right"], total["security"]) == (None, "total")
    assert total["right"]["trades"] == aaa["right"]["trades"] + ccc["right"]["trades"]
    assert aaa["right"]["win_rate"] is None
    assert lines["AAA"][1:3] == [f"{aaa['left']['trades']:,}", f"{aaa['right']['trades']:,}"]
    next(right.glob("parts/*/*.parquet")).unlink()
    code, out, _ = compare(left, right)
    assert (code, "is missing or was changed since the run" in out) == (3, True)


def test_a_run_with_other_parameters_but_the_same_fills_is_equal_with_a_note(
    compare: Command, ticks: Path, strategies: Path
) -> None:
    left = results(ticks, strategies, "left", "counting")
    right = results(ticks, strategies, "right", "counting", **{"BBB.size": 2})
    code, out, err = compare(left, right)
    assert (code, out.splitlines()[-1].split(":")[0]) == (0, "EQUAL")
    assert "note: they were asked differently: data or parameters of BBB\n" in err
    assert "max_drawdown" not in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--on", "prices"], "error: --on prices: must be one of fills, summary, metrics, timestamp"),
        (["--rtol", "inf"], "error: --rtol inf: must be a finite number, 0 or more"),
        (["--atol", "-1"], "Invalid value for '--atol'"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(
    compare: Command, sides: tuple[Path, Path], options: list[str], said: str
) -> None:
    code, out, err = compare(*sides, *options)
    assert (code, out) == (2, "")
    assert said in err


def test_a_folder_that_holds_nothing_ends_with_2(compare: Command, sides: tuple[Path, Path], tmp_path: Path) -> None:
    assert compare(sides[0], tmp_path / "c")[0] == 2
    (tmp_path / "c").mkdir()
    code, _, err = compare(tmp_path / "c", sides[0])
    assert (code, err.startswith(f"error: {tmp_path / 'c'}: holds no results")) == (2, True)
    (tmp_path / "c" / "run_manifest.json").write_text("{")
    assert compare(tmp_path / "c", sides[0])[0] == 2
