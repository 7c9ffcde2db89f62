"""Every strategy that can be named, from entry points and from paths, read from metadata and source alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from dbatch.errors import StrategyError
from dbatch.plugins.hashing import package_locations
from dbatch.plugins.layout import HANDLER_FILE, Candidate, absolute, candidates, place, separate_roots
from dbatch.plugins.sources import (
    UNKNOWN,
    SourceFacts,
    choose_factory,
    imported_files,
    kind_of,
    no_factory_fault,
    read_source,
    strategy_name,
)

GROUP = "dbatch.strategies"


@dataclass(frozen=True)
class StrategyListing:
    """One strategy that was found, whether or not it can be used: a `fault` says why it cannot.

    `origin` is a distribution and its version, or the file; `root` is the path it was found under, None when
    it is installed. `aliases` are further names it answers to when no strategy bears them. `beside` is what it
    stands in, as the user would write it, when no path was given for it; else None.
    """

    name: str
    kind: str
    origin: str
    description: str
    fault: str | None
    module: str
    factory: str
    root: str | None
    aliases: tuple[str, ...] = ()
    beside: str | None = None

    @property
    def rank(self) -> int:
        """Whose turn it is to be named: 0 from a path that was given, 1 installed, 2 from the working folder."""
        if self.beside is not None:
            return 2
        return 0 if self.root is not None else 1

    @property
    def depth(self) -> int:
        """How many folders below its root it stands; a package stands where its folder does."""
        file = Path(self.origin)
        place = file.parent if file.name == HANDLER_FILE else file
        return 0 if self.root is None else len(place.parts) - len(Path(self.root).parts)


def list_installed(
    entry_points: Iterable[metadata.EntryPoint] | None = None, *, named: str | None = None
) -> Iterator[StrategyListing]:
    """Yield the strategies of all installed distributions, without importing any of them.

    With `named` the sources of that strategy alone are read: of the others only what their entry points say is known.
    """
    points = metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    for point in points:
        listing = _of_entry_point(point)
        yield listing if listing.fault or named not in (None, point.name) else _with_facts(listing)


def list_path(path: str) -> list[StrategyListing]:
    """Return the strategies in a file, a folder of files or of packages, and in the folders below that one.

    Raises StrategyError when `path` is missing or holds no strategy.
    """
    root = absolute(path)
    looked_for = "looked for create_*_handler in the file, in FOLDER/*.py, FOLDER/handler.py and FOLDER/*/handler.py"
    if root.is_file():
        found = list(_in_file(root, Candidate(root, root.parent), given=True))
        if found:
            return found
        raise StrategyError(f"strategy path '{path}' holds no strategy: {looked_for}")
    if not root.is_dir():
        raise StrategyError(f"strategy path '{path}' does not exist: {looked_for}")
    found = [listing for candidate in candidates(root) for listing in _in_file(root, candidate, given=False)]
    if found:
        return found
    raise StrategyError(f"strategy path '{path}' holds no strategy: {looked_for}, there and in the folders below")


def list_beside(folder: str) -> list[StrategyListing]:
    """Return the strategies in a folder that nobody named, each under a strategy path of its own.

    A folder that is missing, cannot be read or holds no strategy has none.
    """
    if not Path(folder).is_dir():
        return []
    home = absolute(folder)
    found: dict[tuple[str, str], StrategyListing] = {}
    with suppress(StrategyError):
        for root in sorted(separate_roots(home), key=lambda root: -len(root.parts)):  # a package before its project
            beside = os.path.join(folder, root.relative_to(home).parts[0])
            for candidate in [Candidate(root, root.parent)] if root.is_file() else candidates(root):
                for listing in _in_file(root, candidate, given=False):
                    found.setdefault((listing.origin, listing.factory), replace(listing, beside=beside))
    return list(found.values())


def _of_entry_point(point: metadata.EntryPoint) -> StrategyListing:
    module, _, factory = point.value.partition(":")
    module, factory = module.strip(), factory.strip()
    origin = f"{point.dist.name} {point.dist.version}" if point.dist is not None else module
    fault = f"entry point '{point.value}' of {origin} must be 'module:create_{point.name}_handler'"
    return StrategyListing(
        name=point.name,
        kind=UNKNOWN,
        origin=origin,
        description="",
        fault=None if factory else fault,
        module=module,
        factory=factory,
        root=None,
    )


def _with_facts(listing: StrategyListing) -> StrategyListing:
    """Return the listing of an installed strategy with what its source says."""
    factory, file = listing.factory, _module_file(listing.module)
    if file is None:
        return replace(listing, fault=f"module '{listing.module}' of {listing.origin} was not found")
    facts = read_source(file)
    if facts.fault is None and not facts.star_import and factory not in (*facts.defined, *facts.imported):
        found = ", ".join((*facts.defined, *facts.imported)) or "none"
        return replace(listing, fault=f"{file}: no factory '{factory}'; found {found}")
    return replace(
        listing,
        kind=kind_of(facts, imported_files(file, facts)),
        description=facts.described(factory),
        fault=facts.fault,
    )


def _module_file(module: str) -> Path | None:
    top, *below = module.split(".")
    for location in package_locations(top):
        if location.is_file():
            return None if below else location
        target = location.joinpath(*below)
        for file in (target / "__init__.py", target.with_name(target.name + ".py") if below else None):
            if file is not None and file.is_file():
                return file
    return None


def _in_file(root: Path, candidate: Candidate, *, given: bool) -> Iterator[StrategyListing]:
    """Yield the strategies of one file; a broken one is listed when `given` by name, or if it mentions a factory."""
    file = candidate.file
    facts = read_source(file)
    if file.name == HANDLER_FILE:
        yield from _in_package(root, candidate, facts)
        return
    factories = facts.defined or (facts.imported if given else ())
    if facts.fault is not None and not factories and (given or facts.mentions_factory):
        yield _from_path(root, candidate, facts, name=file.stem, factory="")
    names = [strategy_name(factory) or file.stem for factory in factories]
    for factory, name in zip(factories, names, strict=True):
        aliases = (file.stem,) if len(names) == 1 and name != file.stem else ()
        yield _from_path(root, candidate, facts, name=name, factory=factory, aliases=aliases)


def _in_package(root: Path, candidate: Candidate, facts: SourceFacts) -> Iterator[StrategyListing]:
    """Yield the strategy called as its folder; where no factory fits that, also one for each there is."""
    name = candidate.file.parent.name
    factory = choose_factory(name, facts.defined, facts.imported)
    fault = None
    if factory is None and facts.star_import:
        factory = f"create_{name}_handler"  # a star import hides what there is; loading looks again
    if factory is None:
        fault = no_factory_fault(str(candidate.file), name, (*facts.defined, *facts.imported))
        for found in facts.defined or facts.imported:
            if named := strategy_name(found):
                yield _from_path(root, candidate, facts, name=named, factory=found)
    alias = strategy_name(factory) if factory else None
    aliases = (alias,) if alias and alias != name else ()
    yield _from_path(
        root, candidate, facts, name=name, factory=factory or "", aliases=aliases, fault=facts.fault or fault
    )


def _from_path(
    root: Path,
    candidate: Candidate,
    facts: SourceFacts,
    *,
    name: str,
    factory: str,
    aliases: Sequence[str] = (),
    fault: str | None = None,
) -> StrategyListing:
    layout = place(root, candidate)
    dotted = next((part for part in _package_folders(candidate.file, layout.module) if "." in part), None)
    if dotted is not None and not layout.plain:
        fault = fault or f"{candidate.file}: folder name '{dotted}' holds a dot, so Python cannot import it; rename it"
    return StrategyListing(
        name=name,
        kind=kind_of(facts, layout.reach.direct),
        origin=str(candidate.file),
        description=facts.described(factory),
        fault=fault or facts.fault,
        module=layout.module,
        factory=factory,
        root=str(root),
        aliases=tuple(aliases),
    )


def _package_folders(file: Path, module: str) -> tuple[str, ...]:
    """Return the folder names that `module` is made of, and perhaps more where one of them holds a dot."""
    return file.parent.parts[-module.count(".") :] if "." in module else ()
