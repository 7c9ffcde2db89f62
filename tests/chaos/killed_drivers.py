"""What becomes of batches whose drivers are killed at steps of a publication, told as JSON.

Called as `python killed_drivers.py FOLDER STEP:TIME ...`. Each driver is a fork of this process, which has imported
all that they need: that takes a tenth of the time of a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

RUNS = 6
UNIT = 3


def main(folder: Path, *moments: str) -> dict[str, dict[str, Any]]:
    """Return what was found by moment: the signal, receipts by then, faults after it was resumed, jobs then to do."""
    from chaos_scene import IN_PLACE, Scene

    batch = Scene(folder, RUNS)
    options = replace(IN_PLACE, unit_jobs=UNIT)
    found = {}
    for moment in moments:
        shutil.rmtree(batch.out, ignore_errors=True)
        driver = os.fork()
        if not driver:
            os.environ["DBATCH_CRASH_AT"] = moment
            batch.carried_out(options=options)
            os._exit(0)
        _, status = os.waitpid(driver, 0)
        facts = {"signal": os.WTERMSIG(status), "receipts": batch.receipts(), "resumed": batch.resumed().exit_code}
        found[moment] = {**facts, "faults": batch.faults(), "to_do": batch.resumed().computed}
    return found


if __name__ == "__main__":
    signal.alarm(120)
    sys.path.insert(0, str(Path(__file__).parent))
    print(json.dumps(main(Path(sys.argv[1]), *sys.argv[2:])))
