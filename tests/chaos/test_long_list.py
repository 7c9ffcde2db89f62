"""The long list of disasters, `tools/chaos.py`: it finds a batch that is not what it should be."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from chaos_processes import Marked
from chaos_scene import Scene

from dbatch.durable import PUBLICATION

TOOL = Path(__file__).resolve().parents[2] / "tools" / "chaos.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are known by what /proc says of them")


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The tool, with batches of a run each."""
    spec = importlib.util.spec_from_file_location("dbatch_chaos_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    path = list(sys.path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RUNS", 1)
    yield module
    del sys.modules[spec.name]
    sys.path[:] = path


def test_it_kills_the_driver_at_every_step_and_at_twenty_moments(chaos: ModuleType) -> None:
    names = [case.name for case in chaos.cases(7, quick=False)]

    assert all(any(f"killed at step {step}, " in name for name in names) for step in range(1, len(PUBLICATION) + 1))
    assert sum("of its work" in name for name in names) == 20
    assert len(set(names)) == len(names)
    assert names == [case.name for case in chaos.cases(7, quick=False)]
    assert names != [case.name for case in chaos.cases(8, quick=False)]


def test_results_that_differ_and_files_that_stay_are_found(
    chaos: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose_fills(batch: Scene) -> str:
        with monkeypatch.context() as patch:
            patch.setattr("dbatch.engine.fills.Fills.__len__", lambda fills: 0)
            batch.carried_out()
        (batch.processes.temp / "forgotten").touch()
        return "some fills lost"

    wrong = chaos.carry_out([chaos.Case("fills lost", lose_fills)], tmp_path)

    assert wrong == 1
    said = capsys.readouterr().out
    assert "fills lost: WRONG" in said
    assert "results differ from those of a serial batch" in said
    assert "tmp/forgotten was left behind" in said


def test_a_driver_that_was_not_killed_proves_nothing(chaos: ModuleType, tmp_path: Path) -> None:
    batch = Scene(tmp_path, 1, Marked(tmp_path), known="not looked at")

    said, faults = chaos.faults_of(chaos._killed_at("serial", 1, 99), batch)

    assert said == ""
    assert [fault.partition(":")[0] for fault in faults] == ["the driver ended with 0 rather than -9"]
