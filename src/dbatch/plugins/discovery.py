"""From a strategy's name to the reference that travels to workers, or to one line that says why not."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from dbatch.errors import StrategyError
from dbatch.model import StrategyRef
from dbatch.plugins.hashing import installed_files, layout_files, read_files, source_hash
from dbatch.plugins.layout import find
from dbatch.plugins.listing import StrategyListing, list_beside, list_installed, list_path

PATH_VARIABLE = "DBATCH_STRATEGY_PATH"
PLUGINS_FOLDER = "plugins"


@dataclass(frozen=True)
class Resolved:
    """The strategy a name stands for, what was read about it, and what the run should tell its user."""

    ref: StrategyRef
    listing: StrategyListing
    notes: tuple[str, ...] = ()


def search_paths(given: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the strategy paths in force: those `given`, else those of `DBATCH_STRATEGY_PATH`."""
    variables = os.environ if environ is None else environ
    return tuple(given) or tuple(path for path in variables.get(PATH_VARIABLE, "").split(os.pathsep) if path)


def list_strategies(
    paths: Sequence[str] = (), entry_points: Iterable[EntryPoint] | None = None
) -> list[StrategyListing]:
    """Return every strategy in `paths`, every installed one, and those of `plugins/` in the working folder, by name.

    Those of a path come first; one of `plugins/` is left out where its name is taken. A file that several paths
    reach is listed once, under the first. With `entry_points` given these are all that is installed, and the
    working folder is not looked into. Nothing is imported; a strategy that cannot be used has a fault. Raises
    StrategyError for a path that is missing or holds no strategy; in `plugins/` that is no error.
    """
    return _found(paths, entry_points)[0]


def resolve(name: str, paths: Sequence[str] = (), entry_points: Iterable[EntryPoint] | None = None) -> Resolved:
    """Return the strategy called `name`: from `paths`, else an installed one, else one of `plugins/`; a name
    before an alias. `entry_points` is as for `list_strategies`.

    Raises StrategyError for a name that is unknown, that two strategies share, or whose strategy has a fault.
    """
    listings, hidden = _found(paths, entry_points, named=name)
    listing = _only(name, listings)
    if listing.fault is not None:
        raise StrategyError(f"strategy '{name}' cannot be used: {listing.fault}")
    ref = StrategyRef(
        name=listing.name,
        factory=listing.factory,
        module=listing.module,
        root=listing.root,
        origin=listing.origin if listing.root is None else listing.root,
        source_hash=source_hash(read_files(_files(listing))),
    )
    notes = [*_notes(name, listing, listings, paths), *_hidden_notes(listing, hidden)]
    return Resolved(ref=ref, listing=listing, notes=tuple(notes))


def _found(
    paths: Sequence[str], entry_points: Iterable[EntryPoint] | None, named: str | None = None
) -> tuple[list[StrategyListing], list[StrategyListing]]:
    """Return the strategies that can be named, and those of `plugins/` whose names are taken by others.

    With `named` the sources of other installed ones are not read.
    """
    found: dict[tuple[str, str], StrategyListing] = {}
    for path in dict.fromkeys(paths):
        for listing in list_path(path):
            found.setdefault((os.path.realpath(listing.origin), listing.factory), listing)
    listings = [*found.values(), *dict.fromkeys(list_installed(entry_points, named=named))]
    taken = {listing.name for listing in listings}
    beside = list_beside(PLUGINS_FOLDER) if entry_points is None else []
    listings += [listing for listing in beside if listing.name not in taken]
    hidden = [listing for listing in beside if listing.name in taken]
    return sorted(listings, key=lambda listing: (listing.name, listing.rank, listing.origin)), hidden


def _files(listing: StrategyListing) -> dict[str, Path]:
    if listing.root is None:
        return installed_files(listing.module)
    return layout_files(find(listing.root, listing.module))


def _only(name: str, listings: Sequence[StrategyListing]) -> StrategyListing:
    hints = ("name one path only", "uninstall one", "rename one, or name a path with --strategy-path")
    for rank, hint in enumerate(hints):
        own = [listing for listing in listings if listing.rank == rank]
        for matching in (
            [listing for listing in own if listing.name == name],
            [listing for listing in own if name in listing.aliases],
        ):
            if len({listing.root for listing in matching}) == 1:  # the nearest, where one path holds several
                nearest = min(listing.depth for listing in matching)
                matching = [listing for listing in matching if listing.depth == nearest]
            if len(matching) == 1:
                return matching[0]
            if matching:
                places = " and ".join(f"{listing.name} in {listing.origin}" for listing in matching)
                raise StrategyError(f"'{name}' names {len(matching)} strategies: {places}; {hint}")
    raise StrategyError(_unknown(name, listings))


def _unknown(name: str, listings: Sequence[StrategyListing]) -> str:
    names = list(dict.fromkeys(listing.name for listing in listings))
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    guess = f"; did you mean '{by_folded[close[0]]}'?" if close else ""
    return f"unknown strategy '{name}'{guess} (strategies: {', '.join(names) or 'none'})"


def _notes(
    name: str, listing: StrategyListing, listings: Sequence[StrategyListing], paths: Sequence[str]
) -> Iterable[str]:
    if listing.name != name:
        yield f"'{name}' is strategy '{listing.name}' from {listing.origin}"
    elif listing.beside is not None:
        yield f"strategy '{name}' from {listing.beside}"
    offered = dict.fromkeys(other.name for other in listings if other.rank == 0)
    if listing.root is None and offered:
        place = " and ".join(dict.fromkeys(paths))
        verb = "offers" if len(set(paths)) == 1 else "offer"
        yield f"strategy '{name}' is the installed one ({listing.origin}); {place} {verb} {', '.join(offered)}"
    for other in listings:
        if listing.root is not None and other is not listing and other.name == name:
            which = f"the installed one ({other.origin})" if other.root is None else f"the one deeper in {other.origin}"
            yield f"strategy '{name}' from {listing.origin} is used instead of {which}"


def _hidden_notes(listing: StrategyListing, hidden: Sequence[StrategyListing]) -> Iterable[str]:
    """Say that an installed strategy stands before the one in `plugins/`, unless they are the same code."""
    for other in hidden:
        if listing.rank == 1 and other.name == listing.name and not _same_code(listing, other):
            yield (
                f"strategy '{listing.name}' is the installed one ({listing.origin}); {other.beside} is not the same, "
                f"--strategy-path {other.beside} uses it"
            )


def _same_code(listing: StrategyListing, other: StrategyListing) -> bool:
    try:
        contents = [sorted(read_files(_files(one)).values()) for one in (listing, other)]
    except StrategyError:  # what cannot be read here is nobody's choice
        return True
    return contents[0] == contents[1]
