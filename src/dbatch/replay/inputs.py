"""What a job depends on, as it is now, held against what it was."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbatch.config.sections import expand
from dbatch.data.read import fingerprint
from dbatch.data.securities import open_data, universe_of
from dbatch.engine.plan import code_hash
from dbatch.errors import DataNotFoundError, StrategyError
from dbatch.model import Job, RunContext, Security, StrategyRef
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import declared_parameters, make_handler
from dbatch.portfolio import PortfolioStrategy
from dbatch.replay.report import InputCheck
from dbatch.replay.stored import StoredJob
from dbatch.results.folder import MANIFEST_NAME
from dbatch.results.versions import versions
from dbatch.schema import RESULT_SCHEMA_VERSION
from dbatch.strategies import CompiledStrategy
from dbatch.strategies.parameters import validate

_NOTHING = "nothing"


@dataclass(frozen=True)
class Inputs:
    """The job as it can be carried out now, and how each of its inputs compares."""

    context: RunContext
    job: Job
    checks: tuple[InputCheck, ...]
    notes: tuple[str, ...]


def present_inputs(
    stored: StoredJob, *, data: str | None, strategy_paths: Sequence[str], params: Mapping[str, Any]
) -> Inputs:
    """Return the inputs of `stored` as they are now: its data, or `data`; its strategy, found anew by its name.

    `params` (as from `parse_overrides`) change its parameters. Raises DataNotFoundError and StrategyError for
    what is gone, ConfigError for parameters that the strategy does not take.
    """
    security, content = _data_now(stored, data)
    ref, notes = _strategy_now(stored, strategy_paths)
    sections = expand(stored.sections, params, [stored.security.name], "--params").mapping
    handler = make_handler(ref, sections)
    section = _parameters_now(stored, params, ref, handler)
    checks = (
        _hash_check("data", stored.fingerprint, content, str(security.source)),
        _code_check(stored, ref, code_hash(ref, handler)),
        _mapping_check("parameters", stored.parameters, section),
        _mapping_check("versions", stored.versions, {**versions(), "result schema": str(RESULT_SCHEMA_VERSION)}),
    )
    context = RunContext(
        run_id="replay",
        strategy=ref,
        compiled=isinstance(handler, CompiledStrategy | PortfolioStrategy),
        sections=sections,
        window=stored.window,
        chunk_rows=stored.chunk_rows,
        output_dir=str(stored.run_dir),
    )
    job = Job(stored.receipt.key, security, content, stored.config_name, section, stored.fees)
    return Inputs(context, job, checks, notes)


def _data_now(stored: StoredJob, data: str | None) -> tuple[Security, str]:
    """Return where the events are now, and the hash of their content."""
    security = stored.security if data is None else _found_in(data, stored.security)
    try:
        return security, fingerprint(security.source)
    except OSError as error:
        now = f"unreadable: {error.strerror}"
        if now == stored.fingerprint:  # it was no better then, and the job failed for it
            return security, now
        missing = error.filename or security.source
        raise DataNotFoundError(
            f"{missing}: {error.strerror or error}, and the run read it; --data PATH says where its data is now"
        ) from error


def _found_in(data: str, wanted: Security) -> Security:
    made = wanted.source.bars
    interval = made if made not in ("", "rows") else None
    read_as = wanted.source
    market = open_data(data, bars=interval, header_row=read_as.header_row, zone=read_as.zone, adjusted=read_as.adjusted)
    if wanted.source.kind == "universe":
        return universe_of(market.select(wanted.source.only)).securities[0]
    if len(market.securities) == 1:  # whatever the file is called
        return dataclasses.replace(market.securities[0], name=wanted.name)
    return market.select([wanted.name]).securities[0]


def _strategy_now(stored: StoredJob, strategy_paths: Sequence[str]) -> tuple[StrategyRef, tuple[str, ...]]:
    root = stored.ref.root
    if root is not None and not strategy_paths and not os.path.exists(root):
        raise StrategyError(
            f"{root}: the strategy '{stored.ref.name}' of that run is gone; --strategy-path says where it is now"
        )
    paths = strategy_paths or ([] if root is None else [root])
    resolved = resolve(stored.ref.name, paths)
    notes = resolved.notes if strategy_paths else ()
    return dataclasses.replace(resolved.ref, name=stored.ref.name), notes


def _parameters_now(
    stored: StoredJob, params: Mapping[str, Any], ref: StrategyRef, handler: object
) -> Mapping[str, Any]:
    """Return the job's parameters: those of then, defaults of then included, with `params` over them."""
    name = stored.config_name
    known = {**stored.sections, name: stored.parameters}
    section = expand(known, params, [stored.security.name], "--params").mapping[name]
    declared = declared_parameters(ref, handler)
    if declared is None:
        return section
    source = "--params" if params else str(stored.run_dir / MANIFEST_NAME)
    checked = validate(declared, {name: section}, source)[name]
    if isinstance(handler, PortfolioStrategy):
        prepared: Mapping[str, Any] = handler.prepare(checked)._asdict()
        return prepared
    return checked._asdict() if isinstance(handler, CompiledStrategy) else section


def _hash_check(name: Any, then: str, now: str, why: str) -> InputCheck:
    return InputCheck(name, then == now, _short(then), _short(now), "" if then == now else why)


def _code_check(stored: StoredJob, ref: StrategyRef, now: str) -> InputCheck:
    why = "its own files" if ref.source_hash != stored.ref.source_hash else "not its own files, but what they import"
    place = ref.origin if ref.root is None else Path(ref.root)
    return _hash_check("code", stored.code, now, f"{place}: {why}")


def _mapping_check(name: Any, then: Mapping[str, Any], now: Mapping[str, Any]) -> InputCheck:
    """Return the check of two mappings; `then` and `now` hold what differs, key by key."""
    plain = json.loads(json.dumps(now, default=str))
    keys = [key for key in {**then, **plain} if then.get(key, _NOTHING) != plain.get(key, _NOTHING)]
    sides = (", ".join(f"{key} {side.get(key, _NOTHING)}" for key in keys) for side in (then, plain))
    return InputCheck(name, not keys, *sides)


def _short(text: str) -> str:
    return text if text.startswith("unreadable") else text[:12]
