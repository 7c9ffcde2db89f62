"""Messages of a child come through its pipe in pieces, and garbage is known for what it is."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from dbatch.engine.fills import Fills
from dbatch.engine.isolate.leash import Word, Words, say
from dbatch.engine.isolate.messages import Begun, GarbledError, Messages, Said, packed
from dbatch.engine.outcome import Outcome
from dbatch.model import Receipt

FIRST, SECOND = Said(None, Begun(0, 17)), Said(None, None)


def test_messages_come_whole_however_the_bytes_were_cut() -> None:
    messages = Messages()

    heard = [said for byte in packed(FIRST) + packed(SECOND) for said in messages.take(bytes([byte]))]

    assert heard == [FIRST, SECOND]


def test_several_messages_may_come_at_once() -> None:
    assert list(Messages().take(packed(FIRST) * 3)) == [FIRST] * 3


def test_an_outcome_comes_as_it_was_said() -> None:
    receipt = Receipt("key", "ABC", "success", trades=2, metrics={"sharpe": 1.5, "sortino": None}, notes=("one",))
    column = np.array([3, 5])
    fills = Fills(column, column / 2, column, column / 4, column, column / 8)
    said = Said(Outcome(receipt, fills, np.array([20_000, 20_001]), np.array([0.1, -2.5])), Begun(7, 11))

    (heard,) = Messages().take(packed(said))

    assert heard.begun == said.begun
    assert heard.outcome is not None
    assert heard.outcome.receipt == receipt
    assert heard.outcome.fills is not None
    assert heard.outcome.fills.digest() == fills.digest()
    assert heard.outcome.days is not None
    assert heard.outcome.daily_pnl is not None
    assert (heard.outcome.days.dtype, heard.outcome.days.tolist()) == (np.int64, [20_000, 20_001])
    assert (heard.outcome.daily_pnl.dtype, heard.outcome.daily_pnl.tolist()) == (np.float64, [0.1, -2.5])


def test_what_came_before_garbage_is_heard() -> None:
    messages = Messages().take(packed(FIRST) + b"x" * 100)

    assert next(messages) == FIRST
    with pytest.raises(GarbledError):
        next(messages)


@pytest.mark.parametrize("at", [0, 3, 4, 7, 20, -1])
def test_a_byte_that_was_changed_makes_a_message_garbage(at: int) -> None:
    spoilt = bytearray(packed(FIRST))
    spoilt[at] ^= 0x40

    with pytest.raises(GarbledError):
        list(Messages().take(bytes(spoilt)))


def test_words_of_the_fork_server_come_whole_however_the_bytes_were_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        say(theirs, Word.FORKED, 4711)
        say(theirs, Word.ENDED, -9, 1 << 40)
        said = ours.recv(1000)
    words = Words()

    heard = [word for byte in said for word in words.take(bytes([byte]))]

    assert heard == [(Word.FORKED, 4711, 0), (Word.ENDED, -9, 1 << 40)]
