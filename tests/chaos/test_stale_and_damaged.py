"""Results that were accepted as stale and then damaged, or that failed: they are done again, with the code of now."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
from chaos_scene import IN_PLACE, Scene

from dbatch.batch.carry_out import carry_out
from dbatch.batch.stored import stored_batch
from dbatch.engine.control import Control
from dbatch.results.consolidate import read_results, result_digest


def stale(batch: Scene) -> list[bool]:
    return list(read_results(batch.out).column("stale").to_pylist())


def edit(batch: Scene, before: str, after: str) -> None:
    path = batch.folder / "napping.py"
    path.write_text(path.read_text().replace(before, after))


def damage_a_part(batch: Scene) -> None:
    part = min(batch.out.glob("parts/*/*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])


@pytest.fixture
def accepted(scene: Callable[[int], Scene]) -> Scene:
    """A batch of two runs whose results are of other code than there is now, and were accepted."""
    batch = scene(2)
    batch.carried_out(options=replace(IN_PLACE, unit_jobs=1))
    edit(batch, "% 7", "% 6")
    outcome = batch.resumed(replace(IN_PLACE, stale="accept"))
    assert (outcome.computed, stale(batch)) == (0, [True] * 4)
    return batch


def test_an_accepted_result_that_is_damaged_is_computed_with_the_code_of_now(accepted: Scene) -> None:
    damage_a_part(accepted)

    assert accepted.resumed().computed == 1
    assert sorted(stale(accepted)) == [False, True, True, True]


def test_accepted_results_stay_as_they_are(accepted: Scene) -> None:
    assert accepted.resumed().computed == 0
    assert stale(accepted) == [True] * 4


def test_an_accepted_failure_is_retried_with_the_code_of_now(scene: Callable[[int], Scene]) -> None:
    batch = scene(2)
    edit(batch, "(section,) =", "raise ValueError('not yet')\n    (section,) =")
    assert batch.carried_out().jobs == {"failed": 4}
    edit(batch, "raise ValueError('not yet')", "")
    options = replace(IN_PLACE, stale="accept")
    assert batch.resumed(options).jobs == {"failed": 4}

    outcome = carry_out(stored_batch(batch.out).plan(options), options, redo=("failed",))

    assert (outcome.jobs, outcome.computed) == ({"success": 4}, 4)
    assert result_digest(batch.out) == batch.digest


def test_a_call_that_is_stopped_before_it_mends_what_it_found_damaged_shows_it(scene: Callable[[int], Scene]) -> None:
    batch = scene(2)
    batch.carried_out(options=replace(IN_PLACE, unit_jobs=1))
    damage_a_part(batch)
    control = Control()
    control.drain(signal.SIGINT)

    outcome = carry_out(stored_batch(batch.out).plan(IN_PLACE), IN_PLACE, control=control)

    assert (outcome.exit_code, outcome.computed) == (130, 0)
    assert sorted(read_results(batch.out).column("status").to_pylist()) == ["cancelled", *["success"] * 3]
