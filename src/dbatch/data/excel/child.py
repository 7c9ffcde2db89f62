"""The guarded child: reads one security's sheets under a memory limit; JSON in, JSON out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from dbatch.lifetime import die_with_parent

# Nothing heavy is imported here: the memory limit must stand before the readers load.


def main() -> None:
    """Run the jobs on standard input, a line each; write a line `{"report": ...}` or `{"error": ..., "kind": ...}`.

    The first that gives no report is the last: what is left of it in memory should be in nobody's way.
    """
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not get into the JSON
    with open(out, "w", encoding="utf-8") as file:
        for number, job in enumerate(map(json.loads, sys.stdin)):
            if number == 0:
                _settle(job)
            outcome = _outcome(job)
            file.write(json.dumps(outcome) + "\n")
            file.flush()
            if "report" not in outcome:
                return


def _settle(job: dict[str, Any]) -> None:
    die_with_parent(job["parent"])
    limit_memory(job["memory_mb"])
    sys.meta_path.insert(0, _WithoutPandas())


class _WithoutPandas:
    """Keeps pandas out of this process: pyarrow loads it where it can, 0.2 s and 60 MB for nothing here."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def limit_memory(megabytes: int) -> None:
    """Let this process have no more than `megabytes` of address space, where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _outcome(job: dict[str, Any]) -> dict[str, Any]:
    try:
        if job.get("bars"):
            from dbatch.data.excel.bar_job import run_job
        else:
            from dbatch.data.excel.job import run_job
        from dbatch.errors import DbatchError
    except (MemoryError, ImportError, OSError) as error:
        return {"error": f"{job['path']}: the reader cannot start: {error}", "kind": "memory"}
    try:
        return {"report": run_job(Path(job["path"]), job).to_json()}
    except DbatchError as error:
        return {"error": str(error), "kind": "data"}
    except MemoryError:
        return {"error": f"{job['path']}: needs more than {job['memory_mb']:,} MB", "kind": "memory"}
    except OSError as error:
        return {
            "error": f"{error.filename or job['target'] or job['path']}: {error.strerror or error}",
            "kind": "output",
        }


if __name__ == "__main__":
    main()
