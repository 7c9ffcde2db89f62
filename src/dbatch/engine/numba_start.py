"""Numba made ready to load or compile, without what it loads to no purpose."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from typing import Final

_ASKS: Final = "numba.np.arraymath"
_LINALG: Final = "numba.np.linalg"
_LOCK: Final = threading.Lock()


def start_numba() -> None:
    """Load the part of numba that asks whether there is a BLAS, and have it believe that there is where scipy is.

    To find out it loads all of scipy.linalg, two fifths of what loading a compiled loop costs. What it learns so is
    used for `np.correlate` and the like alone, whose compilation asks for the BLAS again and is answered in earnest.
    """
    with _LOCK:
        if _ASKS in sys.modules or "scipy.linalg" in sys.modules or importlib.util.find_spec("scipy") is None:
            return
        linalg = importlib.import_module(_LINALG)
        asked = getattr(linalg, "ensure_blas", None)
        if asked is None:
            return
        linalg.ensure_blas = lambda: None  # type: ignore[attr-defined]
        try:
            arraymath = importlib.import_module(_ASKS)
        finally:
            linalg.ensure_blas = asked  # type: ignore[attr-defined]
        arraymath.ensure_blas = asked  # type: ignore[attr-defined]
