"""How a run of a batch is computed alone: what `dbatch run` computes can be replayed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any


def run_command(manifest: Mapping[str, Any]) -> str:
    """Return the `dbatch run` that does alone what the run of a batch did whose manifest this is.

    >>> run_command({"run_spec": {"arguments": {"strategy": "s", "data": "a b"}, "parameters": {"fast": 3}}})
    "dbatch run --strategy s --data 'a b' --set fast=3 --output-dir DIR"
    """
    asked = manifest.get("run_spec") or {}
    words = ["dbatch", "run"]
    for name, value in (asked.get("arguments") or {}).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option] * value
        elif name == "securities" and isinstance(value, list):
            words += [option, ",".join(value)]
        elif value is not None:
            words += [part for one in (value if isinstance(value, list) else [value]) for part in (option, str(one))]
    for name, value in (asked.get("parameters") or {}).items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return f"{shlex.join(words)} --output-dir DIR"
