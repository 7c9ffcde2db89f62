"""The fork server: a process that has imported what jobs need, forks children, and sees to it that nothing stays.

Each child hangs on a leash, a socket whose other end the process holds that asked for it. When that end closes, by
will or by whatever death, the child is killed with all that it started. When the server's own line closes, all are.
"""

from __future__ import annotations

import errno
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import partial
from typing import NoReturn

import psutil

from dbatch.engine.isolate.child import Handles, run_orders
from dbatch.engine.isolate.leash import Word, say
from dbatch.engine.isolate.messages import BROKEN
from dbatch.engine.isolate.preload import Needs, preload
from dbatch.engine.isolate.warden import kill_orphans


def serve(line: int) -> NoReturn:
    """Serve the process at the other end of the socket with descriptor `line` until it is gone."""
    gc.disable()
    Server(socket.socket(fileno=line)).serve()


class Server:
    """The children of this process, and the selector that hears of all of them."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._leashes: dict[int, socket.socket] = {}
        self._loaded: Needs | None = None
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(line, selectors.EVENT_READ, self._asked)
        self._selector.register(self._woken, selectors.EVENT_READ, self._some_ended)

    def serve(self) -> NoReturn:
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _asked(self) -> None:
        """Import what is asked for and fork a child where descriptors came along; end when nobody can ask any more."""
        try:
            asked, handles, _, _ = socket.recv_fds(self._line, 1, len(Handles._fields) + 1)
        except OSError:
            asked = b""
        if not asked:
            self._end()
        if self._loaded is None or Needs(asked[0]) not in self._loaded:
            self._loaded = Needs(asked[0]) | (self._loaded or Needs.NOTHING)
            preload(self._loaded)
        if handles:
            for handle in handles:
                os.set_inheritable(handle, False)
            leash, *others = handles
            self._fork(socket.socket(fileno=leash), Handles(*others))

    def _fork(self, leash: socket.socket, handles: Handles) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            say(leash, Word.NOT_FORKED, error.errno or errno.EAGAIN)
            leash.close()
        else:
            if pid == 0:
                try:
                    self._leave()
                    leash.close()
                    run_orders(server, handles)
                except BaseException:  # noqa: BLE001 - nothing else may go on with the server's work
                    traceback.print_exc()
                finally:
                    os._exit(BROKEN)
            self._leashes[pid] = leash
            say(leash, Word.FORKED, pid)
            self._selector.register(leash, selectors.EVENT_READ, partial(self._let_go, pid))
        for handle in handles:
            os.close(handle)

    def _leave(self) -> None:
        """Give up, in a child, all that is the server's."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._selector.close()
        for leash in self._leashes.values():
            leash.close()
        self._line.close()
        os.close(self._woken)
        os.close(self._waker)

    def _let_go(self, pid: int) -> None:
        if pid in self._leashes:  # else it has ended by itself just now
            self._selector.unregister(self._leashes[pid])
            _kill(pid)

    def _some_ended(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        for pid in list(self._leashes):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                _kill_group(pid)
                leash = self._leashes.pop(pid)
                kill_orphans(except_for=self._leashes.keys())  # an orphan of a child that lives is with that one
                with suppress(KeyError):
                    self._selector.unregister(leash)
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                say(leash, Word.ENDED, os.waitstatus_to_exitcode(status), peak)
                leash.close()
        kill_orphans(except_for=self._leashes.keys())  # such as could not be killed the last time

    def _end(self) -> NoReturn:
        for pid in self._leashes:
            _kill(pid)
        kill_orphans()
        os._exit(0)


def _kill(pid: int) -> None:
    family: list[psutil.Process] = []
    if sys.platform != "linux":  # there they come to us
        with suppress(psutil.Error):
            family = psutil.Process(pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _kill_group(pid)
    for process in family:
        with suppress(psutil.Error):
            process.kill()


def _kill_group(pid: int) -> None:
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
