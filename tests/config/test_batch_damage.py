"""Whatever stands anywhere in a batch file: a batch with ids of its own comes out, or a ConfigError."""

import copy
from pathlib import Path

import pytest

from dbatch.config.asked import asked
from dbatch.config.batch_fields import read_batch
from dbatch.config.faults import Faults
from dbatch.errors import ConfigError

SOUND = {
    "batch_name": "b",
    "description": "d",
    "output_root": "out",
    "run_tag": "t",
    "seed": 7,
    "max_workers": 4,
    "fail_fast": True,
    "timeout": "5m",
    "memory_limit": "2GiB",
    "base_args": {"strategy": "v", "start_date": "2025-01-01", "max_sheets": 3, "only_trades": True, "size": 1},
    "securities": "A, B",
    "grid": {"x": [1, 2], "strategy": ["a", "b"], "y": "1..5", "end_date": ["2025-01-02", None]},
    "sample": {"n": 3, "seed": 1},
    "random": {"n": 5, "seed": 1, "parameters": {"q": {"int": [1, 5]}, "end_date": {"choice": ["2025-03-01"]}}},
    "runs": [
        {"id": "a", "strategy": "s", "overrides": {"z": 1}, "tags": ["r"], "priority": 1, "timeout": "60s"},
        {"id": "b"},
    ],
}
DAMAGE = [
    None, True, 0, -1, 1.5, float("inf"), 10**400, "", "x", "\x1b[2J", "\x00", "..", "1..5:0", "con", "2025-02-30",
    "a,b,", "s3://x", "é" * 300,
    [], [[]], [None], ["a", "A"], [1, "1"], {}, {"a": 1}, {"csv": 5}, {"csv": "/"}, {"": 1},
]  # fmt: skip


def places(value, place=()):
    """Yield the places of all values inside, as keys and positions."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in entries:
        yield (*place, step)
        yield from places(inner, (*place, step))


@pytest.mark.parametrize("place", list(places(SOUND)), ids=str)
def test_damage_at_one_place_gives_a_batch_or_a_fault(place, tmp_path: Path):
    for damage in DAMAGE:
        mapping = copy.deepcopy(SOUND)
        around = mapping
        for step in place[:-1]:
            around = around[step]
        around[place[-1]] = damage
        faults = Faults()
        batch = read_batch(mapping, tmp_path, faults)
        assert list(asked(mapping, tmp_path))
        if not faults:
            assert len({run.id.casefold() for run in batch.runs}) == len(batch.runs)
            continue
        with pytest.raises(ConfigError) as caught:
            faults.raise_all("b.yaml")
        assert all(fault.isprintable() for fault in caught.value.faults)


def test_the_sound_file_is_sound(tmp_path):
    faults = Faults()
    batch = read_batch(SOUND, tmp_path, faults)
    assert (len(faults), len(batch.runs)) == (0, 2 + 3 + 5)
