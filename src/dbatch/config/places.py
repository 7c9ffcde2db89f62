"""On which line of a file a value stands; asked only when there is something to complain about."""

from __future__ import annotations

from functools import cached_property
from typing import Any

MAX_CHARACTERS = 1_000_000  # composing is slow; faults in larger files go without lines


class Lines:
    """The lines of a JSON or YAML text that was read before."""

    def __init__(self, text: str) -> None:
        self._text = text

    def line_of(self, place: tuple[str | int, ...]) -> int | None:
        """Return the line, from 1, of the key or item at `place`, else of the nearest thing around it.

        None for the top itself, and where lines are not known.
        """
        node, line = self._root, None
        for step in place:
            found = _inside(node, step)
            if found is None:
                break
            node, line = found
        return line

    @cached_property
    def _root(self) -> Any:
        if len(self._text) > MAX_CHARACTERS:
            return None
        import yaml

        from dbatch.config.yaml_text import compose_yaml

        try:  # JSON is YAML but for tabs, which stand between tokens only
            return compose_yaml(self._text.replace("\t", " "))
        except (yaml.YAMLError, ValueError, RecursionError):
            return None  # the rare JSON that is no YAML: a fault without a line beats no fault


def _inside(node: Any, step: str | int) -> tuple[Any, int] | None:
    if node is None:
        return None
    if node.id == "mapping" and isinstance(step, str):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line + 1
    if node.id == "sequence" and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line + 1
    return None
