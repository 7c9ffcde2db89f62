"""A JSON or YAML file as a mapping of JSON's types, or one line that says where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbatch.config.json_text import parse_json
from dbatch.config.positions import Misplaced
from dbatch.errors import ConfigError

MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Document:
    """What a file says, and its text."""

    mapping: dict[str, Any]
    text: str = field(repr=False)


def load_mapping(path: str | Path) -> dict[str, Any]:
    """Return the mapping in a `.json`, `.yaml` or `.yml` file; as `load_document`."""
    return load_document(path).mapping


def load_document(path: str | Path) -> Document:
    """Return the mapping in a `.json`, `.yaml` or `.yml` file, and the file's text.

    YAML is read as JSON's types: keys are text, dates are text, only `true` and `false` are booleans.
    Duplicate keys, aliases, tags, NaN and more than 10 MB are refused. Raises ConfigError with the place.
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
        value = parse(text)
    except Misplaced as error:
        raise ConfigError(f"{path}:{error.line}:{error.column}", [error.problem]) from error
    except RecursionError as error:
        raise ConfigError(str(path), ["is nested too deeply"]) from error
    except ValueError as error:
        raise ConfigError(str(path), [" ".join(str(error).split())]) from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}:1:1", [f"must be a mapping, is {type(value).__name__}"])
    return Document(value, text)


def _parser(file: Path) -> Any:
    match file.suffix.lower():
        case ".json":
            return parse_json
        case ".yaml" | ".yml":
            from dbatch.config.yaml_text import parse_yaml

            return parse_yaml
        case _:
            raise ConfigError(str(file), ["must be a .json, .yaml or .yml file"])
