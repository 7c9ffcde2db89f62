"""What a fresh process spends on loading a compiled loop from a warm cache: seconds of CPU."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

TARGET_SEC = 0.5
BARE = """
import time
import numba
print(time.process_time())
"""
LOAD = """
import time
import numba
import dbatch.engine.compiled
from dbatch.engine.kernel import ready_kernel
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler

strategy = make_handler(resolve("v1_baseline").ref, {})
begin = time.process_time()
kernel = ready_kernel(strategy)
end = time.process_time()
assert sum(kernel.replay.stats.cache_misses.values()) == MISSES, kernel.replay.stats
print(end - begin)
"""


def seconds_of(code: str, cache: str) -> float:
    """Return what `code` prints, in a process of its own."""
    environment = {**os.environ, "DBATCH_CACHE_DIR": cache}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(finished.stdout)


def main() -> None:
    """Measure and print; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="processes of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a line")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        compiled = seconds_of(LOAD.replace("MISSES", "1"), cache)
        turns = [(seconds_of(BARE, cache), seconds_of(LOAD.replace("MISSES", "0"), cache)) for _ in range(chosen.runs)]
    numba, loaded = (statistics.median(column) for column in zip(*turns, strict=True))
    holds = loaded < TARGET_SEC
    if chosen.json:
        facts = {"compiled_sec": compiled, "import_numba_sec": numba, "loaded_sec": loaded}
        print(json.dumps({**facts, "target_sec": TARGET_SEC, "holds": holds}))
    else:
        print(f"CPU: compiled {compiled:.2f} s, loaded {loaded:.2f} s (target < {TARGET_SEC} s); numba {numba:.2f} s")
    sys.exit(not holds)


if __name__ == "__main__":
    main()
