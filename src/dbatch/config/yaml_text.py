"""YAML as far as JSON goes, without its surprises: no aliases, no tags, and `ON`, `NO`, `10:00` are text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from dbatch.config.faults import Place
from dbatch.config.positions import Misplaced, Parsed, Repeated

_TEXT = "tag:yaml.org,2002:str"
_RESOLVERS = [
    ("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:(?:0|[1-9][0-9_]*)(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?\Z"),
        list("-+.0123456789"),
    ),
]
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}


class _Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]  # yaml has no types, its stubs are often there
    """SafeLoader without aliases, or types that JSON has not. Of a repeated key it takes the first value."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below, once
    repeats = False

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise _misplaced(self.peek_event().start_mark, "aliases are not allowed")
        node = super().compose_node(parent, index)
        if node.tag not in _PLAIN_TAGS:
            shown = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise _misplaced(node.start_mark, f"tag {shown} is not allowed")
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _misplaced(key_node.start_mark, "a key must be text")
            value = self.construct_object(value_node, deep=True)
            if key_node.value in mapping:
                self.repeats = True
            else:
                mapping[key_node.value] = value
        return mapping


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


def parse_yaml(text: str) -> Parsed:
    """Return what a YAML text of one document says; raise Misplaced where it is wrong."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Parsed(None)
        value = loader.construct_document(root)
        return Parsed(value, tuple(_repeated(root, ())) if loader.repeats else ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _misplaced(mark, f"is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Misplaced(1, 1, f"is not YAML: {' '.join(str(error).split())}") from error


def compose_yaml(text: str) -> Any:
    """Return the tree of nodes, each with its mark, of a text that was parsed before; raises what the loader raises."""
    return yaml.compose(text, Loader=_Loader)


def _repeated(node: Any, place: Place) -> Iterator[Repeated]:
    """Yield the repeated keys at and below a node, in their order."""
    if node.id == "sequence":
        for i, item in enumerate(node.value):
            yield from _repeated(item, (*place, i))
    if node.id == "mapping":
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                yield Repeated((*place, key.value), line, lines[key.value])
            lines.setdefault(key.value, line)
            yield from _repeated(value, (*place, key.value))


def _misplaced(mark: Any, problem: str) -> Misplaced:
    return Misplaced(mark.line + 1, mark.column + 1, problem) if mark is not None else Misplaced(1, 1, problem)
