"""A strategy's factory in this process: imported once by name, its files checked against the planned hash."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from dbatch.errors import StrategyError
from dbatch.model import StrategyRef
from dbatch.plugins import modules, search_path
from dbatch.plugins.faults import where_it_broke as where_it_broke
from dbatch.plugins.hashing import installed_files, layout_files, read_files, source_hash
from dbatch.plugins.layout import Layout, find
from dbatch.plugins.outside import contents_of, has_changed, outside_modules
from dbatch.plugins.sources import choose_factory, no_factory_fault
from dbatch.schema import EVENT_TYPES

_LOCK = threading.RLock()
_PLAIN = frozenset({int, float, bool, str, type(None)})

Factory = Callable[[Mapping[str, Mapping[str, Any]]], object]
Load = Callable[[StrategyRef], Factory]


def load_factory(ref: StrategyRef) -> Factory:
    """Return the strategy's `create_*_handler`, from its module as imported in this process.

    A second call with unchanged files imports nothing; with changed files and their new hash, everything of
    the strategy is imported afresh. Raises StrategyError, in one line, when the files do not have the hash of
    `ref`, when the import fails, and when there is no factory.
    """
    module = load_module(ref)
    found = [name for name in vars(module) if name.startswith("create_") and name.endswith("_handler")]
    name = ref.factory if hasattr(module, ref.factory) else choose_factory(ref.name, found)
    if name is None:
        raise StrategyError(no_factory_fault(module.__file__ or ref.module, ref.name, found))
    factory: Factory = getattr(module, name)
    if not callable(factory):
        raise StrategyError(f"{module.__file__}: {name} is {type(factory).__name__}, must be a function")
    return factory


def make_handler(ref: StrategyRef, config: Mapping[str, Mapping[str, Any]], *, load: Load = load_factory) -> object:
    """Return a fresh handler for the whole configuration `{security: {parameter: value}}`.

    The factory gets a copy that it may change. Who makes many handlers in a row gives a `load` that remembers. Raises
    StrategyError when the factory fails, or returns what is neither callable nor a compiled strategy.
    """
    factory = load(ref)
    before = len(sys.modules)  # to compare their names would take as long as a small job
    try:
        handler = factory({security: _own(values) for security, values in config.items()})
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{_called(ref, factory)} failed: {where_it_broke(error, ref)}") from error
    if len(sys.modules) > before:
        _remember_late(ref)
    if not callable(handler) and declared_parameters_of(handler) is None:
        kind = type(handler).__name__
        raise StrategyError(f"{_called(ref, factory)} returned {kind}, must be a handler function or EventStrategy")
    return handler


def _called(ref: StrategyRef, factory: object) -> str:
    return f"strategy '{ref.name}': {getattr(factory, '__name__', ref.factory)}(config)"


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `values` that can be changed; of plain ones it is made in a tenth of the time."""
    return dict(values) if _PLAIN.issuperset(map(type, values.values())) else copy.deepcopy(dict(values))


def declared_parameters(ref: StrategyRef, handler: object = None) -> type | None:
    """Return the NamedTuple class that describes the strategy's parameters; None where it declares none.

    A compiled strategy's `handler` carries it as `parameters`; a Python module declares it as `Parameters`.
    """
    carried = declared_parameters_of(handler)
    return carried if carried is not None else _named_tuple(getattr(load_module(ref), "Parameters", None))


def declared_parameters_of(handler: object) -> type | None:
    """Return the NamedTuple class that a compiled strategy's handler carries as `parameters`; else None."""
    return _named_tuple(getattr(handler, "parameters", None))


def declared_needs(ref: StrategyRef, handler: object) -> tuple[str, ...]:
    """Return the types of events that the strategy cannot do without.

    A compiled strategy's `handler` carries them as `needs`; a Python module declares them as `NEEDS`, for all its plain
    handlers. Raises StrategyError for what is no tuple of `schema.EVENT_TYPES`.
    """
    if declared_parameters_of(handler) is not None:
        name, needs = "needs", getattr(handler, "needs", ())
    else:
        loaded = modules.LOADED.get((ref.root, ref.module))
        name, needs = "NEEDS", getattr(loaded.module if loaded else load_module(ref), "NEEDS", ())
    if not isinstance(needs, tuple):
        raise StrategyError(f"strategy '{ref.name}': {name} is {needs!r}, must be a tuple such as ('bid', 'ask')")
    for need in needs:
        if need not in EVENT_TYPES:
            known = ", ".join(map(repr, EVENT_TYPES))
            raise StrategyError(f"strategy '{ref.name}': {name} has {need!r}, each must be one of {known}")
    return needs


def load_module(ref: StrategyRef) -> ModuleType:
    """Return the strategy's module as imported in this process; raises as `load_factory` does."""
    with _LOCK:
        layout = None if ref.root is None else find(ref.root, ref.module)
        files = installed_files(ref.module) if layout is None else layout_files(layout)
        contents = read_files(files)
        if source_hash(contents) != ref.source_hash:
            raise StrategyError(f"strategy '{ref.name}' ({ref.origin}): files changed since the run was planned")
        known = modules.LOADED.get((ref.root, ref.module))
        if known is not None and known.source_hash == ref.source_hash and not has_changed(known):
            modules.activate(known)
            return known.module
        if layout is None:
            return _import_installed(ref)
        digests = {str(files[name]): hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        return _import_from_path(ref, layout, digests)


def outside_files(ref: StrategyRef) -> dict[str, bytes]:
    """Return the content of each module that the strategy imports from outside its own files, by module name.

    What is installed, and dbatch itself, is left out; so an installed strategy has none. Raises as
    `load_factory` does.
    """
    with _LOCK:
        load_module(ref)
        outside = modules.LOADED[ref.root, ref.module].outside
    return {name: content for name, (_, content) in outside.items()}


def _import_installed(ref: StrategyRef) -> ModuleType:
    top = ref.module.partition(".")[0]
    if (None, ref.module) in modules.LOADED and top != "dbatch":
        for name in [name for name in sys.modules.copy() if name.partition(".")[0] == top]:
            del sys.modules[name]
        for key in [key for key in modules.LOADED if key[0] is None and key[1].partition(".")[0] == top]:
            del modules.LOADED[key]
        importlib.invalidate_caches()
    with _faults_of(ref):
        module = importlib.import_module(ref.module)
    own = {} if top == "dbatch" else dict(sys.modules)  # nothing sets dbatch's own modules aside
    package = {name: found for name, found in own.items() if name.partition(".")[0] == top}
    modules.LOADED[None, ref.module] = modules.Loaded(None, ref.source_hash, module, package=package)
    return module


def _import_from_path(ref: StrategyRef, layout: Layout, digests: dict[str, str]) -> ModuleType:
    modules.forget(key for key, loaded in modules.LOADED.items() if has_changed(loaded))
    modules.forget_stale(layout, digests)
    modules.set_aside_others(layout)
    search_path.put_first(layout.search, layout.reach.homes)
    importlib.invalidate_caches()
    before, path_before = dict(sys.modules), list(sys.path)
    modules.pin_namespaces(layout)
    try:
        with _faults_of(ref), _no_bytecode():
            module = _import_plain(layout) if layout.plain else importlib.import_module(layout.import_name)
    except BaseException:
        _take_back(before)
        raise
    finally:
        added = tuple(entry for entry in sys.path if entry not in path_before)
        search_path.keep_put(added)
        search_path.spare_standard(layout.reach.homes)
    if module.__file__ is None or not Path(module.__file__).samefile(layout.file):
        _take_back(before)
        raise StrategyError(f"{layout.file}: importing '{layout.module}' gave {module.__file__} instead; rename one")
    outside = outside_modules(module, layout, before)
    modules.LOADED[ref.root, ref.module] = modules.Loaded(
        layout=layout,
        source_hash=ref.source_hash,
        module=module,
        search=(*added, *layout.search),
        modules={**modules.modules_in(layout.tree), **outside},
        digests=digests,
        outside=contents_of(outside),
    )
    return module


def _remember_late(ref: StrategyRef) -> None:
    """Keep what the factory imported, rather than the module, with the strategy."""
    with _LOCK:
        loaded = modules.LOADED.get((ref.root, ref.module))
        if loaded is None or loaded.layout is None:
            return
        outside = outside_modules(loaded.module, loaded.layout, sys.modules)
        late = {name: module for name, module in outside.items() if name not in loaded.modules}
        loaded.modules |= late
        loaded.outside |= contents_of(late)


def _import_plain(layout: Layout) -> ModuleType:
    spec = importlib.util.spec_from_file_location(layout.import_name, layout.file)
    if spec is None or spec.loader is None:
        raise StrategyError(f"{layout.file}: must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[layout.import_name] = module  # numba and pickle look a function's module up by its name
    spec.loader.exec_module(module)
    return module


def _take_back(before: Mapping[str, ModuleType]) -> None:
    for name, module in sys.modules.copy().items():
        if name not in before and not modules.is_installed(module) and name.partition(".")[0] != "dbatch":
            del sys.modules[name]


@contextlib.contextmanager
def _faults_of(ref: StrategyRef) -> Iterator[None]:
    try:
        yield
    except StrategyError:
        raise
    except (Exception, SystemExit) as error:
        message = f"strategy '{ref.name}' cannot be imported: {where_it_broke(error, ref)}"
        raise StrategyError(message) from error


@contextlib.contextmanager
def _no_bytecode() -> Iterator[None]:
    """Write no .pyc of a user's file: its stamp has whole seconds, so a quick edit would run the old code."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _named_tuple(value: object) -> type | None:
    return value if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields") else None
