"""The compiled loops: what importing costs, that edits are seen, and that nowhere to keep them is no fault."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dbatch.metrics
from dbatch.metrics import compiled

FOLDER = Path(dbatch.metrics.__file__).parent


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("dbatch.metrics.names", {"numpy", "numba", "pandas"}),
        ("dbatch.metrics.job", {"numba", "pandas"}),
    ],
)
def test_importing_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not set(finished.stdout.split()) & heavy


@pytest.mark.parametrize("name", ["fill_passes.py", "passes.py", "ratios.py"])
def test_compiled_code_uses_nothing_of_another_module_that_an_edit_could_leave_behind(name: str) -> None:
    nodes = list(ast.walk(ast.parse((FOLDER / name).read_text(encoding="utf-8"))))

    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    chosen = {(node.module, alias.name) for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    of_ours = {name for module, name in chosen if str(module).startswith("dbatch")}
    assert plain <= {"math"}
    assert {module for module, _ in chosen} == {"__future__", "typing", "dbatch.metrics.compiled"}
    assert of_ours <= {"FLOAT", "FLOATS", "INTS", "NUMBERS", "ROOM", "ROWS", "compiled"}


def test_where_code_cannot_be_kept_it_is_compiled_for_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    real = compiled.njit

    def nowhere(*arguments: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            return lambda function: (_ for _ in ()).throw(RuntimeError("no locator available"))
        return real(*arguments, **options)

    monkeypatch.setattr(compiled, "njit", nowhere)

    @compiled.compiled(compiled.FLOATS)
    def first(values: Any) -> float:
        result: float = values[0]
        return result

    assert first(np.array([7.5])) == 7.5
