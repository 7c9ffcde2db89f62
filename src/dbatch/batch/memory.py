"""How much memory the driver and all its processes have."""

from __future__ import annotations

import time
from typing import Final

import psutil

_LOOK_AROUND_SEC: Final = 2.0
_MEBIBYTE: Final = 1 << 20


class Meter:
    """The resident memory of this process and its descendants, cheap enough to be asked at every receipt."""

    def __init__(self) -> None:
        self._me = psutil.Process()
        self._family: list[psutil.Process] = []
        self._looked = float("-inf")

    def rss_mb(self) -> float:
        """Return it in MiB; processes that began in the last seconds may be missing."""
        now = time.monotonic()
        if now - self._looked > _LOOK_AROUND_SEC:
            self._looked = now
            self._family = self._me.children(recursive=True)
        total = self._me.memory_info().rss
        for process in self._family:
            try:
                total += process.memory_info().rss
            except psutil.Error:  # it has ended
                continue
        return float(total / _MEBIBYTE)
