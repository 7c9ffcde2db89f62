"""Where things are kept that can be made again at any time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache folder: `DBATCH_CACHE_DIR`, or the user's cache folder of this platform."""
    chosen = os.environ.get("DBATCH_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("dbatch", appauthor=False)
