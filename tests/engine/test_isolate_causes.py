"""Whatever a job does to its process is filed under it with its cause; the jobs around it go on as if nothing was."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from dbatch.engine.isolate.parent import run_isolated
from dbatch.model import Limits, Receipt

AT = r", at .*unruly\.py:\d+ in "
TIME = r"over its time limit of 1 s"
HELD = r"it held \d+ MiB of 400 MiB at most"
CAUSES = {
    "raise": ("failed", r".*unruly\.py:\d+: KeyError: 'nowhere'"),
    "raise interrupted": ("failed", r".*unruly\.py:\d+: InterruptedError: not from outside"),
    "raise odd": ("failed", r".*unruly\.py:\d+: Odd: of no common kind"),
    "sys.exit(3)": ("crashed", r"the handler called sys\.exit\(3\): exit code 3"),
    "sys.exit('no data')": ("crashed", r"the handler called sys\.exit\('no data'\): exit code 1"),
    "os._exit(7)": ("crashed", r"its process ended with exit code 7"),
    "os._exit(0)": ("crashed", r"its process ended with exit code 0"),
    "segfault": ("crashed", rf"its process was killed by SIGSEGV{AT}<lambda>"),
    "abort": ("crashed", rf"its process was killed by SIGABRT{AT}handler"),
    "kill itself": ("crashed", r"its process was killed by SIGKILL, by hand or by a system short of memory; .*"),
    "terminate itself": ("crashed", r"its process was killed by SIGTERM"),
    "spin": ("timeout", rf"{TIME}{AT}spin"),
    "sleep": ("timeout", rf"{TIME}{AT}<lambda>"),
    "regular expression": ("timeout", rf"{TIME}{AT}hold_the_interpreter_in_a_regular_expression"),
    "sleep in C": ("timeout", rf"{TIME}{AT}hold_the_interpreter_asleep"),
    "block signals": ("timeout", rf"{TIME}{AT}spin"),
    "ignore SIGUSR1": ("timeout", rf"{TIME}{AT}spin"),
    "ignore SIGTERM": ("timeout", rf"{TIME}{AT}ignore_termination_with_a_grandchild"),
    "grow": ("oom", rf"over its memory limit: \d+ MiB of 400 MiB{AT}grow_slowly"),
    "100 GB array": ("oom", rf".*unruly\.py:\d+: MemoryError: Unable to allocate 93\.1 GiB .*; {HELD}"),
    "100 GB bytes": ("oom", rf".*unruly\.py:\d+: MemoryError; {HELD}"),
    "raise MemoryError": ("oom", rf".*unruly\.py:\d+: MemoryError; {HELD}"),
    "grow and be killed": ("oom", rf"its process was killed by SIGKILL; {HELD}"),
    "abort for want of memory": ("oom", rf"its process was killed by SIGABRT; {HELD}{AT}abort_as_cpp_does"),
    "leave dbatch no memory": ("oom", rf"its process ended with exit code 220: MemoryError; {HELD}"),
    "garbage": ("crashed", r"something else than dbatch wrote into its pipe to dbatch"),
    "close everything": ("crashed", r"its handler closed the pipe to dbatch"),
    "close everything and stay": ("crashed", r"its process closed its pipe to dbatch and lived on"),
    "leave a grandchild": ("success", ""),
    "close the streams": ("success", ""),
}


@pytest.fixture(scope="module")
def found(unruly: Any, sleepers: Any) -> dict[str, tuple[Receipt, Receipt]]:
    """The receipt of each deed, and that of the innocent job after it; several of them at a time, as in a worker."""

    def carry_out(deeds: list[str], limit: float | None) -> dict[str, tuple[Receipt, Receipt]]:
        both = [each for deed in deeds for each in (deed, "nothing")]
        receipts = unruly.does(*both, limit=limit, mebibytes=400, seconds=sleepers.seconds)
        return dict(zip(deeds, zip(receipts[::2], receipts[1::2], strict=True), strict=True))

    large = [deed for deed, (status, _) in CAUSES.items() if status == "oom"]
    others = [deed for deed in CAUSES if deed not in large]
    with ThreadPoolExecutor(4) as threads:  # touching much memory takes what time it takes
        parts = list(threads.map(carry_out, [large, *(others[first::3] for first in range(3))], [None, 1.0, 1.0, 1.0]))
    return {deed: receipts for part in parts for deed, receipts in part.items()}


@pytest.mark.parametrize("deed", CAUSES)
def test_a_job_has_the_status_and_the_cause_of_what_it_did(
    found: dict[str, tuple[Receipt, Receipt]], deed: str
) -> None:
    status, cause = CAUSES[deed]

    receipt, _ = found[deed]

    assert (receipt.status, receipt.error) == (status, receipt.error)
    assert re.fullmatch(cause, receipt.error), receipt.error


def test_the_jobs_around_those_that_break_their_process_succeed(found: dict[str, tuple[Receipt, Receipt]]) -> None:
    assert {deed: after.status for deed, (_, after) in found.items()} == dict.fromkeys(CAUSES, "success")


@pytest.mark.parametrize("deed", [deed for deed, (status, _) in CAUSES.items() if status == "timeout"])
def test_a_hanging_job_has_the_stack_of_its_process_in_its_details(
    found: dict[str, tuple[Receipt, Receipt]], deed: str
) -> None:
    details = found[deed][0].details

    assert re.search(r'^  File ".*unruly\.py", line \d+ in handler$', details, re.MULTILINE)
    assert "isolate/child.py" not in details  # how dbatch came there tells nobody anything


def test_what_jobs_left_running_is_gone_with_them(found: dict[str, tuple[Receipt, Receipt]], sleepers: Any) -> None:
    assert found
    assert not sleepers()


def test_a_strategy_that_hangs_while_it_is_imported_is_over_time(unruly: Any, tmp_path: Any) -> None:
    (tmp_path / "hanging.py").write_text(
        "import time\ntime.sleep(1e6)\ndef create_hanging_handler(config):\n    return lambda *_: {}\n"
    )
    hanging = type(unruly)(unruly.folder, tmp_path / "hanging.py")

    (receipt,) = hanging.does("nothing", limit=0.5)

    assert receipt.status == "timeout"
    assert receipt.error.endswith("hanging.py:2 in <module>")


def test_a_job_that_has_no_memory_left_because_of_those_before_it_gets_a_process_of_its_own(unruly: Any) -> None:
    receipts = unruly.does(*["leak"] * 6, mebibytes=450)  # 100 MB each stay; the process alone takes 100 MB

    assert [receipt.status for receipt in receipts] == ["success"] * 6


def test_a_job_that_is_refused_memory_because_of_those_before_it_gets_a_process_of_its_own(unruly: Any) -> None:
    receipts = unruly.does("leak addresses", "hold 300 MB", mebibytes=500)  # of 1.5 GB that can be asked for

    assert [receipt.status for receipt in receipts] == ["success", "success"]


def test_a_job_whose_process_dies_of_what_one_before_it_did_gets_a_process_of_its_own(unruly: Any) -> None:
    receipts = unruly.does("haunt", "sleep a little")  # in the first one's process it would be aborted in its sleep

    assert [receipt.status for receipt in receipts] == ["success", "success"]


def test_limits_are_those_of_each_job_not_of_all_in_a_process(unruly: Any) -> None:
    receipts = unruly.does(*["sleep a little"] * 4, limit=1.5)  # 2 s together

    assert [receipt.status for receipt in receipts] == ["success"] * 4


def test_a_job_is_not_over_time_because_nobody_listens_to_its_result(unruly: Any) -> None:
    outcomes = run_isolated(unruly.context(Limits(1.0)), unruly.jobs(["nothing", "trade much", "nothing"]))
    next(outcomes)

    time.sleep(2.0)  # meanwhile the second one's fills, a megabyte, fill the pipe

    assert [outcome.receipt.status for outcome in outcomes] == ["success", "success"]


def test_a_peak_of_memory_is_that_of_the_job_not_of_one_before_it(unruly: Any) -> None:
    modest, large, again = unruly.does("nothing", "hold 300 MB", "nothing")

    assert large.peak_rss_mb > modest.peak_rss_mb + 250
    assert again.peak_rss_mb < modest.peak_rss_mb + 100


def test_a_stop_from_outside_ends_the_job_under_way(
    unruly: Any, fork_servers: Callable[[], list[psutil.Process]]
) -> None:
    receipts = unruly.outcomes("nothing", "sleep", stop=lambda: began)
    began = False
    assert next(receipts).status == "success"
    began = True

    with pytest.raises(InterruptedError):
        next(receipts)

    assert len(fork_servers()) == 2


def test_when_nobody_wants_more_outcomes_the_process_is_gone(
    unruly: Any, fork_servers: Callable[[], list[psutil.Process]]
) -> None:
    receipts = unruly.outcomes("nothing", "sleep")
    next(receipts)
    assert len(fork_servers()) == 3

    receipts.close()

    assert len(fork_servers()) == 2
