"""A real browser for the tests of reports: headless Chromium over its DevTools pipe, without another package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_PATIENCE = 60.0
_SETTLED = "new Promise(done => setTimeout(() => done(true), 100))"


@dataclass
class Page:
    """An open page: script errors and policy violations so far, addresses that it asked for beside its own."""

    browser: Browser
    session: str
    address: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def evaluate(self, expression: str) -> Any:
        """Return what `expression` gives in the page, once all is drawn that it changed."""
        self.browser.call("Page.bringToFront", {}, self.session)  # pages behind others are not drawn
        found = self._value(expression)
        self._value(_SETTLED)
        return found

    def texts(self, selector: str) -> list[str]:
        """Return the text of each element that `selector` finds."""
        return list(self._value(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)"))

    def screenshot(self) -> bytes:
        """Return what the window shows as PNG."""
        self.browser.call("Page.bringToFront", {}, self.session)
        shot = self.browser.call("Page.captureScreenshot", {"format": "png"}, self.session)
        return base64.b64decode(shot["data"])

    def _value(self, expression: str) -> Any:
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.browser.call("Runtime.evaluate", asked, self.session)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")


class Browser:
    """Chromium in a new, empty profile; it and all its processes end with `close`."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        theirs = [fcntl.fcntl(one, fcntl.F_DUPFD, 20) for one in (to_read, to_write)]
        os.close(to_read)
        os.close(to_write)
        start = [sys.executable, "-c", _START, *map(str, theirs)]
        words = [*start, program, *_OPTIONS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            words, pass_fds=theirs, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for one in theirs:
            os.close(one)
        self._number = 0
        self._buffer = b""
        self._pages: dict[str, Page] = {}
        self._loaded: set[str] = set()

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """Return the page at `path`, loaded and drawn."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session, path.absolute().as_uri())
        for room in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{room}.enable", {}, session)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", {"features": scheme}, session)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", size, session)
        self.call("Page.navigate", {"url": page.address}, session)
        until = time.monotonic() + _PATIENCE
        while session not in self._loaded:
            self._take(self._message(until))
        page.evaluate("true")
        return page

    def call(self, method: str, asked: dict[str, Any], session: str | None = None) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": asked}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + _PATIENCE
        while True:
            answer = self._message(until)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._take(answer)

    def close(self) -> None:
        os.close(self._write)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._read)

    def _message(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            assert ready, "Chromium did not answer"
            content = os.read(self._read, 1 << 20)
            assert content, "Chromium has ended"
            self._buffer += content
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def _take(self, event: dict[str, Any]) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is None:
            return
        method, facts = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded.add(page.session)
        elif method == "Runtime.exceptionThrown":
            page.errors.append(json.dumps(facts["exceptionDetails"]))
        elif method == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            page.errors.append(facts["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            page.errors.append(json.dumps(facts["args"]))
        elif method == "Network.requestWillBeSent" and facts["request"]["url"] != page.address:
            page.requests += [facts["request"]["url"]] if not facts["request"]["url"].startswith("data:") else []


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A running headless Chromium; tests that need one are skipped where there is none."""
    program = os.environ.get("DBATCH_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no {', '.join(_NAMES)} on the path; set DBATCH_CHROMIUM to a Chromium")
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


def _daily(size: int, stop: int, days: int) -> tuple[float, ...]:
    """Earnings that rise with size, differ with stop, and go up and down."""
    return tuple(float(size + (7 * day + 3 * stop) % 23 - 11) for day in range(days))


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory, batches: Any, write_batch: Callable[..., Path]) -> Path:
    """A batch of 3 x 4 runs over two securities and 40 days; the run of size 2 and stop 3 failed. Only read it."""
    runs = []
    for size in range(3):
        for stop in range(4):
            good = batches.MadeJob(daily=_daily(size, stop, 40))
            bad = batches.MadeJob("failed", error=f"KeyError: 'adj_close' in row {stop}")
            jobs = {"AAA": good, "BBB": bad if (size, stop) == (2, 3) else good}
            runs.append(batches.MadeRun(jobs, run_id=f"s{size}_t{stop}", parameters={"size": size, "stop": stop}))
    return write_batch(tmp_path_factory.mktemp("grid") / "results", runs)
