"""Starting costs next to nothing, and importing the package nothing at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pandas", "dask", "distributed", "numba", "pydantic", "pyarrow", "numpy")


def modules_after(code: str) -> set[str]:
    text = f"import sys\n{code}\nprint(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return set(finished.stdout.split())


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["convert-excel", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = f"""
from dbatch.cli import main
sys.argv = ["dbatch", *{command!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
    assert not modules_after(code) & set(HEAVY)


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import dbatch") & set(HEAVY)


def test_every_public_name_can_be_had() -> None:
    import dbatch

    assert dbatch.__all__ == sorted(dbatch.__all__)
    for name in dbatch.__all__:
        assert getattr(dbatch, name).__module__.startswith("dbatch")


def test_an_unknown_command_is_a_usage_error_with_a_suggestion() -> None:
    finished = subprocess.run([sys.executable, "-m", "dbatch", "rum"], capture_output=True, text=True, check=False)

    assert finished.returncode == 2
    assert "did you mean 'run'" in finished.stderr
