"""JSON of many values that are alike but in a few places, joined from pieces rather than encoded one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final

_ENCODED: Final = re.compile(r'"\\u0000(\d+)\\u0000"')


class Hole(str):
    """What stands in a value where those that are alike differ; holes are numbered."""

    number: int

    def __new__(cls, number: int) -> Hole:
        made = super().__new__(cls, f"\0{number}\0")
        made.number = number
        return made


class Template:
    """The JSON of a value with holes.

    >>> import json
    >>> order = {"size": Hole(1), "unit": 100, "side": Hole(0)}
    >>> template = Template(json.dumps, order, {0: ["buy", "sell"], 1: [1, 2]})
    >>> list(template.joined([[0, 0, 1], [0, 1, 1]]))[:2]
    ['{"size": 1, "unit": 100, "side": "buy"}', '{"size": 2, "unit": 100, "side": "buy"}']
    """

    def __init__(
        self, encode: Callable[[Any], str], value: Any, tables: Mapping[int, Sequence[Any]], given: Sequence[int] = ()
    ) -> None:
        """Encode `value`, and what may stand in each hole; JSON for the holes of `given` is to come with each row.

        Raises ValueError where the holes of `value` are not these, each once.
        """
        self._lead, *rest = _ENCODED.split(encode(value))
        self._holes = [int(number) for number in rest[::2]]
        following = dict(zip(self._holes, rest[1::2], strict=True))
        if sorted(self._holes) != sorted([*tables, *given]):
            raise ValueError(f"holes {sorted(self._holes)} are found")
        self._tables = {
            number: [encode(value) + following[number] for value in values] for number, values in tables.items()
        }
        self._following = {number: following[number] for number in given}

    def joined(self, columns: Sequence[Iterable[Any]]) -> Iterator[str]:
        """Yield the JSON of the value for each row of `columns`.

        Column `n` has, for hole `n`, places in its table, or JSON where that is given.
        """
        pieces: list[Iterable[str]] = [repeat(self._lead)]
        for hole in self._holes:
            if hole in self._following:
                pieces += [columns[hole], repeat(self._following[hole])]
            else:
                pieces.append(map(self._tables[hole].__getitem__, columns[hole]))
        return map("".join, zip(*pieces, strict=False))  # what is repeated has no end
