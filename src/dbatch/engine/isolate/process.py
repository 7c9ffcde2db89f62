"""One child process, as the process sees it that has its jobs run there."""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Final

import psutil

from dbatch.engine.isolate.child import Orders
from dbatch.engine.isolate.forking import ForkServer
from dbatch.engine.isolate.leash import Word, Words
from dbatch.engine.isolate.messages import Messages, Said
from dbatch.engine.isolate.preload import needs_of
from dbatch.engine.isolate.scratch import free_old, nameless_file, printed_since, text_since
from dbatch.engine.isolate.verdict import Ended
from dbatch.model import Job, RunContext, Unit

_PIECE: Final = 1 << 16
_TO_END_SEC: Final = 5.0
_TO_SHOW_STACKS_SEC: Final = 0.9
_LOOK_EVERY_SEC: Final = 0.02
_TOGETHER_SEC: Final = 0.005
"""What is said in a row is taken together: to wake up for it costs more than a message itself."""


class Child:
    """A child process that runs jobs: what it says and prints, and how it ended.

    `pid` is None until it was forked, `ended` until it is over. `silent` says that it said nothing the last time,
    `closed` that it will say nothing more, `orphaned` that its fork server is gone, and it with it. `refused` is the
    system's error number when it could not be forked.
    """

    def __init__(self, server: ForkServer, context: RunContext, jobs: Sequence[Job]) -> None:
        """Ask `server` for it; raises OSError where the system has no descriptors left for it."""
        self.pid: int | None = None
        self.ended: Ended | None = None
        self.refused: int | None = None
        self.silent = True
        self.closed = self.orphaned = False
        self._messages, self._words = Messages(), Words()
        self._memory: psutil.Process | None = None
        self._freed = 0
        with ExitStack() as ours, ExitStack() as theirs:
            orders = _own(theirs, nameless_file(pickle.dumps(_orders(context, jobs))))
            self._pipe, their_pipe = map(_own, (ours, theirs), os.pipe())
            self._output, self._stacks = (_own(ours, nameless_file()) for _ in range(2))
            self._leash, their_leash = socket.socketpair()
            ours.enter_context(self._leash)
            theirs.enter_context(their_leash)
            handles = [their_leash.fileno(), orders, their_pipe, self._output, self._stacks]
            server.ask(needs_of([context]), handles)
            self._ours = ours.pop_all()
        os.set_blocking(self._pipe, False)
        self._leash.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        self._poll.register(self._leash, select.POLLIN)

    def hear(self, seconds: float) -> Iterator[Said]:
        """Yield what it says as soon as it says something, and end after `seconds` in which it does not.

        Raises GarbledError where it says what nobody can understand.
        """
        if not self.silent:
            time.sleep(_TOGETHER_SEC)
        ready = {handle for handle, _ in self._poll.poll(seconds * 1000)}
        self.silent = not ready
        if self._leash.fileno() in ready:
            self._hear_of_it()
        if self._pipe in ready or self.ended is not None:
            yield from self._read()
        self._freed = free_old(self._output, self._freed)

    def _read(self) -> Iterator[Said]:
        """Yield from one piece of what is in the pipe, from all of it when the child is over."""
        while not self.closed:
            try:
                piece = os.read(self._pipe, _PIECE)
            except BlockingIOError:
                return
            if not piece:
                self.closed = True
                self._poll.unregister(self._pipe)
            yield from self._messages.take(piece)
            if self.ended is None:
                return

    def _hear_of_it(self) -> None:
        """Take what the fork server says of it."""
        try:
            piece = self._leash.recv(4096)
        except (BlockingIOError, TimeoutError):
            return
        except OSError:
            piece = b""
        for word, number, size in self._words.take(piece):
            if word == Word.FORKED:
                self.pid = number
                with suppress(psutil.Error):
                    self._memory = psutil.Process(number)
            elif word == Word.NOT_FORKED:
                self.refused = number
            else:
                self.ended = Ended(number, size)
        if not piece:
            self.orphaned = self.ended is None and self.refused is None
            self._poll.unregister(self._leash)

    def memory(self) -> int:
        """Return the bytes of memory that it holds now, 0 when it is over."""
        with suppress(psutil.Error):
            return int(self._memory.memory_info().rss) if self._memory is not None else 0
        return 0

    def printed_since(self, start: int) -> str:
        return printed_since(self._output, start)

    def last_stacks(self) -> str:
        """Return the stacks that it wrote when it crashed."""
        return text_since(self._stacks, 0)

    def stacks_now(self, patience: float = _TO_SHOW_STACKS_SEC) -> str:
        """Return the stacks of its threads, "" where it shows none within `patience` seconds.

        Soon, by a signal; where the handler lets none through, its watchdog does it some time after the time limit.
        """
        if self.pid is None:
            return ""
        start = size = os.fstat(self._stacks).st_size
        with suppress(OSError):
            os.kill(self.pid, signal.SIGUSR1)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SEC)
            before, size = size, os.fstat(self._stacks).st_size
            if start < size == before:
                break
        return text_since(self._stacks, start)

    def kill(self) -> None:
        """Kill it with all that it started, unless it is over; returns when it is."""
        with suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)  # the fork server does the rest
        deadline = time.monotonic() + _TO_END_SEC
        self._leash.settimeout(_LOOK_EVERY_SEC)
        while self.pid is not None and self.ended is None and not self.orphaned and time.monotonic() < deadline:
            self._hear_of_it()
        if self.pid is not None and self.ended is None:  # the server is gone or stuck
            for kill in (os.kill, os.killpg):
                with suppress(OSError):
                    kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, and give back what held it."""
        self.kill()
        self._ours.close()


def _own(stack: ExitStack, handle: int) -> int:
    stack.callback(os.close, handle)
    return handle


def _orders(context: RunContext, jobs: Sequence[Job]) -> Orders:
    folder: str | None = None
    with suppress(OSError):  # it is gone
        folder = os.getcwd()
    return Orders(context, Unit(context.run_id, tuple(jobs)), folder, sys.path, sys.argv, dict(os.environ))
