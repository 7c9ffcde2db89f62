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
from dbatch.plugins.listing import StrategyListing, list_installed, list_path

PATH_VARIABLE = "DBATCH_STRATEGY_PATH"


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
    """Return every strategy in `paths` and every installed one, by name; those of a path come first.

    A file that several paths reach is listed once, under the first. Nothing is imported; a strategy that
    cannot be used has a fault. Raises StrategyError for a path that is missing or holds no strategy.
    """
    found: dict[tuple[str, str], StrategyListing] = {}
    for path in dict.fromkeys(paths):
        for listing in list_path(path):
            found.setdefault((os.path.realpath(listing.origin), listing.factory), listing)
    listings = [*found.values(), *dict.fromkeys(list_installed(entry_points))]
    return sorted(listings, key=lambda listing: (listing.name, listing.root is None, listing.origin))


def resolve(name: str, paths: Sequence[str] = (), entry_points: Iterable[EntryPoint] | None = None) -> Resolved:
    """Return the strategy called `name`: one from `paths` before an installed one, a name before an alias.

    Raises StrategyError for a name that is unknown, that two strategies share, or whose strategy has a fault.
    """
    listings = list_strategies(paths, entry_points)
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
    return Resolved(ref=ref, listing=listing, notes=tuple(_notes(name, listing, listings, paths)))


def _files(listing: StrategyListing) -> dict[str, Path]:
    if listing.root is None:
        return installed_files(listing.module)
    return layout_files(find(listing.root, listing.module))


def _only(name: str, listings: Sequence[StrategyListing]) -> StrategyListing:
    for installed in (False, True):
        own = [listing for listing in listings if (listing.root is None) is installed]
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
                hint = "uninstall one" if installed else "name one path only"
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
    offered = dict.fromkeys(other.name for other in listings if other.root is not None)
    if listing.root is None and offered:
        place = " and ".join(dict.fromkeys(paths))
        verb = "offers" if len(set(paths)) == 1 else "offer"
        yield f"strategy '{name}' is the installed one ({listing.origin}); {place} {verb} {', '.join(offered)}"
    for other in listings:
        if listing.root is not None and other is not listing and other.name == name:
            which = f"the installed one ({other.origin})" if other.root is None else f"the one deeper in {other.origin}"
            yield f"strategy '{name}' from {listing.origin} is used instead of {which}"
