"""A scan's numbers are those of a sweep, and nothing is left of it but its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dbatch
from dbatch.batch.notebook import checked_batch, sweep_document
from dbatch.batch.scanning import Scan, scan
from dbatch.data.bar_write import write_bars
from dbatch.data.sample import sample_path
from dbatch.errors import ConfigError, UsageError
from dbatch.results.facts import FACT_KINDS
from dbatch.results.objective import objective_of
from dbatch.testing.bar_contract import synthetic_bars

SAMPLE = str(sample_path())
NOT_IN_RESULTS = {"digest", "first_day", "last_day", "runtime_sec", "peak_rss_mb", "words", "capital"}
NUMBERS = [name for name in FACT_KINDS if name not in NOT_IN_RESULTS]


def scanned(strategy: str, grid: dict[str, Any], workers: int = 2, **base: Any) -> Scan:
    return scan(*checked_batch(sweep_document(strategy, grid, base, None)), workers)


@pytest.fixture
def bars(tmp_path: Path) -> str:
    """900 hours of a made-up market."""
    write_bars(synthetic_bars(), tmp_path / "made.parquet", {"security": "MADE"})
    return str(tmp_path / "made.parquet")


@pytest.mark.parametrize("over", ["ticks", "bars"])
def test_every_number_is_that_of_a_sweep_whatever_the_workers(
    over: str, bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    strategy, data, grid = {
        "ticks": ("v1_baseline", SAMPLE, {"quote_size": [100, 600], "refill_interval_sec": "5..60:5"}),
        "bars": ("sma_cross", bars, {"fast": "2..9", "slow": [12, 30, 700]}),
    }[over]
    swept = dbatch.sweep(strategy, grid, data=data, serial=True).results()

    tables = [scanned(strategy, grid, workers, data=data).table for workers in (1, 3)]

    assert tables[0].equals(tables[1])
    found = tables[0].to_pandas()
    assert found[["run", "security", "status"]].equals(swept[["run", "security", "status"]])
    varying = [name for name in swept if name.startswith("param.")]
    assert found[varying].equals(swept[varying])
    for name in NUMBERS:
        one, other = found[name].astype(str).tolist(), swept[name].astype(str).tolist()
        assert one == other, name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.parquet", "output"]  # of the sweep


def test_nothing_is_written(bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    frame = dbatch.scan("sma_cross", {"fast": [2, 3], "slow": [12]}, data=bars)

    assert len(frame) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["made.parquet"]


def test_of_equal_rows_the_first_is_best_and_rows_without_a_value_are_left_out(bars: str) -> None:
    grid = {"slow": [950, 12, 30], "commission_max_pct": [50.0, 60.0]}  # 950 of 900 bars: no fills; no fee to cap
    found = scanned("sma_cross", {"fast": [5], **grid}, data=bars)

    best = found.best(objective_of("profit_factor")).to_pylist()

    assert [row["param.commission_max_pct"] for row in best] == [50.0, 60.0, 50.0, 60.0]
    assert best[0]["param.slow"] == best[1]["param.slow"] != best[2]["param.slow"]


def test_what_cannot_be_computed_is_a_row_with_its_cause(tmp_path: Path) -> None:
    write_bars(_first(50), tmp_path / "few.parquet", {"security": "FEW"})

    found = scanned("bigbar", {"atr_period": [10, 20]}, data=str(tmp_path / "few.parquet")).table

    assert found.column("status").to_pylist() == ["skipped", "skipped"]
    assert all("needs more than 99 bars to warm up" in error for error in found.column("error").to_pylist())
    assert found.column("sharpe").null_count == 2


def _first(count: int) -> Any:
    from dbatch.data.bars import bar_block

    return bar_block(*(column[:count] for column in tuple(synthetic_bars())))


def test_a_plain_handler_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("def create_plain_handler(config):\n    return lambda *given: {}\n")

    with pytest.raises(UsageError, match=r"strategy 'plain' is plain Python.*use 'dbatch sweep'"):
        scanned("plain", {"size": [1, 2]}, data=SAMPLE, strategy_path=[str(tmp_path / "plain.py")])


def test_faults_of_parameters_are_told_as_a_sweep_tells_them(bars: str) -> None:
    with pytest.raises(ConfigError, match=r"grid\.fast\[1\]: must be int >= 1, is -3"):
        scanned("sma_cross", {"fast": [2, -3], "slow": [12]}, data=bars)


def test_a_metric_that_only_runs_have_is_refused(bars: str) -> None:
    found = scanned("sma_cross", {"fast": [2], "slow": [12, 13]}, data=bars)

    with pytest.raises(UsageError, match="--objective avg_trade_return: a scan does not compute it"):
        found.best(objective_of("avg_trade_return"))
