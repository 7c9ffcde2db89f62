"""What a batch was computed with and on: versions, machine, the state of the working folder's git repository."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from typing import Any

import psutil

from dbatch.results.versions import versions


def environment() -> dict[str, Any]:
    """Return versions, machine and git state, as JSON can hold them."""
    return {
        "versions": versions(),
        "machine": {
            "host": socket.gethostname(),
            "system": platform.system(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
        },
        "git": {"commit": _git("rev-parse", "--short", "HEAD"), "dirty": _dirty()},
    }


def _dirty() -> bool | None:
    """Return whether files that git knows differ from the commit; None outside a repository."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return None if changed is None else bool(changed)


def _git(*arguments: str) -> str | None:
    try:
        found = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
