"""What the fork server imports once, so that its children begin with it."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
from collections.abc import Iterable
from contextlib import suppress
from enum import IntFlag
from pathlib import Path
from typing import Final

import pyarrow as pa

import dbatch.metrics
from dbatch.model import RunContext
from dbatch.one_thread import one_thread_each


class Needs(IntFlag):
    """What the jobs of a run need beside what all of them do."""

    NOTHING = 0
    PANDAS = 1
    METRICS = 2
    KERNEL = 4


_ALWAYS: Final = ("dbatch.data.csv", "dbatch.data.parquet", "dbatch.engine.unit", "platformdirs")
_METRICS: Final = [module.name for module in pkgutil.iter_modules(dbatch.metrics.__path__, "dbatch.metrics.")]
_MODULES: Final = {
    Needs.PANDAS: ("pandas", "pyarrow.pandas_compat", "dbatch.engine.plain"),
    Needs.METRICS: ("dbatch.engine.performance", *_METRICS),
    Needs.KERNEL: ("dbatch.engine.kernel",),
}


def needs_of(contexts: Iterable[RunContext]) -> Needs:
    """Return what the jobs of `contexts` need."""
    needs = Needs.NOTHING
    for context in contexts:
        needs |= Needs.KERNEL if context.compiled else Needs.PANDAS
        if context.sweep:
            needs |= Needs.METRICS
    return needs


def server_environment() -> dict[str, str]:
    """Return the environment for a process that starts no threads, so that forking it is safe."""
    environment = dict(os.environ)
    one_thread_each(environment)
    environment.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")  # pyarrow's jemalloc
    return environment


def preload(needs: Needs) -> None:
    """Import what `needs` says, and leave all that is there now out of garbage collections, whose marks cost copies."""
    names = [*_ALWAYS, *(name for need in _MODULES if need in needs for name in _MODULES[need])]
    for name in names:
        with suppress(Exception):  # the job that needs it will say what is wrong
            importlib.import_module(name)
    pa.allocate_buffer(1)  # Arrow asks for a gigabyte of addresses with the first: before children have their limits
    from dbatch.plugins.modules import modules_in

    modules_in(Path(os.devnull))  # it looks once where each module is installed, which takes most of a first import
    gc.collect()
    gc.freeze()
