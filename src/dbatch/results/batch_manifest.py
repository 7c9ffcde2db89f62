"""`batch_manifest.json` and `batch_summary.json`: a whole batch for programs, laid out for people too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import GeneratorType
from typing import Any, Final

from dbatch.quick_json import parsed, to_bytes, to_text
from dbatch.results.ledger import Ledger
from dbatch.results.row_texts import ROW_END, TextColumns, json_rows
from dbatch.results.run_table import RUN_KINDS, SEVERITY

_FAILURES: Final = frozenset(SEVERITY) - {"success", "cancelled", "skipped"}
_MOST_ERRORS: Final = 5
_RUNS_AT_ONCE: Final = 4096
_OTHER_WRITING: Final = ("\\", "+", "e-0", '"run_id":', '"index":')
_DIGITS: Final = bytes(b"0"[0] if chr(code) in "0123456789" else b" "[0] for code in range(256))
_LONG: Final = b"0" * 19


def json_text(document: Mapping[str, Any]) -> bytes:
    """Return `document` as JSON: a line for each of its values, and for each of several rows that one consists of.

    Rows are a list of mappings, or a generator of them, or of such rows as JSON, several in one piece.
    """
    return b"".join(json_pieces(document))


def json_pieces(document: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the pieces of what `json_text` returns."""
    start = b"{"
    for name, value in document.items():
        yield b"%s\n  %s: " % (start, to_bytes(name))
        start = b","
        if isinstance(value, GeneratorType) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from _rows(value)
        else:
            yield to_bytes(value)
    yield b"\n}\n"


def _rows(rows: Iterable[bytes | Mapping[str, Any]]) -> Iterator[bytes]:
    start = b"["
    for row in rows:
        yield b"%s\n    %s" % (start, row if isinstance(row, bytes) else to_bytes(row))
        start = b","
    yield b"[]" if start == b"[" else b"\n  ]"


def summary_document(facts: Mapping[str, Any], summary: TextColumns, best: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what `batch_summary.json` says, the rows of runs as a generator; `best` as `objective.best_run` has it."""
    return {
        "schema": "dbatch.batch_summary/1",
        "batch_name": facts.get("batch", {}).get("batch_name"),
        **_counts(Counter(summary["status"])),
        "error_summary": _first_errors(summary["error"]),
        **({} if best is None else {"best": best}),
        "runs": json_rows(summary, RUN_KINDS),
    }


def manifest_document(
    facts: Mapping[str, Any],
    ledger: Ledger,
    summary: TextColumns,
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
        "expanded_runs": expanded_runs(ledger),
    }


def expanded_runs(ledger: Ledger) -> Iterator[bytes]:
    """Yield what was asked of each run as JSON, after its id and its index; some thousand runs in a piece."""
    rows = ledger.runs_as_text()
    while some := list(islice(rows, _RUNS_AT_ONCE)):
        if _is_written_alike([spec for _, _, spec in some]):
            texts = [f'{{"run_id":{to_text(run_id)},"index":{number},{spec[1:]}' for number, run_id, spec in some]
        else:
            texts = [to_text({"run_id": run_id, "index": number, **parsed(spec)}) for number, run_id, spec in some]
        yield ROW_END.join(texts).encode()


def _is_written_alike(specs: Sequence[str]) -> bool:
    """Return whether to read `specs` and to write them again would give the same texts, in which no name is repeated.

    They are our own JSON. That of orjson is what it would write again; what `quick_json` leaves to `json` is known by
    escapes, exponents or numbers with many digits. Some that are alike may not be known as such.
    """
    together = "\n".join(specs)
    if min(map(len, specs)) <= len("{}") or any(mark in together for mark in _OTHER_WRITING):
        return False
    return _LONG not in together.encode().translate(_DIGITS)


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
