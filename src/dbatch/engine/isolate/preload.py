"""Imported once by the fork server: its children begin with all this in a hundredth of a second."""

import os

for _name in ("NUMEXPR", "NUMBA", "VECLIB", "BLIS", "OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")  # one job is one core's work

from dbatch.lifetime import die_with_parent  # noqa: E402

die_with_parent(os.getppid())

import pandas  # noqa: E402, F401

import dbatch.data.parquet  # noqa: E402
import dbatch.engine.unit  # noqa: E402, F401
