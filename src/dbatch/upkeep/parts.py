"""The parts that a ledger's receipts speak of: are they there as they were published?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dbatch.results.ledger import Ledger
from dbatch.results.part import file_hash


@dataclass(frozen=True)
class Damage:
    """A part that is gone, or does not hold what was published, and the keys of its jobs."""

    part: str
    is_gone: bool
    keys: tuple[str, ...]


def damaged_parts(folder: Path, ledger: Ledger) -> list[Damage]:
    """Return the parts that receipts speak of and that are not there with the hash they name; all are read."""
    published = list(ledger.query("select distinct part, sha256 from receipts where part <> '' order by part"))
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(file_hash, (folder / part for part, _ in published)))
    wrong = {(part, sha256): now is None for (part, sha256), now in zip(published, found, strict=True) if now != sha256}
    if not wrong:
        return []
    keys: dict[tuple[str, str], list[str]] = {}
    for part, sha256, key in ledger.query("select part, sha256, key from receipts order by part, key"):
        if (part, sha256) in wrong:
            keys.setdefault((part, sha256), []).append(key)
    return [Damage(place[0], is_gone, tuple(keys[place])) for place, is_gone in wrong.items()]
