"""Which runs' fills are worth their place on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dbatch.results.consolidate import summary_of
from dbatch.results.ledger import Ledger

_MOST_SECURITIES: Final = "select max(securities) from (select count(*) as securities from planned group by run)"
_RATIOS: Final = """
select runs.run_id, json_extract(receipts.receipt, '$.metrics.sharpe')
from planned join runs using (run) join receipts using (key) where receipts.status = 'success' order by run
"""


def best_runs(folder: Path, ledger: Ledger, most: int) -> set[str]:
    """Return the ids of the `most` runs in `folder` with the highest Sharpe ratio, of equals the first ones.

    Runs without a ratio are none. That of a run over one security is its job's, which the ledger tells in a tenth of
    the time that a summary takes.
    """
    ((securities,),) = ledger.query(_MOST_SECURITIES)
    if securities == 1:
        return _best(ledger.query(_RATIOS), most)
    summary = summary_of(folder, ledger)
    return _best(zip(summary.column("run_id").to_pylist(), summary.column("sharpe").to_pylist(), strict=True), most)


def _best(ratios: Iterable[tuple[str, float | None]], most: int) -> set[str]:
    """Return the ids of those `most` of (id, ratio) whose ratio is the highest."""
    ranked = sorted((-ratio, place, run_id) for place, (run_id, ratio) in enumerate(ratios) if ratio is not None)
    return {run_id for _, _, run_id in ranked[:most]}
