"""A folder of results as its ledger tells of it: a batch, or a plain run, which is a batch with one run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from dbatch.errors import OutputError
from dbatch.results.folder import MANIFEST_NAME
from dbatch.results.ledger import LEDGER_NAME, Ledger, open_ledger, reading_ledger

OUTPUT_ROOT: Final = Path("output")


@dataclass(frozen=True)
class Subject:
    """What a folder holds: its name for people, its kind, and the facts of its ledger or of its run's manifest."""

    folder: Path
    name: str
    kind: Literal["batch", "run"]
    facts: Mapping[str, Any]


@contextmanager
def reading(folder: Path, *, by_security: bool = False) -> Iterator[tuple[Subject, Ledger]]:
    """Yield what `folder` holds and its ledger to read from, as it is at this moment; nothing is written there.

    To a ledger of a plain run a plan is lent: of one run, or `by_security` of one for each security. Raises
    OutputError for a folder that holds no batch and no run, or whose ledger cannot be read.
    """
    require(folder)
    with reading_ledger(folder) as ledger:
        list(ledger.query("begin"))  # whatever is asked of it sees the same moment, though a driver goes on
        yield _describe(folder, ledger, by_security=by_security), ledger


@contextmanager
def writing(folder: Path) -> Iterator[tuple[Subject, Ledger]]:
    """Yield what `reading` does, the ledger to write in too; the caller holds the folder's lock."""
    require(folder)
    with open_ledger(folder) as ledger:
        yield _describe(folder, ledger), ledger


def _describe(folder: Path, ledger: Ledger, *, by_security: bool = False) -> Subject:
    facts = ledger.facts()
    if any(ledger.query("select 1 from runs limit 1")) or facts:
        name = facts.get("batch", {}).get("batch_name") or folder.absolute().name
        return Subject(folder, name, "batch", facts)
    manifest = _manifest(folder)
    request = manifest.get("request", {})
    spec = {"strategy": request.get("strategy", "")}
    name = folder.absolute().name
    jobs = request.get("jobs", {})
    if by_security:
        ledger.stand_in([(security, spec, {security: key}) for security, key in jobs.items()])
    else:
        ledger.stand_in([(name, spec, jobs)])
    return Subject(folder, name, "run", _run_facts(manifest))


def subjects_below(root: Path) -> list[Path]:
    """Return the folders directly below `root` that hold a batch or a run, by name."""
    if not root.is_dir():
        return []
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and (entry / LEDGER_NAME).is_file())


def require(folder: Path) -> None:
    """Raise OutputError for a folder that holds no batch and no run."""
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; name one that 'dbatch batch' or 'dbatch run' wrote")
    if not (folder / LEDGER_NAME).is_file():
        below = [path.name for path in subjects_below(folder)]
        hint = f"there are some below it: {', '.join(below[:5])}" if below else "it has no ledger.sqlite"
        raise OutputError(f"{folder}: holds no batch; {hint}")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OutputError(
            f"{folder}: its ledger has no plan and there is no {MANIFEST_NAME}; nothing was begun"
        ) from None
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder / MANIFEST_NAME}: not a readable manifest ({error})") from error
    return manifest if isinstance(manifest, dict) else {}


def _run_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run's manifest as a batch's ledger would have them."""
    session = {
        "started_at": manifest.get("started_at"),
        "finished_at": manifest.get("finished_at"),
        "computed": manifest.get("computed"),
        "workers": (manifest.get("execution") or {}).get("workers"),
    }
    return {
        "state": manifest.get("status"),
        "started_at": manifest.get("started_at"),
        "finished_at": manifest.get("finished_at"),
        "sessions": [session],
    }
