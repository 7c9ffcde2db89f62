"""What a job prints, in whatever way, is in its receipt and nowhere else."""

from __future__ import annotations

import os
from typing import Any

import pytest

from dbatch.engine.isolate.scratch import free_old, nameless_file, printed_since

EVERYWHERE = "from python\nas an error\nfrom C\nfrom a grandchild\nno end of line"


def test_output_of_python_of_c_and_of_grandchildren_is_the_jobs(unruly: Any) -> None:
    before, printing, after = unruly.does("nothing", "print", "nothing")

    assert (before.output, printing.output, after.output) == ("", EVERYWHERE, "")


@pytest.mark.parametrize("deed", ["print and segfault", "print and exit", "print and hang", "print and raise"])
def test_what_was_printed_before_a_job_came_to_its_end_is_there(unruly: Any, deed: str) -> None:
    _, printing = unruly.does("print much", deed, limit=1.0)

    assert printing.status != "success"
    assert printing.output == EVERYWHERE


def test_of_long_output_the_last_16_kib_are_kept_and_the_cut_is_marked(unruly: Any) -> None:
    (receipt,) = unruly.does("print much")

    written = "".join(f"line {number}\n" for number in range(10_000))
    mark, _, kept = receipt.output.partition("\n")
    assert mark == f"[{len(written) - 16 * 1024:,} bytes before this were cut]"
    assert kept == written[-16 * 1024 :]


def test_output_without_end_does_not_keep_a_job_from_its_time_limit(unruly: Any) -> None:
    endless, after = unruly.does("print for ever", "print", limit=0.5)

    assert endless.status == "timeout"
    assert endless.output.endswith("x" * 16 * 1024)
    assert after.output == EVERYWHERE


def test_a_job_that_closes_the_streams_closes_them_for_itself_alone(unruly: Any) -> None:
    closing, printing = unruly.does("close the streams", "print")

    assert (closing.status, printing.output) == ("success", EVERYWHERE)


def test_nothing_that_a_job_prints_reaches_the_terminal(unruly: Any, capfd: pytest.CaptureFixture[str]) -> None:
    unruly.does("print", "print and segfault", "print")

    assert capfd.readouterr() == ("", "")


def test_a_nameless_file_gives_its_memory_back_but_for_the_end_and_keeps_positions() -> None:
    handle = nameless_file()
    os.write(handle, b"a" * (8 << 20) + b"the end")

    freed = free_old(handle, 0)

    assert freed == (8 << 20) + 7 - 16 * 1024
    assert os.fstat(handle).st_blocks * 512 < 1 << 16
    assert printed_since(handle, 8 << 20) == "the end"
    assert free_old(handle, freed) == freed  # not before there is much again
    os.close(handle)


def test_a_nameless_file_is_read_from_its_start() -> None:
    handle = nameless_file(b"orders")

    assert os.read(handle, 100) == b"orders"
    os.close(handle)
