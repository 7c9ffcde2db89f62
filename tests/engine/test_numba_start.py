"""Numba is made ready without what it does to no purpose, and does the same as ever."""

from __future__ import annotations

import subprocess
import sys

import numba
import numpy as np
import pytest

from dbatch.engine import numba_start

LOAD = """
import sys
from dbatch.engine.job import run_job
from dbatch.data.sample import sample_path
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch_market_making.v1_baseline import create_v1_baseline_handler
security = open_market(str(sample_path())).securities[0]
result = run_job(create_v1_baseline_handler({}), security.name, {}, read_events(security, 10_000))
assert len(result.fills)
print("scipy.linalg" in sys.modules)
"""


def test_a_job_of_a_compiled_strategy_loads_no_linear_algebra() -> None:
    finished = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=240)
    assert (finished.returncode, finished.stdout) == (0, "False\n"), finished.stderr


def test_other_code_that_needs_a_blas_still_finds_it() -> None:
    pytest.importorskip("scipy")
    numba_start.start_numba()
    matrix = np.arange(4.0).reshape(2, 2)
    assert (numba.njit(lambda a, b: np.dot(a, b))(matrix, matrix) == matrix @ matrix).all()


@numba.njit(inline="always")
def clipped(value: int, most: int) -> int:
    if value > most:
        return most
    return value


@numba.njit
def sum_of_clipped(values: np.ndarray) -> int:
    total = 0
    for value in values:
        total += clipped(clipped(value, 7), clipped(5, 3) + total)
    return total


def test_what_is_inlined_twice_and_within_itself_gives_what_python_gives() -> None:
    numba_start.spare_copies()
    values = np.array([1, 9, 4, 100])
    assert sum_of_clipped(values) == sum_of_clipped.py_func(values) == 16
