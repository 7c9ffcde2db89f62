"""Dask's dashboard on our own scheduler: its address answers from the start, what it needs loads when someone looks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import dask
from tornado.web import Application, RequestHandler

_PAGES: Final = "distributed.dashboard.scheduler"


def serve_when_asked_for(scheduler: Any, settings: Mapping[str, Any]) -> None:
    """Have `scheduler`, which was started without a dashboard, load one at the first request for a page of it.

    Bokeh takes 0.8 s of CPU and 80 MB, which no run need wait for or spend. Until it is there requests wait, and
    the scheduler goes on. `settings` of Dask hold while the pages are made. To be called before there are requests.
    """
    scheduler.http_application.add_application(_Waiting(scheduler, settings))


class _Waiting(Application):
    """Stands for all pages that the scheduler itself has not, until those of the dashboard take its place."""

    def __init__(self, scheduler: Any, settings: Mapping[str, Any]) -> None:
        super().__init__([(r".*", _Page, {"waiting": self})])
        self._scheduler = scheduler
        self._dask_settings = settings
        self._loading: asyncio.Task[None] | None = None

    async def loaded(self) -> None:
        """Return when the dashboard is there."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load())
        await asyncio.shield(self._loading)  # for all who ask, also if one of them leaves

    async def _load(self) -> None:
        pages = await asyncio.get_running_loop().run_in_executor(None, import_module, _PAGES)
        scheduler = self._scheduler
        with dask.config.set(self._dask_settings):
            pages.connect(scheduler.http_application, scheduler.http_server, scheduler, prefix="")
        scheduler.http_application.applications.remove(self)


class _Page(RequestHandler):
    """Asks for the same page again once it can be shown."""

    def initialize(self, waiting: _Waiting) -> None:
        self._waiting = waiting

    async def get(self) -> None:
        await self._waiting.loaded()
        self.redirect(self.request.uri or "/")
