"""What MLflow is told of a batch, as plain values; nothing is sent here."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import dbatch
from dbatch_mlflow.naming import TAG_LENGTH, Naming, keys, param, text

BATCH_TAG: Final = "dbatch.batch_id"
RUN_TAG: Final = "dbatch.run_id"
CONTENT_TAG: Final = "dbatch.content"
PARENT: Final = "(batch)"
_PARAMETER: Final = "param."
_NOT_METRICS: Final = ("run_id", "status", "strategy", "params_hash", "start_date", "end_date", "error")
_STATES: Final = {"success": "FINISHED", "cancelled": "KILLED"}


@dataclass(frozen=True)
class Told:
    """One run of MLflow: its name, how it ended, times in ms since 1970, and all that is logged of it."""

    run_id: str
    name: str
    state: str
    started: int | None
    ended: int | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def content(self) -> str:
        """Return a hash of all of it: what is there with the same one need not be sent again."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Experiment:
    """The part of a batch that goes into one experiment: a parent and its children."""

    name: str
    parent: Told
    children: tuple[Told, ...]


def experiments(batch: dbatch.Batch, naming: Naming) -> Iterator[Experiment]:
    """Yield an experiment for each strategy of `batch`; over several securities the symbol is `ALL`."""
    summary, facts = batch.summary(), batch.facts
    securities = sorted(set(batch.results()["security"]))
    symbol = securities[0] if len(securities) == 1 else "ALL"
    times = [_milliseconds(facts.get(name)) for name in ("started_at", "finished_at")]
    common = {BATCH_TAG: batch.id, "dbatch.batch_name": text(batch.name, TAG_LENGTH), **naming.tags}
    for strategy, rows in summary.groupby("strategy", sort=True):
        children = tuple(_child(row, common, times) for row in rows.to_dict("records"))
        yield Experiment(naming.experiment_of(symbol, str(strategy)), _parent(batch, rows, common, times), children)


def _child(row: Mapping[str, Any], common: Mapping[str, str], times: list[int | None]) -> Told:
    run_id = str(row["run_id"])
    parameters = {name.removeprefix(_PARAMETER): row[name] for name in row if name.startswith(_PARAMETER)}
    called = keys(parameters)
    renamed = {plain: name for name, plain in called.items() if plain != name}
    tags = {**common, RUN_TAG: text(run_id, TAG_LENGTH), "dbatch.status": row["status"]}
    tags |= {"dbatch.params_hash": str(row["params_hash"])}
    tags |= {"dbatch.error": text(row["error"], TAG_LENGTH)} if isinstance(row["error"], str) else {}
    tags |= {"dbatch.names": text(json.dumps(renamed), TAG_LENGTH)} if renamed else {}
    return Told(
        run_id=run_id,
        name=text(run_id, 200),
        state=_STATES.get(row["status"], "FAILED"),
        started=times[0],
        ended=times[1],
        params={
            "strategy": text(row["strategy"], 500),
            **{called[name]: param(name, value) for name, value in parameters.items() if not _is_missing(value)},
        },
        metrics=_metrics(row),
        tags=tags,
    )


def _metrics(row: Mapping[str, Any]) -> dict[str, float]:
    numbers = {
        name: value for name, value in row.items() if name not in _NOT_METRICS and not name.startswith(_PARAMETER)
    }
    return {
        name: float(value) for name, value in numbers.items() if isinstance(value, int | float) and math.isfinite(value)
    }


def _parent(batch: dbatch.Batch, rows: Any, common: Mapping[str, str], times: list[int | None]) -> Told:
    facts = batch.facts
    asked, git = facts.get("batch") or {}, (facts.get("environment") or {}).get("git") or {}
    counts = rows["status"].value_counts()
    succeeded = int(counts.get("success", 0))
    best = rows.loc[rows["sharpe"].idxmax()] if rows["sharpe"].notna().any() else None
    tags = {**common, RUN_TAG: PARENT, "dbatch.state": str(facts.get("state"))}
    tags |= {"dbatch.config_hash": str(asked.get("config_hash")), "dbatch.git_commit": str(git.get("commit"))}
    tags |= {} if best is None else {"dbatch.best_run": text(best["run_id"], TAG_LENGTH)}
    return Told(
        run_id=PARENT,
        name=text(batch.name, 200),
        state="FINISHED" if succeeded == len(rows) else "FAILED",
        started=times[0],
        ended=times[1],
        params={"runs": str(len(rows)), "description": param("", asked.get("description") or "")},
        metrics={
            **{f"runs_{status}": float(count) for status, count in counts.items()},
            **({} if best is None else {"best_sharpe": float(best["sharpe"])}),
        },
        tags=tags,
    )


def _milliseconds(time: str | None) -> int | None:
    return None if time is None else int(datetime.fromisoformat(time).timestamp() * 1000)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
