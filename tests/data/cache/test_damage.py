"""What happens to what is stored changes no result."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stored_events import COLUMNS, ROWS, SEGMENT, another_process, bytes_of, damage, entries, given, no_source

from dbatch.data import cache, cache_columns
from dbatch.data.faults import Faults
from dbatch.data.read import fingerprint
from dbatch.model import Security, Window


@pytest.mark.parametrize("offset", [0, -1])
@pytest.mark.parametrize("name", [*COLUMNS, "facts.json"])
def test_a_changed_bit_changes_no_result_and_is_stored_anew(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch, name: str, offset: int
) -> None:
    expected = given(security)
    (stored,) = entries(place)
    damage(stored / name, offset)
    another_process()
    assert given(security) == expected
    given(security)  # where a part of the damaged events was given out, the next job stores them
    another_process()
    no_source(monkeypatch)
    assert given(security) == expected


def test_a_changed_bit_would_be_seen_without_the_checksums(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = given(security)
    (stored,) = entries(place)
    damage(stored / "prices", -1)
    another_process()
    monkeypatch.setattr(cache_columns.Columns, "_check", lambda *arguments: None)
    assert given(security) != expected


def test_events_before_the_damage_are_given_out_once(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_MAPPED_ROWS", 1)  # blocks of 100, as asked for
    for window in (Window(), Window(20_001, 20_003)):
        expected = given(security, window)
        (stored,) = entries(place)
        damage(stored / "volumes", 8 * 3 * SEGMENT)  # of the last segment
        another_process()
        assert given(security, window) == expected
        assert entries(place) == []
        given(security)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("ruin", [lambda path: os.truncate(path, 999), os.remove], ids=["cut off", "removed"])
def test_files_that_are_cut_off_or_gone_are_stored_anew(
    security: Security, place: Path, name: str, ruin: Callable[[Path], None]
) -> None:
    expected = given(security)
    (stored,) = entries(place)
    ruin(stored / name)
    another_process()
    assert given(security) == expected
    assert (stored / name).stat().st_size == ROWS * (1 if name == "kinds" else 8)


def test_an_entry_without_its_facts_is_stored_anew(security: Security, place: Path) -> None:
    expected = given(security)
    (stored,) = entries(place)
    (stored / "facts.json").unlink()
    another_process()
    assert given(security) == expected
    assert (stored / "facts.json").exists()


def test_zeros_exchanged_words_and_bits_of_many_words_are_seen() -> None:
    column = np.arange(1, SEGMENT + 1)
    exchanged = column.copy()
    exchanged[[3, 40]] = column[[40, 3]]
    pieces = [np.zeros_like(column), exchanged, column[::-1].copy()]
    for bit in range(64):
        for rows in ([3, 40], [0, 1, 2, 3], range(SEGMENT)):
            flipped = column.view(np.uint64).copy()
            flipped[rows] ^= np.uint64(1 << bit)
            pieces.append(flipped)
    assert cache_columns._checksum(column) not in {cache_columns._checksum(piece) for piece in pieces}


@pytest.mark.parametrize("length", [1, 7, 8, 9, 255])
def test_every_byte_counts(length: int) -> None:
    column = np.zeros(length, np.int8)
    for place in range(length):
        changed = column.copy()
        changed[place] = 1
        assert cache_columns._checksum(changed) != cache_columns._checksum(column)


def test_what_was_removed_while_it_is_mapped_goes_on(security: Security, place: Path) -> None:
    expected = given(security)
    blocks = cache.cached_events(security, fingerprint(security.source), 100, Window(), Faults(), keep=False)
    first = next(blocks)
    shutil.rmtree(place)
    assert bytes_of([first, *blocks]) == expected.events
