"""What becomes of a batch whose output folder is a file system of some kilobytes, told as JSON.

Called as `unshare --map-root-user --mount python full_disk.py FOLDER SIZE`, so that the file system is gone with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def mount(folder: Path, size: str, how: str = "") -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "tmpfs", str(folder)], check=True)


def main(folder: Path, size: str) -> dict[str, object]:
    """Carry out the batch in `folder` until its disk is full, resume it with more space, and say what was found."""
    from chaos_scene import Scene

    out = folder / "out"
    batch = Scene(folder, 20)
    out.rename(folder / "elsewhere")
    out.mkdir()
    mount(out, size)
    driver = batch.start("batch", "--serial", "--isolate", "none", "--units", "1", "--fills", "all")
    code = driver.wait()
    found = {
        "code": code,
        "said": batch.processes.said(),
        "receipts": batch.receipts(),
        "torn": list(batch.torn_files()),
    }
    mount(out, "50m", "remount,")
    outcome = batch.went_on()
    return {**found, "resumed": outcome.exit_code, "computed": outcome.computed, "faults": batch.faults()}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
