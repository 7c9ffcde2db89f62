"""vectorbt in a process of its own, which may be one of another environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.data.bars import BarBlock

CHILD: Final = Path(__file__).with_name("vectorbt_child.py")


class Vectorbt:
    """vectorbt in a process of its own, by the interpreter `python`.

    `rules` holds the `units` of a position, the `fee` as a share of each fill's value, the `capital`, and in `block`
    how many sets are taken at a time. Ends the script with one line where the process ends.
    """

    def __init__(self, python: str, bars: BarBlock, rules: dict[str, float], engine: str) -> None:
        self._child = subprocess.Popen([python, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = {"closes": bars.closes.tolist(), "times": bars.timestamps.tolist(), "engine": engine}
        self.facts = self._ask(first | rules)

    def answer(self, sets: Sequence[tuple[int, int]]) -> tuple[float, np.ndarray]:
        """Return the CPU seconds and the answers of `sets`."""
        found = self._ask(sets)
        return found["cpu"], np.array(found["rows"])

    def close(self) -> int:
        """Let the process end, and return its exit code."""
        with suppress(BrokenPipeError):
            self._child.communicate()
        return self._child.wait()

    def _ask(self, what: Any) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps(what) + "\n")
            self._child.stdin.flush()
            return json.loads(self._child.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            sys.exit(f"vectorbt ended with exit code {self.close()}; what it said is above")


@contextmanager
def engines_of(python: str, bars: BarBlock, rules: dict[str, float]) -> Iterator[dict[str, Vectorbt]]:
    """Yield vectorbt by `python`, as it comes with numba, and with its extra [rust] where that is installed."""
    with ExitStack() as stack:
        found: dict[str, Vectorbt] = {}
        for name, engine in {"vectorbt": "numba", "vectorbt, rust": "auto"}.items():
            if engine == "auto" and not found["vectorbt"].facts["rust"]:
                continue
            found[name] = child = Vectorbt(python, bars, rules, engine)
            stack.callback(child.close)
        yield found
