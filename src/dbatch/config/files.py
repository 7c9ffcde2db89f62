"""A JSON or YAML file as a mapping of JSON's types, or what is wrong with it, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbatch.config.faults import Faults
from dbatch.config.json_text import parse_json
from dbatch.config.positions import Misplaced, Parsed, Repeated
from dbatch.errors import ConfigError

MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Document:
    """What a file says, its text, and the keys that it repeats: of those `mapping` has the first value."""

    mapping: dict[str, Any]
    text: str = field(repr=False)
    repeated: tuple[Repeated, ...] = ()

    def add_repeated(self, faults: Faults) -> None:
        """Keep a fault for every key that is repeated."""
        for key in self.repeated:
            faults.add(key.place, key.problem, key.line)


def load_mapping(path: str | Path) -> dict[str, Any]:
    """Return the mapping in a `.json`, `.yaml` or `.yml` file; as `load_document`, but repeated keys are refused."""
    document = load_document(path)
    faults = Faults()
    document.add_repeated(faults)
    faults.raise_all(str(path))
    return document.mapping


def load_document(path: str | Path) -> Document:
    """Return the mapping in a `.json`, `.yaml` or `.yml` file, and the file's text.

    YAML is read as JSON's types: keys are text, dates are text, only `true` and `false` are booleans.
    Aliases, tags, NaN and more than 10 MB are refused. Raises ConfigError with the place.
    """
    file = Path(path)
    parse = _parser(file)
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(str(path), [f"is {size:,} bytes, must be at most {MAX_BYTES:,}"])
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"must be UTF-8 text: byte {error.start} is not"]) from error
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror or error}"]) from error
    try:
        value, repeated = parse(text)
    except Misplaced as error:
        raise ConfigError(f"{path}:{error.line}:{error.column}", [error.problem]) from error
    except RecursionError as error:
        raise ConfigError(str(path), ["is nested too deeply"]) from error
    except ValueError as error:
        raise ConfigError(str(path), [" ".join(str(error).split())]) from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}:1:1", [f"must be a mapping, is {type(value).__name__}"])
    return Document(value, text, repeated)


def _parser(file: Path) -> Callable[[str], Parsed]:
    match file.suffix.lower():
        case ".json":
            return parse_json
        case ".yaml" | ".yml":
            from dbatch.config.yaml_text import parse_yaml

            return parse_yaml
        case _:
            raise ConfigError(str(file), ["must be a .json, .yaml or .yml file"])
