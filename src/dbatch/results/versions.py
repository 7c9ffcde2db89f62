"""The versions a result was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("dbatch", "dask", "distributed", "numba", "numpy", "pandas", "pyarrow")


def versions() -> dict[str, str]:
    """Return package versions, Python's and the platform's."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
