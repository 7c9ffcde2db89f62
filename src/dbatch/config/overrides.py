"""`--set key=value`: one value for every security, or `--set SECURITY.key=value` for one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dbatch.errors import ConfigError


def parse_overrides(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the values by key as written: `quote_size`, or `ADIB.quote_size` for one security.

    A value is read as a JSON scalar or list when it is one, else as text. Raises one ConfigError.

    >>> parse_overrides(["quote_size=5", "ADIB.exchange=ADX"])
    {'quote_size': 5, 'ADIB.exchange': 'ADX'}
    """
    overrides: dict[str, Any] = {}
    faults = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not equals or not all(key.rpartition(".")[::2] if "." in key else (key,)):
            faults.append(f"'{assignment}': must be KEY=VALUE or SECURITY.KEY=VALUE")
        elif key in overrides:
            faults.append(f"{key}: is set twice")
        else:
            overrides[key] = _value(text.strip())
            if isinstance(overrides[key], dict):
                faults.append(f"{key}: must be a number, text, true, false, null or a list, is a mapping")
    if faults:
        raise ConfigError("--set", faults)
    return overrides


def parse_values(text: str) -> list[Any]:
    """Return values separated by commas, each a JSON value when it is one, else text; raise ValueError for none.

    >>> parse_values("10,null,ADX"), parse_values("[1,2],[3]")
    ([10, None, 'ADX'], [[1, 2], [3]])
    """
    values = _value(f"[{text}]")
    if not isinstance(values, list):
        values = [_value(part.strip()) for part in text.split(",")]
    if not values or "" in values:
        raise ValueError("must have a value before and after each comma")
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return text


def _not_json(constant: str) -> None:
    raise ValueError(constant)
