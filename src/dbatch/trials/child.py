"""The fresh process of a trial: JSON in, JSON out; results in the request's folder."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from dbatch.lifetime import die_with_parent


def main() -> None:
    """Carry out the trial on standard input; write `{"measured": ...}` or `{"fault": ...}`."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a strategy prints must not get into the JSON
    facts = json.load(sys.stdin)
    die_with_parent(facts.pop("parent"))
    answer = json.dumps(_answer(facts))
    with open(out, "w", encoding="utf-8") as file:
        file.write(answer)


def _answer(facts: dict[str, Any]) -> dict[str, Any]:
    from dbatch.errors import DbatchError
    from dbatch.trials.stopwatch import Stopwatch
    from dbatch.trials.trial import Trial

    trial = Trial.from_json(facts)
    watch = Stopwatch()
    try:
        fault = _carry_out(trial, watch)
    except DbatchError as error:
        return {"fault": str(error)}
    return {"measured": dataclasses.asdict(watch.measured()), "fault": fault}


def _carry_out(trial: Any, watch: Any) -> str | None:
    output_dir = Path(trial.request.output_dir)
    if trial.kind == "reference":
        from dbatch.reference.loop import run_reference

        run_reference(trial.request, output_dir, trial.how, lambda: watch.begin_work(1), watch.end_work)
        return None
    from dbatch.batch import RunOutcome, run

    outcome: RunOutcome = run(trial.request, watch)
    return outcome.fault


if __name__ == "__main__":
    main()
