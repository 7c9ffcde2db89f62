"""A plain handler that does to its process what its parameter `does` names; grandchildren sleep for `seconds`."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np

FOR_EVER = 1e9


def spin():
    while True:
        pass


def hold_the_interpreter_in_a_regular_expression():
    re.match(r"(a+)+$", "a" * 40 + "b")


def hold_the_interpreter_asleep():
    ctypes.PyDLL(None).sleep(100_000)


def block_every_signal():
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))
    spin()


def ignore_what_shows_stacks():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    spin()


def ignore_termination_with_a_grandchild():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_a_grandchild()
    time.sleep(FOR_EVER)


def leave_a_grandchild():
    """Start two: one in this process's group, one that has left it and lost its parent."""
    seconds = os.environ["UNRULY_SECONDS"]
    subprocess.Popen(["sleep", seconds])
    subprocess.run(["sh", "-c", f"setsid sleep {seconds} &"], check=True)


def grow_slowly():
    held = []
    while True:
        held.append(b"x" * 20_000_000)
        time.sleep(0.01)


def leak():
    LEAKED.append(b"x" * 100_000_000)


LEAKED = []


def grow_and_be_killed():
    held = b"x" * 280_000_000
    os.kill(os.getpid(), signal.SIGKILL)
    return held


def abort_as_cpp_does():
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n")
    os.abort()


def leave_dbatch_no_memory():
    def packed(said):
        raise MemoryError

    sys.modules["dbatch.engine.isolate.child"].packed = packed


def hold_300_mb():
    return len(b"x" * 300_000_000)


def trade_much():
    trade = {"timestamp": np.datetime64("2025-04-14T10:00", "ns"), "side": "buy", "fill_price": 10.0, "fill_qty": 1}
    return [{**trade, "realized_pnl": 0.0, "position": 1, "pnl": 0.0}] * 20_000


def raise_interrupted():
    raise InterruptedError("not from outside")


class Odd(BaseException):
    pass


def raise_odd():
    raise Odd("of no common kind")


def print_much():
    for number in range(10_000):
        print(f"line {number}")


def print_everywhere():
    print("from python")
    print("as an error", file=sys.stderr)
    ctypes.CDLL(None).printf(b"from C\n")
    subprocess.run(["echo", "from a grandchild"], check=True)
    print("no end of line", end="")


def print_and(what):
    def do():
        print_everywhere()
        what()

    return do


def print_for_ever():
    while True:
        os.write(1, b"x" * 1_000_000)


def write_garbage_everywhere():
    for handle in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(handle, b"garbage " * 1000)
    time.sleep(FOR_EVER)


def close_everything():
    os.closerange(0, 256)


def close_everything_and_stay():
    os.closerange(0, 256)
    time.sleep(FOR_EVER)


def close_the_streams():
    sys.stdout.close()
    os.close(1)
    os.close(2)


def haunt():
    """Die, but only once the next job has begun."""
    threading.Timer(0.3, os.abort).start()


def kill_the_fork_server():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(FOR_EVER)


DEEDS = {
    "nothing": lambda: None,
    "raise": lambda: {}["nowhere"],
    "raise interrupted": raise_interrupted,
    "raise odd": raise_odd,
    "sys.exit(3)": lambda: sys.exit(3),
    "sys.exit('no data')": lambda: sys.exit("no data"),
    "os._exit(7)": lambda: os._exit(7),
    "os._exit(0)": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "kill itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "terminate itself": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "spin": spin,
    "sleep": lambda: time.sleep(FOR_EVER),
    "sleep a little": lambda: time.sleep(0.5),
    "sleep some seconds": lambda: time.sleep(3.0),
    "regular expression": hold_the_interpreter_in_a_regular_expression,
    "sleep in C": hold_the_interpreter_asleep,
    "block signals": block_every_signal,
    "ignore SIGUSR1": ignore_what_shows_stacks,
    "ignore SIGTERM": ignore_termination_with_a_grandchild,
    "leave a grandchild": leave_a_grandchild,
    "grow": grow_slowly,
    "trade much": trade_much,
    "leak": leak,
    "leak addresses": lambda: LEAKED.append(mmap.mmap(-1, 1_450_000_000)),
    "hold 300 MB": hold_300_mb,
    "abort for want of memory": abort_as_cpp_does,
    "leave dbatch no memory": leave_dbatch_no_memory,
    "grow and be killed": grow_and_be_killed,
    "100 GB array": lambda: np.ones(100_000_000_000, np.int8),
    "100 GB bytes": lambda: bytearray(100_000_000_000),
    "raise MemoryError": lambda: (_ for _ in ()).throw(MemoryError()),
    "print": print_everywhere,
    "print much": print_much,
    "print and hang": print_and(lambda: time.sleep(FOR_EVER)),
    "print and segfault": print_and(lambda: ctypes.string_at(0)),
    "print and raise": print_and(lambda: {}["nowhere"]),
    "print and exit": print_and(lambda: os._exit(5)),
    "print for ever": print_for_ever,
    "garbage": write_garbage_everywhere,
    "close everything": close_everything,
    "close everything and stay": close_everything_and_stay,
    "close the streams": close_the_streams,
    "haunt": haunt,
    "kill the fork server": kill_the_fork_server,
}


def create_unruly_handler(config):
    def handler(security, chunk, orderbook, state):
        section = config[security]
        os.environ["UNRULY_SECONDS"] = section.get("seconds", "90000")
        made = DEEDS[section["does"]]()
        return {"trades": made} if isinstance(made, list) else state

    return handler
