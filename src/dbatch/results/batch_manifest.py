"""`batch_manifest.json` and `batch_summary.json`: a whole batch for programs, laid out for people too."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import GeneratorType
from typing import Any, Final

from dbatch.quick_json import to_bytes
from dbatch.results.ledger import Ledger
from dbatch.results.run_table import SEVERITY

_FAILURES: Final = frozenset(SEVERITY) - {"success", "cancelled", "skipped"}
_MOST_ERRORS: Final = 5


def json_text(document: Mapping[str, Any]) -> bytes:
    """Return `document` as JSON: a line for each of its values, and for each of several rows that one consists of.

    Rows are a generator or a list of mappings.
    """
    sink = io.BytesIO()
    for name, value in document.items():
        sink.write(b"%s\n  %s: " % (b"," if sink.tell() else b"{", to_bytes(name)))
        if isinstance(value, GeneratorType) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            start = b"["
            for row in value:
                sink.write(b"%s\n    %s" % (start, to_bytes(row)))
                start = b","
            sink.write(b"[]" if start == b"[" else b"\n  ]")
        else:
            sink.write(to_bytes(value))
    sink.write(b"\n}\n")
    return sink.getvalue()


def summary_document(
    facts: Mapping[str, Any], summary: Mapping[str, Sequence[Any]], best: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what `batch_summary.json` says, the rows of runs as a generator; `best` as `objective.best_run` has it."""
    return {
        "schema": "dbatch.batch_summary/1",
        "batch_name": facts.get("batch", {}).get("batch_name"),
        **_counts(Counter(summary["status"])),
        "error_summary": _first_errors(summary["error"]),
        **({} if best is None else {"best": best}),
        "runs": (dict(zip(summary, row, strict=True)) for row in zip(*summary.values(), strict=True)),
    }


def manifest_document(
    facts: Mapping[str, Any],
    ledger: Ledger,
    summary: Mapping[str, Sequence[Any]],
    jobs: Mapping[str, int],
    best: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what `batch_manifest.json` says: `facts` of the ledger, its runs as a generator, counts of `jobs`."""
    batch = facts.get("batch", {})
    environment = facts.get("environment", {})
    sessions = facts.get("sessions", [])
    return {
        "schema": "dbatch.batch/1",
        "batch_name": batch.get("batch_name"),
        "description": batch.get("description"),
        "status": facts.get("state"),
        "created_at": facts.get("started_at"),
        "started_at": facts.get("started_at"),
        "finished_at": facts.get("finished_at"),
        "total_runtime_sec": _total_seconds(sessions),
        "config_hash": batch.get("config_hash"),
        "git_commit_hash": environment.get("git", {}).get("commit"),
        "git_dirty": environment.get("git", {}).get("dirty"),
        **{name: batch.get(name) for name in ("run_tag", "seed", "max_workers", "fail_fast", "output_root")},
        "base_args": batch.get("base_args"),
        "options": facts.get("options"),
        "run_results_summary": {**_counts(Counter(summary["status"])), "run_ids": summary["run_id"]},
        **({} if best is None else {"best": best}),
        "jobs": {"planned": sum(jobs.values()), "counts": _ordered(jobs), "attempts": ledger.attempts()},
        "versions": environment.get("versions"),
        "machine": environment.get("machine"),
        "config": batch.get("document"),
        "inputs": facts.get("inputs"),
        "sessions": sessions,
        "expanded_runs": ({"run_id": run_id, "index": number, **spec} for number, run_id, spec in ledger.runs()),
    }


def _counts(statuses: Mapping[str, int]) -> dict[str, Any]:
    """Return how many runs there are; whatever went wrong counts as failed, runs not done are none of the three."""
    return {
        "total_runs": sum(statuses.values()),
        "success_count": statuses.get("success", 0),
        "failed_count": sum(statuses.get(status, 0) for status in _FAILURES),
        "skipped_count": statuses.get("skipped", 0),
        "counts": _ordered(statuses),
    }


def _ordered(statuses: Mapping[str, int]) -> dict[str, int]:
    return {status: statuses[status] for status in SEVERITY if statuses.get(status)}


def _first_errors(errors: Sequence[str | None]) -> list[dict[str, Any]]:
    """Return the first errors that differ, and how many runs had each."""
    found = Counter(error for error in errors if error is not None)
    return [{"error": error, "runs": runs} for error, runs in list(found.items())[:_MOST_ERRORS]]


def _total_seconds(sessions: Sequence[Mapping[str, Any]]) -> float:
    """Return how long all calls that worked on the batch took together; one that was killed is not known."""
    ended = [one for one in sessions if one.get("started_at") and one.get("finished_at")]
    times = [(datetime.fromisoformat(one["started_at"]), datetime.fromisoformat(one["finished_at"])) for one in ended]
    return round(sum((end - start).total_seconds() for start, end in times), 3)
