"""The names of the files that a batch's results are derived into, beside those of its runs."""

from __future__ import annotations

from typing import Final

RESULTS_NAME: Final = "results.parquet"
BATCH_MANIFEST_NAME: Final = "batch_manifest.json"
BATCH_RUN_SCHEMA: Final = "dbatch.batch_run/1"
"""What the manifest of a batch's run says that it is."""

BATCH_SUMMARY_NAME: Final = "batch_summary"
"""Without the ending: it is there as .csv, .json and .parquet."""

BATCH_STATISTICS_NAME: Final = "batch_statistics"
"""Without the ending: .json for the batch, .parquet for its runs; written when they are asked for."""

REPORT_NAME: Final = "report.html"
"""The page of a batch; that of one of its runs is called `report-` and the run's number."""

HOLDOUT_NAME: Final = "holdout"
"""The folder of the batch over the holdout, below that of the batch."""

OPENINGS: Final = "openings"
"""The fact in its ledger that says when the holdout was opened, and for which runs."""

BATCH_FILE_NAMES: Final = (
    RESULTS_NAME,
    BATCH_MANIFEST_NAME,
    *(f"{BATCH_SUMMARY_NAME}.{ending}" for ending in ("csv", "json", "parquet")),
)
