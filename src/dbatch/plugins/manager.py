"""The plugins that observe runs: found through entry points, called one by one, never trusted to succeed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata

import pluggy

from dbatch.errors import UsageError
from dbatch.plugins import hookspecs

GROUP = "dbatch.plugins"

log = logging.getLogger(__name__)


class Observers:
    """The plugins of this process, called by method; what one of them raises is logged, never passed on."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @property
    def names(self) -> list[str]:
        """The names of the registered plugins, in order of registration."""
        return [name for name, _ in self._manager.list_name_plugin()]

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin; raise UsageError for a hook that does not exist or asks for unknown arguments."""
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._manager.get_plugin(name) is plugin:
                self._manager.unregister(name=name)
            raise UsageError(f"plugin '{name}': {' '.join(str(error).split())}") from error

    def run_started(self, strategy: str, securities: Sequence[str], output_dir: str) -> None:
        """Tell every plugin that a run is about to start."""
        self._call("dbatch_run_started", strategy=strategy, securities=tuple(securities), output_dir=output_dir)

    def job_finished(self, security: str, status: str, receipt: Mapping[str, object]) -> None:
        """Tell every plugin that one job's receipt is committed."""
        self._call("dbatch_job_finished", security=security, status=status, receipt=dict(receipt))

    def run_finished(self, output_dir: str, counts: Mapping[str, int]) -> None:
        """Tell every plugin that the run's results are written."""
        self._call("dbatch_run_finished", output_dir=output_dir, counts=dict(counts))

    def _call(self, hook: str, **arguments: object) -> None:
        plugins = self._manager.list_name_plugin()
        for name, plugin in plugins:
            others = [other for _, other in plugins if other is not None and other is not plugin]
            try:
                self._manager.subset_hook_caller(hook, others)(**arguments)
            except Exception as error:  # noqa: BLE001 - an observer must not end the run it observes
                log.warning("plugin '%s': %s failed: %s: %s", name, hook, type(error).__name__, error)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("observers stay in the driver's process: send names to workers, not plugins")


def load(entry_points: Iterable[metadata.EntryPoint] | None = None) -> Observers:
    """Return the installed observers; one that cannot be imported is logged and left out.

    Raises UsageError for a plugin with a hook that does not exist.
    """
    observers = Observers()
    for point in metadata.entry_points(group=GROUP) if entry_points is None else entry_points:
        try:
            plugin = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken plugin hurts only itself
            log.warning("plugin '%s' is left out: %s: %s", point.name, type(error).__name__, error)
            continue
        observers.register(plugin() if isinstance(plugin, type) else plugin, point.name)
    return observers
