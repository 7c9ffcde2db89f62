"""Starts a trial's process, waits for it, and never leaves it behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dbatch.lifetime import sweep_scratch
from dbatch.trials.trial import Measured, Trial


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended: where its results are, what it took, or the `fault` that kept it from giving any."""

    trial: Trial
    output_dir: Path
    measured: Measured | None
    fault: str | None


def launch(trial: Trial) -> TrialOutcome:
    """Carry out `trial` in a fresh process and return how it ended.

    What the strategy prints goes to a file beside the results. The process and its workers are killed when this
    one is interrupted, and die when it does.
    """
    output_dir = Path(trial.request.output_dir or "")
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    log = output_dir.with_name(f"{output_dir.name}.log")
    # -P keeps the current folder off the module path: a json.py there must not run
    command = [sys.executable, "-P", "-m", "dbatch.trials.child"]
    # a fixed seed of hash() would hide, from one process to the next, what depends on it
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    with open(log, "wb") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
        try:
            answer, _ = child.communicate(json.dumps({**trial.as_json(), "parent": os.getpid()}).encode())
        except BaseException:
            _kill(child)
            raise
    if child.returncode != 0 or not answer:
        return TrialOutcome(trial, output_dir, None, _death(child.returncode, log))
    facts = json.loads(answer)
    measured = Measured.from_json(facts["measured"]) if "measured" in facts else None
    return TrialOutcome(trial, output_dir, measured, facts["fault"])


def _kill(child: subprocess.Popen[bytes]) -> None:
    family = []
    with suppress(psutil.Error):
        first = psutil.Process(child.pid)
        family = [first, *first.children(recursive=True)]
    for process in family:
        with suppress(psutil.Error):  # it was quicker
            process.kill()
    child.wait()
    psutil.wait_procs(family, timeout=5)
    sweep_scratch()


def _death(code: int, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = f": {lines[-1][:200]}" if lines else ""
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"its process {ended}{said}"
