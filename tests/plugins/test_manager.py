import logging
import pickle
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from dbatch.errors import UsageError
from dbatch.plugins.hookspecs import hookimpl
from dbatch.plugins.manager import Observers, load


def observer_of(seen):
    class Observer:
        @hookimpl
        def dbatch_run_started(self, strategy, securities):
            seen.append((strategy, securities))

        @hookimpl
        def dbatch_job_finished(self, security, status, receipt):
            seen.append((security, status, receipt))

        @hookimpl
        def dbatch_run_finished(self, counts):
            seen.append(counts)

    return Observer()


class Broken:
    @hookimpl
    def dbatch_run_started(self, strategy):
        raise ValueError("no server")


def test_every_hook_reaches_a_plugin_with_the_arguments_it_asks_for():
    seen = []
    observers = Observers()
    observers.register(observer_of(seen), "seer")
    observers.run_started("v1", ["ADIB"], "out")
    observers.job_finished("ADIB", "ok", {"fills": 2})
    observers.run_finished("out", {"ok": 1})
    assert seen == [("v1", ("ADIB",)), ("ADIB", "ok", {"fills": 2}), {"ok": 1}]


def test_a_hook_that_raises_is_logged_with_its_plugin_and_hinders_nobody(caplog):
    seen = []
    observers = Observers()
    observers.register(observer_of(seen), "first")
    observers.register(Broken(), "broken")
    observers.register(observer_of(seen), "last")
    with caplog.at_level(logging.WARNING):
        observers.run_started("v1", [], "out")
    assert len(seen) == 2
    assert caplog.messages == ["plugin 'broken': dbatch_run_started failed: ValueError: no server"]


def test_a_misspelt_hook_is_refused_at_registration():
    plugin = SimpleNamespace(dbatch_run_strated=hookimpl(lambda strategy: None))
    observers = Observers()
    with pytest.raises(UsageError, match=r"plugin 'typo': .*dbatch_run_strated"):
        observers.register(plugin, "typo")
    assert observers.names == []


def test_a_hook_that_asks_for_an_unknown_argument_is_refused():
    plugin = SimpleNamespace(dbatch_run_started=hookimpl(lambda strtegy: None))
    with pytest.raises(UsageError, match="strtegy"):
        Observers().register(plugin, "typo")


def test_a_plugin_that_cannot_be_imported_is_logged_and_left_out(caplog):
    points = [EntryPoint("gone", "no_such_module_x", "dbatch.plugins")]
    with caplog.at_level(logging.WARNING):
        assert load(points).names == []
    assert caplog.messages == ["plugin 'gone' is left out: ModuleNotFoundError: No module named 'no_such_module_x'"]


def test_an_installed_plugin_is_loaded_under_its_entry_points_name(tmp_path, write, monkeypatch):
    text = "from dbatch.plugins.hookspecs import hookimpl\n@hookimpl\ndef dbatch_run_started(strategy): ...\n"
    write(tmp_path, {"observer_pkg.py": text})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load([EntryPoint("seer", "observer_pkg", "dbatch.plugins")]).names == ["seer"]


def test_observers_do_not_travel_to_workers():
    with pytest.raises(TypeError, match="stay in the driver's process"):
        pickle.dumps(Observers())
