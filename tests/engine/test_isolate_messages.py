"""Messages of a child come through its pipe in pieces, and garbage is known for what it is."""

from __future__ import annotations

import socket

import pytest

from dbatch.engine.isolate.leash import Word, Words, say
from dbatch.engine.isolate.messages import Begun, GarbledError, Messages, Said, packed

FIRST, SECOND = Said(None, Begun(0, 17)), Said(None, None)


def test_messages_come_whole_however_the_bytes_were_cut() -> None:
    messages = Messages()

    heard = [said for byte in packed(FIRST) + packed(SECOND) for said in messages.take(bytes([byte]))]

    assert heard == [FIRST, SECOND]


def test_several_messages_may_come_at_once() -> None:
    assert list(Messages().take(packed(FIRST) * 3)) == [FIRST] * 3


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
