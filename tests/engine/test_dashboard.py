"""The dashboard of our own cluster: loaded when someone looks, once, and never for the pages that need no Bokeh."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dbatch.engine.cluster import dashboard_link, open_client


@pytest.fixture
def client() -> Iterator[Any]:
    with open_client("threads", 1, address=None, dashboard=True) as client:
        yield client


def page(client: Any, path: str) -> str:
    link = dashboard_link(client, "threads")
    assert link is not None
    with urllib.request.urlopen(link.removesuffix("status") + path, timeout=30) as answer:
        return str(answer.read().decode())


def applications(client: Any) -> list[str]:
    return [type(one).__name__ for one in client.cluster.scheduler.http_application.applications]


def test_it_is_loaded_once_for_all_who_ask_at_the_same_time(client: Any) -> None:
    assert applications(client) == ["_Waiting"]
    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(lambda _: page(client, "status"), range(4)))
    assert all("<title>Dask" in one for one in shown)
    assert applications(client) == ["DaskBokehTornado"]


def test_pages_of_the_scheduler_itself_load_nothing(client: Any) -> None:
    assert "Workers" in page(client, "info/main/workers.html")
    assert applications(client) == ["_Waiting"]


def test_without_a_dashboard_nothing_waits_for_requests() -> None:
    with open_client("threads", 1, address=None, dashboard=False) as client:
        assert applications(client) == []
