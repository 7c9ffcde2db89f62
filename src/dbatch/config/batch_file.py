"""A batch file: what a user writes to have many runs carried out, read and checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dbatch.config.asked import Check, asked
from dbatch.config.batch_fields import BatchFile, read_batch
from dbatch.config.faults import Faults, Place
from dbatch.config.files import load_document
from dbatch.config.places import Lines
from dbatch.config.runs import Runs, RunSpec

_NESTED: Final = ("base_args", "grid", "sample", "random")


def load_batch(path: str | Path, *, changes: Mapping[str, Any] | None = None, check: Check | None = None) -> BatchFile:
    """Return the batch in a JSON or YAML file.

    `changes` replace values of the file, as options of a command do: a field (`max_workers`), or one entry of it
    (`base_args.KEY`, `grid.KEY`, `sample.KEY`, `random.KEY`). Relative paths, those of changes too, are below the
    file's folder. `check` looks at what strategies and data say to it. Raises one ConfigError with all faults, those
    of `check` too, each with its path in the file and its line.
    """
    document = load_document(path)
    places = {key: _place(key) for key in changes or {}}
    mapping = document.mapping
    for key, value in (changes or {}).items():
        mapping = _changed(mapping, places[key], value)
    lines = Lines(document.text)
    faults = Faults()
    file = Path(path).absolute()
    batch = read_batch(mapping, file.parent, faults, file)
    if check is not None:
        check(asked(mapping, file.parent), faults)
    document.add_repeated(faults)

    def line_of(place: Place) -> int | None:
        is_changed = any(place[: len(changed)] == changed for changed in places.values())
        return None if is_changed else lines.line_of(place)

    faults.raise_all(str(path), line_of)
    return batch


def _place(key: str) -> tuple[str, ...]:
    field, dot, entry = key.partition(".")
    return (field, entry) if dot and field in _NESTED else (key,)


def _changed(mapping: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    field, *entry = place
    if not entry:
        return {**mapping, field: value}
    inner = mapping.get(field)
    if inner is not None and not isinstance(inner, dict):
        return mapping  # a fault of the file, which is said when the file is read
    return {**mapping, field: {**(inner or {}), entry[0]: value}}


__all__ = ["BatchFile", "RunSpec", "Runs", "load_batch"]
