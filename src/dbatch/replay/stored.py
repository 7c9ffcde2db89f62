"""A job of a finished run, as its folder tells it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbatch.errors import DataNotFoundError, OutputError
from dbatch.model import FeeRules, Receipt, Security, Source, StrategyRef, Window
from dbatch.replay.alone import run_command
from dbatch.results.batch_names import BATCH_MANIFEST_NAME, BATCH_RUN_SCHEMA
from dbatch.results.folder import MANIFEST_NAME
from dbatch.results.ledger import read_receipts


@dataclass(frozen=True)
class StoredJob:
    """All that a job's result depended on, and its receipt.

    `code` and `fingerprint` are the hashes of then, `sections` the whole configuration, `parameters` the job's own
    with defaults filled in, as JSON holds them.
    """

    run_dir: Path
    started_at: str
    ref: StrategyRef
    code: str
    security: Security
    fingerprint: str
    config_name: str
    parameters: Mapping[str, Any]
    sections: Mapping[str, Mapping[str, Any]]
    window: Window
    chunk_rows: int
    versions: Mapping[str, str]
    receipt: Receipt
    fees: FeeRules | None = None


def stored_job(run_dir: Path, security: str) -> StoredJob:
    """Return the job of `security` (any case) in the run folder `run_dir`.

    Raises OutputError for a folder that is not a run's, that an older dbatch made, or whose run has not come to
    the security; DataNotFoundError for a security that was not in the run.
    """
    manifest = _manifest(run_dir)
    if isinstance(manifest, dict) and manifest.get("schema") == BATCH_RUN_SCHEMA:
        raise OutputError(
            f"{run_dir}: a run of a batch; what is computed alone can be replayed: {run_command(manifest)}, "
            f"then dbatch replay DIR {security}"
        )
    try:
        name = _spelling(security, list(manifest["request"]["jobs"]), run_dir)
        facts = manifest["data"]["securities"][name]
        strategy = {key: value for key, value in manifest["strategy"].items() if key != "compiled"}
        versions = {**manifest["versions"], "result schema": str(manifest["request"]["result_schema"])}
        return StoredJob(
            run_dir=run_dir,
            started_at=manifest["started_at"],
            ref=StrategyRef(**strategy),
            code=manifest["request"]["code"],
            security=Security(name, facts["label"], _source(facts["read_as"])),
            fingerprint=facts["fingerprint"],
            config_name=facts["config_name"],
            parameters=facts["parameters"],
            sections=manifest["config"],
            window=Window(**manifest["request"]["window"]),
            chunk_rows=manifest["execution"]["chunk_rows"],
            versions=versions,
            receipt=_receipt(run_dir, manifest["request"]["jobs"][name], name),
            fees=FeeRules(**manifest["fees"]) if manifest.get("fees") else None,
        )
    except (KeyError, TypeError) as error:
        raise OutputError(
            f"{run_dir / MANIFEST_NAME}: made by another version of dbatch, without what a replay needs ({error}); "
            "'dbatch run' makes it anew"
        ) from error


def _manifest(run_dir: Path) -> Any:
    if not run_dir.is_dir():
        raise OutputError(f"{run_dir}: no such folder; a replay needs the output folder of a run")
    path = run_dir / MANIFEST_NAME
    if (run_dir / BATCH_MANIFEST_NAME).is_file():
        raise OutputError(f"{run_dir}: a batch; dbatch replay of one of its runs/ says how to compute that run alone")
    if not path.is_file():
        raise OutputError(f"{run_dir}: not the output folder of a run: there is no {MANIFEST_NAME}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise OutputError(f"{path}: not a readable manifest") from error


def _spelling(security: str, names: Sequence[str], run_dir: Path) -> str:
    by_folded = {name.casefold(): name for name in names}
    found = security if security in names else by_folded.get(security.casefold())
    if found is None:
        close = difflib.get_close_matches(security.casefold(), by_folded, n=1)
        guess = f"; did you mean {by_folded[close[0]]!r}?" if close else ""
        listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        raise DataNotFoundError(f"{run_dir}: no security {security!r}{guess} (there are {listed})")
    return found


def _source(facts: Mapping[str, Any]) -> Source:
    lists = {name: tuple(facts[name] or ()) for name in ("paths", "sheets", "only")}
    return Source(**{**facts, **lists})


def _receipt(run_dir: Path, key: str, security: str) -> Receipt:
    receipt = read_receipts(run_dir).get(key)
    if receipt is None:
        raise OutputError(f"{run_dir}: {security} was not computed in that run; the same 'dbatch run' goes on with it")
    return receipt
