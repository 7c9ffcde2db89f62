"""Whatever a driver is doing when it is killed, the next call makes the batch what it would have been."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chaos_moments import faults_of_moments
from chaos_scene import Scene


@pytest.mark.parametrize(
    ("before", "every"),
    [
        ("nothing", 5),
        ("an interrupted call", 7),
        pytest.param("an interrupted call", 1, marks=pytest.mark.slow),
        ("a finished one", 9),
    ],
)
def test_every_moment_of_a_call_can_be_its_last(scene: Callable[[int], Scene], before: str, every: int) -> None:
    found = list(faults_of_moments(scene(3), before, every))

    assert len(found) > 40 / every
    assert [(moment, faults) for moment, faults in found if faults] == []


@pytest.mark.slow
def test_files_that_are_taken_for_current_because_they_are_there_are_found_out(
    scene: Callable[[int], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbatch.batch.carry_out.is_consolidated", lambda folder, derived: (folder / "runs").exists())

    assert any(faults for _, faults in faults_of_moments(scene(3), "an interrupted call"))
