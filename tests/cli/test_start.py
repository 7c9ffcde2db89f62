"""Starting costs next to nothing, and importing the package nothing at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pandas", "dask", "distributed", "numba", "pydantic", "pyarrow", "numpy")


def modules_after(code: str) -> set[str]:
    text = f"import sys\n{code}\nprint(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return set(finished.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (["--help"], HEAVY),
        (["--version"], HEAVY),
        (["run", "--help"], set(HEAVY) - {"pydantic"}),  # typer itself looks at options through it
        (["convert-excel", "--help"], set(HEAVY) - {"pydantic"}),
    ],
)
def test_help_imports_nothing_heavy(command: list[str], heavy: set[str]) -> None:
    code = f"""
from dbatch.cli import main
sys.argv = ["dbatch", *{command!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
    assert not modules_after(code) & set(heavy)


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import dbatch") & set(HEAVY)


def test_every_public_name_can_be_had() -> None:
    import dbatch

    assert dbatch.__all__ == sorted(dbatch.__all__)
    for name in dbatch.__all__:
        assert getattr(dbatch, name) is not None


def test_an_unknown_command_is_a_usage_error_with_a_suggestion() -> None:
    finished = subprocess.run([sys.executable, "-m", "dbatch", "rum"], capture_output=True, text=True, check=False)

    assert finished.returncode == 2
    assert "did you mean 'rm' or 'run'?" in finished.stderr


def test_a_run_does_not_import_dask_dataframe(tmp_path: Path) -> None:
    code = f"""
from dbatch.cli import main
sys.argv = ["dbatch", "run", "--strategy", "v1_baseline", "--no-dashboard", "--output-dir", {str(tmp_path)!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
    assert "dask.dataframe" not in modules_after(code)
