"""From what was asked to jobs: every one with a key that names all its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, Final

import dbatch.portfolio
from dbatch.data.read import fingerprint
from dbatch.model import FeeRules, Job, Security, StrategyRef, Window
from dbatch.plugins.hashing import source_hash
from dbatch.plugins.loading import outside_files
from dbatch.portfolio import PortfolioStrategy
from dbatch.schema import RESULT_SCHEMA_VERSION
from dbatch.strategies import BarStrategy, CompiledStrategy, EventStrategy


@dataclass(frozen=True)
class Request:
    """What was asked, by content: two runs with equal requests have equal results."""

    strategy: str
    code: str
    window: Window
    jobs: Mapping[str, str]
    result_schema: int = RESULT_SCHEMA_VERSION

    def as_json(self) -> dict[str, Any]:
        """Return the request as it stands in a manifest."""
        return asdict(self)


def code_hash(ref: StrategyRef, handler: object) -> str:
    """Return a hash of the code that decides a result.

    That is the plugin's files and which of their factories it is, those it imports from outside them, and all that a
    compiled loop reaches.
    """
    parts = [ref.source_hash, f"{ref.module.rpartition('.')[2]}.{ref.factory}"]
    if outside := outside_files(ref):
        parts.append(source_hash(outside))
    if isinstance(handler, PortfolioStrategy):
        parts.append(source_hash(_portfolio_rules()))
    if isinstance(handler, CompiledStrategy):
        parts.append(_loop_hash(handler))
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _loop_hash(strategy: CompiledStrategy) -> str:
    """Return the hash of the sources that the loop of `strategy` is made of."""
    if isinstance(strategy, EventStrategy):
        from dbatch.engine.kernel import compile_kernel

        return compile_kernel(strategy).sources_hash
    from dbatch.engine.bars.follow import follower
    from dbatch.engine.bars.kernel import compile_bar_kernel

    return compile_bar_kernel(strategy if isinstance(strategy, BarStrategy) else follower(strategy)).sources_hash


def _portfolio_rules() -> dict[str, bytes]:
    """Return the files that say how weights become an account, by name."""
    folder = Path(dbatch.portfolio.__file__).parent
    return {path.name: path.read_bytes() for path in folder.glob("*.py")}


def make_jobs(
    securities: Sequence[Security],
    code: str,
    window: Window,
    names: Mapping[str, str],
    parameters: Mapping[str, Mapping[str, Any]],
    fees: FeeRules | None = None,
) -> list[Job]:
    """Return one job per security, in the order given.

    `names` maps a security to its spelling in the configuration, `parameters` that spelling to its values; `fees` are
    those of all jobs. Data that cannot be hashed gives a job all the same: reading it will say why.
    """
    prints = fingerprints(securities)
    jobs = []
    for security in securities:
        content = prints[security.name]
        name = names[security.name]
        section = dict(parameters[name])
        key = job_key(common_identity(code, content, window, name), section, fees)
        jobs.append(Job(key, security, content, name, section, fees))
    return jobs


def fingerprints(securities: Sequence[Security]) -> dict[str, str]:
    """Return a hash of the data of each security, by name; data that cannot be hashed says why instead."""
    with ThreadPoolExecutor() as pool:
        return dict(zip((one.name for one in securities), pool.map(_fingerprint, securities), strict=True))


def common_identity(code: str, content: str, window: Window, name: str, seed: int | None = None) -> str:
    """Return what the keys of all jobs over one security begin with; `name` is its spelling in the configuration."""
    seeded = [] if seed is None else [{"seed": seed}]
    return section_text([RESULT_SCHEMA_VERSION, *seeded, code, content, asdict(window), name])


def job_key(common: str, section: Mapping[str, Any], fees: FeeRules | None = None) -> str:
    """Return the key of the job with the parameters `section`: 32 hex digits of a hash of all it depends on."""
    return hashlib.sha256(f"{common} {section_text(section)}{_charged(fees)}".encode()).hexdigest()[:32]


def _charged(fees: FeeRules | None) -> str:
    return "" if fees is None else f" fees {section_text([float(value) for value in astuple(fees)])}"


def job_keys(common: str, sections: Iterable[str], fees: FeeRules | None = None) -> list[str]:
    """Return the `job_key` of each job over one security, from the `section_text` of its parameters."""
    begun = hashlib.sha256(f"{common} ".encode())
    keys = []
    charged = _charged(fees)
    for text in sections:
        whole = begun.copy()
        whole.update(f"{text}{charged}".encode())
        keys.append(whole.hexdigest()[:32])
    return keys


section_text: Final = json.JSONEncoder(sort_keys=True, default=repr).encode
"""`json.dumps` with these options makes an encoder for every call, which takes as long as the text."""


def _fingerprint(security: Security) -> str:
    try:
        return fingerprint(security.source)
    except OSError as error:
        return f"unreadable: {error.strerror}"
