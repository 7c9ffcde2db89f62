"""Starting costs next to nothing, and importing the package nothing at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pandas", "dask", "distributed", "numba", "pydantic", "pyarrow", "numpy")


def modules_after(code: str, ask: str = "*sys.modules") -> set[str]:
    text = f"import sys\n{code}\nprint({ask})"
    finished = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
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
    assert not after_command(*command) & set(heavy)


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


def after_command(*arguments: str, ask: str = "*sys.modules") -> set[str]:
    code = f"""
from dbatch.cli import main
sys.argv = ["dbatch", *{arguments!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
    return modules_after(code, ask)


NOT_NEEDED = {"pandas", "dask.dataframe", "dask.array", "scipy.linalg", "bokeh"}
"""What takes a tenth of a second to import or more, and compiled strategies over ticks can do without."""


def test_a_run_of_a_compiled_strategy_imports_nothing_it_does_not_need(tmp_path: Path) -> None:
    modules = after_command("run", "--strategy", "v1_baseline", "--no-dashboard", "--output-dir", str(tmp_path))

    assert {"distributed", "numba", "pyarrow"} <= modules
    assert not modules & NOT_NEEDED


def test_a_batch_of_a_compiled_strategy_imports_nothing_it_does_not_need(tmp_path: Path) -> None:
    file = tmp_path / "batch.json"
    named = {"batch_name": "two", "description": "two runs", "base_args": {"strategy": "v1_baseline"}}
    file.write_text(json.dumps({**named, "grid": {"quote_size": [10_000, 20_000]}}))
    root = ["--output-root", str(tmp_path), "--no-dashboard", "--no-progress"]
    modules = after_command("batch", str(file), "--workers", "2", *root)

    assert (tmp_path / "two" / "results.parquet").exists()
    assert {"distributed", "numba", "pyarrow"} <= modules
    assert not modules & NOT_NEEDED


def test_a_strategy_in_python_does_need_pandas(tmp_path: Path) -> None:
    path = tmp_path / "idle.py"
    path.write_text(
        "def create_idle_handler(config):\n    return lambda security, chunk, orderbook, state: state or {}\n"
    )

    chosen = ["--strategy", "idle", "--strategy-path", str(path), "--output-dir", str(tmp_path / "out")]
    assert "pandas" in after_command("run", "--serial", *chosen)


def test_a_process_that_ends_leaves_its_modules_as_they_are() -> None:
    assert after_command("--version", ask="*(['frozen'] if __import__('gc').get_freeze_count() > 10_000 else [])") == {
        "frozen"
    }


def test_a_command_that_asks_duckdb_says_nothing_of_what_it_leaves(batch: Path) -> None:
    command = [sys.executable, "-m", "dbatch", "sql", str(batch), "select count(*) as n from runs"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert (done.stdout.split(), done.stderr) == (["n", "4"], "")
