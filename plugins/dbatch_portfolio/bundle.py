"""Bundles: which factors a portfolio is made of, with which weights, from a YAML file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from dbatch import ConfigError
from dbatch_portfolio.factors import is_factor

_KEYS: Final = ("universe", "factor_set", "horizon_days", "factors", "options")
_OPTIONS: Final = ("winsorize", "winsorize_limits", "zscore", "neutralize_by")
_DIRECTIONS: Final = {"positive": 1.0, "negative": -1.0}


class Bundle(NamedTuple):
    """A checked bundle: `signs` are 1.0, or -1.0 for factors of which less is better; `limits` None for none."""

    factors: tuple[str, ...]
    weights: tuple[float, ...]
    signs: tuple[float, ...]
    limits: tuple[float, float] | None
    zscore: bool


DEFAULT_BUNDLE: Final = json.dumps(
    {
        "factors": [
            {"name": "momentum_12m_excl_1m", "weight": 0.30},
            {"name": "trend_strength_200", "weight": 0.25},
            {"name": "trend_strength_50", "weight": 0.20},
            {"name": "rv_20", "weight": 0.15, "direction": "negative"},
            {"name": "returns_12m", "weight": 0.10},
        ]
    }
)


def bundle_text(path: str) -> str:
    """Return the bundle in the YAML file at `path` as JSON text. Raises ConfigError with all its faults."""
    try:
        written = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(path, [f"cannot be read as YAML: {reason}"]) from error
    text = json.dumps(written, sort_keys=True, default=str)
    bundle_of(text, path)
    return text


@lru_cache(maxsize=64)
def bundle_of(text: str, source: str = "bundle") -> Bundle:
    """Return the bundle that JSON `text` holds. Raises ConfigError, naming `source`, with all its faults."""
    written = json.loads(text)
    if not isinstance(written, dict):
        raise ConfigError(source, [f"is {type(written).__name__}, must be a mapping with factors"])
    faults = [f"{key}: unknown, there are {', '.join(_KEYS)}" for key in written if key not in _KEYS]
    factors, weights, signs = _factors(written.get("factors"), faults)
    options = written.get("options") or {}
    if not isinstance(options, dict):
        faults.append("options: must be a mapping")
        options = {}
    faults += [f"options.{key}: unknown, there are {', '.join(_OPTIONS)}" for key in options if key not in _OPTIONS]
    if options.get("neutralize_by") is not None:
        faults.append("options.neutralize_by: must be null, for bars have no column of groups")
    for name in ("winsorize", "zscore"):
        if not isinstance(options.get(name, True), bool):
            faults.append(f"options.{name}: is {options[name]!r}, must be true or false")
    limits = _limits(options.get("winsorize_limits", [0.01, 0.99]), faults)
    if faults:
        raise ConfigError(source, faults)
    return Bundle(
        factors, weights, signs, limits if options.get("winsorize", True) else None, options.get("zscore", True)
    )


_Factors = tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]


def _factors(written: Any, faults: list[str]) -> _Factors:
    if not isinstance(written, list) or not written:
        faults.append("factors: must be a list of name, weight and direction")
        return (), (), ()
    found = []
    for place, factor in enumerate(written):
        if not isinstance(factor, Mapping):
            faults.append(f"factors[{place}]: must have a name and a weight")
            continue
        name, weight = factor.get("name"), factor.get("weight")
        direction = factor.get("direction", "positive")
        if not isinstance(name, str) or not is_factor(name):
            faults.append(
                f"factors[{place}].name: {name!r}, must be returns_12m, momentum_12m_excl_1m, trend_strength_K or rv_K"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight >= 0 or math.isinf(weight):
            faults.append(f"factors[{place}].weight: is {weight!r}, must be a number from 0 on")
            weight = 0.0
        if direction not in _DIRECTIONS:
            faults.append(f"factors[{place}].direction: is {direction!r}, must be positive or negative")
        found.append((str(name), float(weight), _DIRECTIONS.get(direction, 1.0)))
    names, weights, signs = zip(*found, strict=True) if found else ((), (), ())
    total = math.fsum(weights)
    if not 0.99 <= total <= 1.01:
        faults.append(f"factors: weights add up to {total:g}, must be 0.99 to 1.01")
    if len(set(names)) < len(names):
        faults.append("factors: a name is there twice")
    return names, weights, signs


def _limits(written: Any, faults: list[str]) -> tuple[float, float] | None:
    is_pair = isinstance(written, list) and len(written) == 2
    if is_pair and all(isinstance(each, int | float) and not isinstance(each, bool) for each in written):
        low, high = map(float, written)
        if 0.0 <= low < high <= 1.0:
            return low, high
    faults.append(f"options.winsorize_limits: is {written!r}, must be two numbers, 0 <= low < high <= 1")
    return None
