"""Whatever a driver is doing when it is killed, the next call makes the batch what it would have been."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest


@pytest.mark.parametrize(("before", "every"), [("nothing", 3), ("an interrupted call", 1), ("a finished one", 9)])
def test_every_moment_of_a_call_can_be_its_last(
    scene: Callable[[int], Any], moments: Any, monkeypatch: pytest.MonkeyPatch, before: str, every: int
) -> None:
    batch = scene(3)
    options = replace(batch.in_place, unit_jobs=2)
    if before == "an interrupted call":
        batch.interrupted(options)
    if before == "a finished one":
        batch.carried_out()
        options = replace(options, rerun=True)
    watched = moments(batch.out, batch.folder / "copies")
    with watched.watched(monkeypatch.setattr):
        batch.carried_out(options=options)
    monkeypatch.undo()

    assert len(watched.taken) > 40
    for what, copy in watched.taken[::every]:
        shutil.rmtree(batch.out)
        copy.rename(batch.out)
        batch.went_on()
        assert (what, batch.faults()) == (what, [])
