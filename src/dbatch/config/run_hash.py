"""The hash by which a run is known: of all that it was asked for, as canonical JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final

from dbatch.config.settings import PATHS

canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
"""`json.dumps` with these options makes an encoder for every call, which takes as long as the text."""


def params_hash(
    arguments: Mapping[str, Any], parameters: Mapping[str, Any], seed: int | None = None, folder: str = ""
) -> str:
    """Return 16 hex digits of a hash of all that a run was asked for; local paths count as seen from `folder`."""
    return hash16(hashed_of(arguments, parameters, seed, folder))


def hashed_of(
    arguments: Mapping[str, Any], parameters: Mapping[str, Any], seed: int | None, folder: str
) -> dict[str, Any]:
    """Return what `params_hash` is a hash of."""
    seen = {key: _seen_from(folder, value) if key in PATHS else value for key, value in arguments.items()}
    return {"arguments": seen, "parameters": parameters, "seed": seed}


def hash16(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of `value` as canonical JSON: sorted keys, no spaces, ASCII."""
    return hashes16([canonical(value)])[0]


def hashes16(texts: Iterable[str]) -> list[str]:
    """Return what `hash16` returns for each of some values, from their canonical JSON."""
    return [hashlib.sha256(text.encode("ascii")).hexdigest()[:16] for text in texts]


def _seen_from(folder: str, paths: Any) -> Any:
    return _relative(folder, paths) if isinstance(paths, str) else [_relative(folder, path) for path in paths]


@lru_cache(maxsize=1024)
def _relative(folder: str, path: str) -> str:
    if not folder or "://" in path:
        return path
    try:
        return PurePath(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return PurePath(path).as_posix()
