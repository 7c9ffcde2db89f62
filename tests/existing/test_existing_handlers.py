"""Handlers that people already have are found and run unchanged, and their fills are those of the built-in strategies.

`handlers/` holds the three published market makers once more, as classes in plain Python: relative imports, names of
factories that are not the folders', some folders with `__init__.py` and some without; the handlers are a closure, a
partial and an object.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.fills import fill_table
from dbatch.engine.job import JobResult, run_job
from dbatch.plugins.discovery import list_strategies, resolve
from dbatch.plugins.loading import load_module, make_handler

V1, V2, V2_1 = "v1_baseline", "v2_price_follow_qty_cooldown", "v2_1_stop_loss"
STRATEGIES = (V1, V2, V2_1)
WHOLE = 10**9

# Limits so small that each is reached: position, notional, cooldown, liquidity, and the stop where there is one.
TIGHT = {
    "quote_size": 3_000,
    "quote_size_bid": 2_000,
    "refill_interval_sec": 5,
    "max_position": 9_000,
    "max_notional": 50_000,
    "min_local_currency_before_quote": 1_000,
}
SECTIONS = {
    "defaults": {V1: {}, V2: {}, V2_1: {}},
    "tight": {V1: TIGHT, V2: TIGHT, V2_1: {**TIGHT, "stop_loss_threshold_pct": 0.1}},
}


def sample_events(security: str, rows: int = WHOLE) -> list[EventBlock]:
    return list(read_events(open_market(sample_path()).select([security]).securities[0], rows))


def result(
    strategy: str,
    paths: Iterable[Path],
    section: Mapping[str, Any],
    blocks: Iterable[EventBlock],
    security: str = "ALFA",
) -> JobResult:
    """Return what the strategy of that name does: the one in `paths`, the built-in one where there are none."""
    handler = make_handler(resolve(strategy, [str(path) for path in paths]).ref, {security: section})
    return run_job(handler, security, section, blocks)


def assert_same(found: JobResult, expected: JobResult) -> None:
    """Compare every fill, column by column and then bit by bit, and what else is known of the job."""
    tables = [fill_table(each.fills).to_pandas() for each in (found, expected)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert found.fills.digest() == expected.fills.digest()
    facts = [
        (each.position, each.realized_pnl, each.market_dates, each.rows, each.rows_skipped)
        for each in (found, expected)
    ]
    assert facts[0] == facts[1]


def copied(handlers: Path, target: Path) -> Path:
    return shutil.copytree(handlers, target, ignore=shutil.ignore_patterns("__pycache__"))


def replace_in(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_package_does_not_know_dbatch(handlers: Path) -> None:
    files = list(handlers.rglob("*.py"))
    assert len(files) > 10
    assert not [file for file in files if "dbatch" in file.read_text()]


def test_the_folder_lists_its_strategies_and_none_of_its_other_files(handlers: Path) -> None:
    listings = list_strategies([str(handlers)], entry_points=[])
    assert [(listing.name, listing.fault) for listing in listings] == [(name, None) for name in sorted(STRATEGIES)]


@pytest.mark.parametrize(
    ("strategy", "factory"),
    [(V1, "create_v1_handler"), (V2, "create_v2_price_follow_qty_cooldown_handler"), (V2_1, "create_handler")],
)
def test_a_strategy_has_its_folders_name_whatever_its_factory_is_called(
    handlers: Path, strategy: str, factory: str
) -> None:
    found = resolve(strategy, [str(handlers)])
    assert (found.ref.name, found.ref.factory) == (strategy, factory)
    assert (found.ref.root, found.ref.module) == (str(handlers), f"handlers.{strategy}.handler")


@pytest.mark.parametrize(
    ("strategy", "name"), [(V1, "V1Baseline"), (V2, "V2PriceFollowQtyCooldown"), (V2_1, "V21StopLoss")]
)
def test_its_defaults_are_those_of_the_built_in_strategy(handlers: Path, strategy: str, name: str) -> None:
    found = vars(load_module(resolve(strategy, [str(handlers)]).ref))[name].default_config
    built_in = make_handler(resolve(strategy).ref, {}).parameters._field_defaults
    assert {"quote_size_bid": None, "quote_size_ask": None, **found} == built_in


@pytest.mark.parametrize("security", ["ALFA", "GAMA", "VETA"])
@pytest.mark.parametrize("parameters", SECTIONS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_its_fills_on_the_sample_are_the_built_in_strategys(
    handlers: Path, strategy: str, parameters: str, security: str
) -> None:
    section, events = SECTIONS[parameters][strategy], sample_events(security)
    found = result(strategy, [handlers], section, events, security)
    assert len(found.fills) > 300
    assert_same(found, result(strategy, [], section, events, security))


def test_the_tight_parameters_trigger_the_stop(handlers: Path) -> None:
    events = sample_events("ALFA")
    fills = [len(result(name, [handlers], SECTIONS["tight"][name], events).fills) for name in (V2, V2_1)]
    assert fills[0] < fills[1]


@pytest.mark.parametrize("rows", [1_000, WHOLE])
@pytest.mark.parametrize("variant", [*STRATEGIES, f"{V2}@refill_interval_sec=5"])
def test_its_fills_on_real_ticks_are_the_published_ones(handlers: Path, golden: Path, variant: str, rows: int) -> None:
    strategy, _, override = variant.partition("@")
    config = json.loads((golden / "configs" / f"{strategy}_config.json").read_text())
    section = {**config["SPINNEYS"], **({"refill_interval_sec": 5} if override else {})}
    security = open_market(str(golden / "ticks")).select(["SPINNEYS"]).securities[0]

    found = result(strategy, [handlers], section, read_events(security, rows), "SPINNEYS")

    published = pd.read_csv(golden / "published" / variant / "SPINNEYS.csv", parse_dates=["timestamp"])
    published = published.astype({"timestamp": "datetime64[ns]", "side": "str"})
    pd.testing.assert_frame_equal(fill_table(found.fills).to_pandas(), published, check_exact=True)
    assert_same(found, result(strategy, [], section, read_events(security, rows), "SPINNEYS"))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("common/sessions.py", "STOP_QUOTING = time(14, 45, 0)", "STOP_QUOTING = time(14, 44, 0)"),
        ("common/base.py", "price >= ctx.ask.live_price", "price > ctx.ask.live_price"),
        ("common/pnl.py", "(self.entry_price * short + price * remaining) / (short + remaining)", "price"),
    ],
)
def test_an_edited_rule_gives_other_fills(handlers: Path, tmp_path: Path, file: str, old: str, new: str) -> None:
    edited, events = copied(handlers, tmp_path / "handlers"), sample_events("ALFA")
    replace_in(edited / file, old, new)
    with pytest.raises(AssertionError):
        assert_same(result(V2, [edited], TIGHT, events), result(V2, [], TIGHT, events))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_packages_with_the_same_module_names_do_not_mix(handlers: Path, tmp_path: Path, strategy: str) -> None:
    edited, events = copied(handlers, tmp_path / "handlers"), sample_events("ALFA", 500)[:4]
    replace_in(edited / "common/base.py", '"max_position": 2000000', '"max_position": 200')
    refs = [resolve(strategy, [str(folder)]).ref for folder in (handlers, edited, handlers, edited)]
    made = [make_handler(ref, {}) for ref in refs]  # all are there before the first one runs

    first, second, *again = [run_job(handler, "ALFA", {}, events) for handler in made]

    assert first.fills.digest() != second.fills.digest()
    assert_same(first, result(strategy, [], {}, events))
    assert_same(second, result(strategy, [], {"max_position": 200}, events))
    for each, before in zip(again, (first, second), strict=True):
        assert_same(each, before)


@pytest.mark.parametrize("below", ["", "src", "src/strategies", f"src/strategies/{V1}"])
def test_it_runs_when_it_imports_absolutely_from_its_projects_root(handlers: Path, tmp_path: Path, below: str) -> None:
    strategies = copied(handlers, tmp_path / "project" / "src" / "strategies")
    (strategies.parent / "__init__.py").touch()
    for file in [*strategies.glob("v*/*.py"), *strategies.glob("common/*.py")]:
        text = file.read_text().replace("from ..", "from src.strategies.")
        file.write_text(text.replace("from .", f"from src.strategies.{file.parent.name}."))
    events = sample_events("ALFA", 2_000)[:1]
    found = result(V1, [tmp_path / "project" / below], TIGHT, events)
    assert_same(found, result(V1, [], TIGHT, events))
