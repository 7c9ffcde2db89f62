"""How often the holdout of a batch was opened: its ledger says so, in a folder of its own that --rerun leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbatch.results.batch_names import HOLDOUT_NAME, OPENINGS
from dbatch.results.ledger import LEDGER_NAME, reading_ledger


def openings(folder: Path) -> list[dict[str, Any]]:
    """Return every opening of the holdout of the batch in `folder`: when (`at`), and for which `runs`; in order.

    Raises OutputError for a ledger that cannot be read.
    """
    if not (folder / HOLDOUT_NAME / LEDGER_NAME).exists():
        return []
    with reading_ledger(folder / HOLDOUT_NAME) as ledger:
        found: list[dict[str, Any]] = ledger.facts().get(OPENINGS, [])
    return found
