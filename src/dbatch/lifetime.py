"""How long a child process of ours may live: no longer than its parent."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_SIGKILL: Final = 9


def die_with_parent(parent: int) -> None:
    """See that this process ends when process `parent` does; not on Windows."""
    if sys.platform == "win32":  # a virtualenv's python.exe is a launcher, so getppid is not `parent` there
        return
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
