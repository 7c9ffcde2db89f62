"""What a strategy cannot do without: kinds of events that must come by at least once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.errors import MissingDataError
from dbatch.schema import EVENT_TYPES

_HEAD = 256


class Needs:
    """Looks for `needs`, of `schema.EVENT_TYPES`, among blocks that pass by, until each was seen once.

    Where the strategy sees rows with time and price only (`priced_only`), only those count.
    """

    def __init__(self, needs: Sequence[str], *, priced_only: bool) -> None:
        self._needs = tuple(dict.fromkeys(needs))
        self._absent = {EVENT_TYPES.index(name): name for name in self._needs}
        self._priced_only = priced_only
        self._rows = False
        self._at_end = False

    def of(self, blocks: Iterable[EventBlock]) -> Iterator[EventBlock]:
        """Yield `blocks`."""
        for block in blocks:
            if self._absent:
                self._look(block)
            yield block
        self._at_end = True

    def refuse_absence(self, rest: Iterable[EventBlock] = ()) -> None:
        """Raise MissingDataError when all blocks came by, those of `rest` now, but not each kind that is needed.

        Data without a row that the strategy sees has another fault, which is not told here.
        """
        for _ in rest if self._absent else ():
            if not self._absent:
                return
        if self._absent and self._at_end and self._rows:
            raise MissingDataError(_text(self._needs, tuple(self._absent.values())))

    def _look(self, block: EventBlock) -> None:
        begin, size = 0, _HEAD
        while self._absent and begin < len(block):  # from the beginning, where each kind is found soon
            part = block.rows(slice(begin, begin + size))
            kinds = part.kinds
            if self._priced_only:
                kinds = kinds[(part.prices > 0.0) & (part.timestamps != NOT_A_TIME)]
            self._rows = self._rows or len(kinds) > 0
            for code in [code for code in self._absent if (kinds == code).any()]:
                del self._absent[code]
            begin, size = begin + size, size * 8


def _text(needs: Sequence[str], absent: Sequence[str]) -> str:
    """Return what is missing, in words.

    >>> _text(("bid", "ask", "trade"), ("bid",)), _text(("trade",), ("trade",))
    ('needs bid, ask and trade events, the data has none of bid', 'needs trade events, the data has none')
    """
    which = "" if needs == absent else f" of {_joined(absent)}"
    return f"needs {_joined(needs)} events, the data has none{which}"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
