"""What keeps numeric libraries to one thread: a job is one core's work, and as many jobs run as there are cores."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

ONE_THREAD: Final = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
    ),
    "1",
)
"""Environment variables that libraries read when they are imported."""


def one_thread_each(environment: MutableMapping[str, str]) -> None:
    """Have numeric libraries use one thread where nobody said otherwise."""
    for name, value in ONE_THREAD.items():
        environment.setdefault(name, value)
