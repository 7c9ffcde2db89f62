"""What things are called in MLflow: names that its stores and its pages take as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KEY_LENGTH: Final = 250
PARAM_LENGTH: Final = 6_000
TAG_LENGTH: Final = 8_000
_NOT_IN_KEYS: Final = re.compile(r"[^A-Za-z0-9_.\- ]+")
_SECRET: Final = re.compile(r"passw|secret|token|api_?key|credential", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"(\w+://)[^/@\s]+@")
_TEMPLATE: Final = "{prefix}.{asset_class}.{symbol}.{strategy}"
_OWN: Final = ("prefix", "asset_class", "experiment")


@dataclass(frozen=True)
class Naming:
    """How experiments are named, and what further tags every run gets."""

    prefix: str = "dbatch"
    asset_class: str = "any"
    experiment: str = _TEMPLATE
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Naming:
        """Return what the options say: `prefix`, `asset_class`, `experiment`; all others are tags.

        Raises ValueError for a template with other fields than those four.
        """
        own = {name: str(options[name]) for name in _OWN if name in options}
        naming = cls(**own, tags={key(name): str(value) for name, value in options.items() if name not in _OWN})
        try:
            naming.experiment_of("x", "y")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"experiment={naming.experiment!r}: may hold {_TEMPLATE.replace('.', ' ')}") from error
        return naming

    def experiment_of(self, symbol: str, strategy: str) -> str:
        """Return the name of the experiment of runs over `symbol` with `strategy`."""
        parts = {"prefix": self.prefix, "asset_class": self.asset_class, "symbol": symbol, "strategy": strategy}
        return self.experiment.format(**{name: key(value) for name, value in parts.items()})[:KEY_LENGTH]


def key(name: str) -> str:
    """Return `name` as a key that every store takes; never a path.

    >>> key("../../x"), key("sharpe"), key("=A1")
    ('x', 'sharpe', 'A1')
    """
    return _NOT_IN_KEYS.sub("_", name).lstrip("._ ")[:KEY_LENGTH] or "_"


def keys(names: Iterable[str]) -> dict[str, str]:
    """Return the key of each of `names`; two that would be one are numbered."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = wanted = key(name)
        number = 1
        while plain.lower() in taken:
            number += 1
            plain = f"{wanted[: KEY_LENGTH - 8]}_{number}"
        taken.add(plain.lower())
        found[name] = plain
    return found


def text(value: Any, length: int) -> str:
    """Return `value` in one line of at most `length` characters, nothing in it that steers a terminal."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))
    return line if len(line) <= length else line[: length - 3] + "..."


def param(name: str, value: Any) -> str:
    """Return the value of a parameter, masked where it looks like a secret."""
    return "***" if _SECRET.search(name) else _CREDENTIALS.sub(r"\1***@", text(value, PARAM_LENGTH))
