"""When two batch files ask for the same batch: then the second one goes on in the folder of the first."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbatch.config.batch_file import load_batch
from dbatch.config.identity import NOT_ITS_OWN

WRITTEN: dict[str, Any] = {
    "batch_name": "b",
    "description": "d",
    "output_root": "out",
    "run_tag": "t",
    "seed": 7,
    "max_workers": 4,
    "fail_fast": True,
    "timeout": "5m",
    "memory_limit": "2GiB",
    "base_args": {"strategy": "s", "data": "ticks", "size": 1, "levels": {"_low": 1, "high": 2}},
    "securities": ["A", "B"],
    "strategies": {"csv": "s.csv", "column": "strategy"},
    "grid": {"x": [1, 2], "y": ["a", "b"]},
    "sample": {"n": 3, "seed": 1},
    "random": {"n": 5, "seed": 1, "parameters": {"p": {"int": [1, 5]}, "q": {"choice": [1, 2]}}},
    "runs": [{"id": "one", "start_date": "2025-01-01", "tags": ["r"], "overrides": {"z": 1, "size": 2}}],
}
CHANGES: dict[str, Any] = {
    "run_tag": "u",
    "seed": 8,
    "timeout": "6m",
    "memory_limit": "1GiB",
    "base_args": {"strategy": "s", "data": "ticks", "size": 2, "levels": {"_low": 1, "high": 2}},
    "securities": ["A"],
    "strategies": ["v1"],
    "grid": {"x": [1, 2], "y": ["a", "c"]},
    "sample": {"n": 3, "seed": 2},
    "random": {"n": 6, "seed": 1, "parameters": {"p": {"int": [1, 5]}, "q": {"choice": [1, 2]}}},
    "runs": [{"id": "two", "start_date": "2025-01-01", "tags": ["r"], "overrides": {"z": 1, "size": 2}}],
}


def folder_of(place: Path) -> Path:
    """Make a folder with what the batch names."""
    (place / "ticks").mkdir(parents=True)
    (place / "s.csv").write_text("strategy\nv1\nv2\n")
    return place


@pytest.fixture
def hash_of(tmp_path: Path) -> Callable[..., str]:
    """Return the hash of a batch file with this mapping, or this text."""
    folder = folder_of(tmp_path / "home")

    def hash_of(written: dict[str, Any] | str, name: str = "b.yaml", place: Path = folder) -> str:
        (place / name).write_text(written if isinstance(written, str) else json.dumps(written))
        return load_batch(place / name).config_hash

    return hash_of


def reversed_mappings(value: Any, keep: tuple[str, ...] = ("grid",)) -> Any:
    """Return `value` with the keys of all its mappings in reverse, but for those called as in `keep`."""
    if isinstance(value, list):
        return [reversed_mappings(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: value[key] if key in keep else reversed_mappings(value[key]) for key in reversed(value)}


def test_the_order_of_keys_is_not_part_of_it(hash_of: Callable[..., str]) -> None:
    assert next(iter(reversed_mappings(WRITTEN))) == "runs"
    assert hash_of(reversed_mappings(WRITTEN)) == hash_of(WRITTEN)


def test_the_order_of_the_keys_of_a_grid_is_for_ids_and_numbers_of_runs_follow_it(hash_of: Callable[..., str]) -> None:
    assert hash_of(WRITTEN | {"grid": {"y": ["a", "b"], "x": [1, 2]}}) != hash_of(WRITTEN)


def test_comments_are_not_part_of_it(hash_of: Callable[..., str]) -> None:
    commented = copy.deepcopy(WRITTEN)
    of_runs = commented["runs"][0]
    for mapping in (
        commented, commented["base_args"], commented["strategies"], commented["grid"], commented["sample"],
        commented["random"], commented["random"]["parameters"], of_runs, of_runs["overrides"],
    ):  # fmt: skip
        mapping["_why"] = ["because"]
    assert hash_of(commented) == hash_of(WRITTEN)


def test_what_looks_like_a_comment_inside_of_a_value_is_part_of_it(hash_of: Callable[..., str]) -> None:
    changed = copy.deepcopy(WRITTEN)
    changed["base_args"]["levels"]["_low"] = 5
    assert hash_of(changed) != hash_of(WRITTEN)


def test_the_form_of_the_text_is_not_part_of_it(hash_of: Callable[..., str]) -> None:
    block = "# a comment\n" + yaml.safe_dump(WRITTEN, sort_keys=False, default_flow_style=False)
    assert hash_of(block) == hash_of(json.dumps(WRITTEN, indent="\t"), "b.json") == hash_of(WRITTEN)


def test_where_the_folder_lies_and_what_the_file_is_called_are_not_part_of_it(
    hash_of: Callable[..., str], tmp_path: Path
) -> None:
    elsewhere = folder_of(tmp_path / "else" / "where")
    assert hash_of(WRITTEN, "c.yml", elsewhere) == hash_of(WRITTEN)


def test_a_field_that_is_null_is_one_that_is_not_there(hash_of: Callable[..., str]) -> None:
    less = {key: value for key, value in WRITTEN.items() if key not in ("seed", "sample", "runs")}
    assert hash_of(less | {"seed": None, "sample": None, "runs": None}) == hash_of(less)


@pytest.mark.parametrize("field", sorted(WRITTEN.keys() - set(NOT_ITS_OWN)))
def test_a_field_that_runs_depend_on_is_part_of_it(hash_of: Callable[..., str], field: str) -> None:
    assert hash_of(WRITTEN | {field: CHANGES[field]}) != hash_of(WRITTEN)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("start_date",), "2025-01-02"),
        (("tags",), ["s"]),
        (("priority",), 3),
        (("timeout",), "5s"),
        (("overrides",), {"z": 1, "size": 3}),
        (("overrides",), {"z": 1}),
    ],
)
def test_each_field_of_a_written_run_is_part_of_it(
    hash_of: Callable[..., str], place: tuple[str], value: object
) -> None:
    runs = [WRITTEN["runs"][0] | {place[0]: value}]
    assert hash_of(WRITTEN | {"runs": runs}) != hash_of(WRITTEN)


def test_name_purpose_place_and_manner_are_not_part_of_it(hash_of: Callable[..., str]) -> None:
    others = {
        "batch_name": "c",
        "description": "other words",
        "output_root": "elsewhere",
        "max_workers": 1,
        "fail_fast": False,
    }
    assert tuple(others) == NOT_ITS_OWN
    for field, value in others.items():
        assert hash_of(WRITTEN | {field: value}) == hash_of(WRITTEN), field


def test_changes_of_a_command_are_part_of_it(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "home") / "b.json"
    path.write_text(json.dumps(WRITTEN))
    assert load_batch(path, changes={"seed": 9}).config_hash != load_batch(path).config_hash
