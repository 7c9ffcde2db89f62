"""What runs of a batch share: a strategy, its code, the securities it runs over and their content, each found once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from dbatch.batch.defaults import default_config, default_data
from dbatch.batch.fees import takes_costs
from dbatch.batch.fit import check_fit
from dbatch.config.files import load_mapping
from dbatch.config.runs import RunSpec
from dbatch.config.sections import expand
from dbatch.data.market import Market
from dbatch.data.names import file_slug
from dbatch.data.read import DEFAULT_CHUNK_ROWS
from dbatch.data.securities import HOW_READ, open_data, universe_of
from dbatch.engine.plan import code_hash, common_identity, fingerprints
from dbatch.errors import StrategyError
from dbatch.model import Security, StrategyRef, Window
from dbatch.plugins.discovery import Resolved, resolve, search_paths
from dbatch.plugins.loading import declared_needs, declared_parameters, load_factory, make_handler
from dbatch.portfolio import PortfolioStrategy
from dbatch.strategies import CompiledStrategy

_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Setup:
    """What all runs with the same arguments share.

    `declared` is the class of the strategy's parameters (None where it declares none), `written` the configuration
    file's sections, `content` the hash of each security's data by its name. What `takes_costs` has no fees.
    """

    number: int
    ref: StrategyRef
    compiled: bool
    declared: type | None
    code: str
    market: Market
    content: Mapping[str, str]
    written: Mapping[str, Any]
    config: str | None
    window: Window
    chunk_rows: int
    prepare: Callable[[Any], Any] | None = None
    takes_costs: bool = False

    def identities(self, names: Mapping[str, str], seed: int | None) -> dict[str, str]:
        """Return what the keys of all jobs over a security begin with, by its name.

        `names` gives its spelling in the configuration.
        """
        return {
            security.name: common_identity(
                self.code, self.content[security.name], self.window, names[security.name], seed
            )
            for security in self.market.securities
        }

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of these inputs."""
        return {
            "strategy": dataclasses.asdict(self.ref),
            "compiled": self.compiled,
            "code": self.code,
            "window": dataclasses.asdict(self.window),
            "chunk_rows": self.chunk_rows,
            "data": self.market.origin,
            "securities": {
                security.name: {
                    "label": security.label,
                    "file_name": file_slug(security.name),
                    "source": str(security.source),
                    "read_as": dataclasses.asdict(security.source),
                    "fingerprint": self.content[security.name],
                }
                for security in self.market.securities
            },
        }


@dataclass
class Setups:
    """The setups of a batch, each made when the first run asks for it; a market is hashed once, whoever uses it."""

    notes: list[str] = field(default_factory=list)
    _setups: dict[Any, Setup] = field(default_factory=dict)
    _strategies: dict[Any, Resolved] = field(default_factory=dict)
    _markets: dict[Any, Market] = field(default_factory=dict)
    _content: dict[Security, str] = field(default_factory=dict)

    def __iter__(self) -> Any:
        return iter(self._setups.values())

    def of(self, run: RunSpec) -> Setup:
        """Return the setup of `run`. Raises UsageError (and its kinds) for a strategy or data that cannot be used."""
        name = tuple(sorted((key, value) for key, value in run.arguments.items()))
        found = self._setups.get(name)
        if found is None:
            found = self._setups[name] = self._made(run)
        return found

    def strategy(self, name: str, paths: Sequence[str]) -> Resolved:
        """Return the strategy called `name`, looked for as `dbatch run` does. Raises StrategyError."""
        key = name, tuple(paths)
        if key not in self._strategies:
            self._strategies[key] = resolve(name, search_paths(paths))
        return self._strategies[key]

    def _made(self, run: RunSpec) -> Setup:
        asked = run.arguments
        strategy = asked["strategy"]
        resolved = self.strategy(strategy, asked.get("strategy_path") or ())
        for note in resolved.notes:
            self._note(note)
        ref = dataclasses.replace(resolved.ref, name=strategy)
        market = self.market(
            asked.get("data"),
            asked.get("securities"),
            asked.get("max_sheets"),
            {name: asked.get(name) for name in HOW_READ},
        )
        config = asked.get("config") or default_config(strategy)
        written = load_mapping(config) if config else {}
        names = [security.name for security in market.securities]
        expand(written, {}, names, config or "base_args")
        sections = expand(written, run.parameters, names, f"run {run.id}").mapping
        load_factory(ref)  # what cannot be imported is refused; what fails for some parameters is those runs' failure
        try:
            handler = make_handler(ref, sections)
        except StrategyError:
            handler = None
        declared_needs(ref, handler)  # refuses what is none
        check_fit(ref, handler, market)
        if isinstance(handler, PortfolioStrategy):
            market = universe_of(market)
        return Setup(
            number=len(self._setups),
            ref=ref,
            compiled=isinstance(handler, CompiledStrategy | PortfolioStrategy),
            prepare=handler.prepare if isinstance(handler, PortfolioStrategy) else None,
            declared=(declared := declared_parameters(ref, handler)),
            takes_costs=takes_costs(handler, declared, written),
            code=code_hash(ref, handler),
            market=market,
            content=self._hashed(market),
            written=written,
            config=config,
            window=Window(
                day_of(asked.get("start_date")), day_of(asked.get("end_date")), bool(asked.get("only_trades", False))
            ),
            chunk_rows=asked.get("chunk_size") or DEFAULT_CHUNK_ROWS,
        )

    def market(
        self,
        data: str | None,
        securities: Sequence[str] | None,
        most: int | None,
        how: Mapping[str, Any],
    ) -> Market:
        """Return the named securities, or the first ones, of the data, read as `how` says (`HOW_READ`).

        Raises UsageError (and its kinds), DataError.
        """
        read_as = tuple(how.get(name) for name in HOW_READ)
        name = (data, None if securities is None else tuple(securities), most, read_as)
        found = self._markets.get(name)
        if found is None:
            origin = data
            if origin is None:
                origin, note = default_data()
                if note:
                    self._note(note)
            opened = self._markets.get((origin, read_as)) or open_data(origin, **how)
            self._markets[origin, read_as] = opened
            found = self._markets[name] = opened.select(securities, most)
        return found

    def _hashed(self, market: Market) -> dict[str, str]:
        new = [security for security in market.securities if security not in self._content]
        hashes = fingerprints(new)
        self._content |= {security: hashes[security.name] for security in new}
        return {security.name: self._content[security] for security in market.securities}

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def day_of(day: date | str | None) -> int | None:
    """Return a date, as ISO text too, in days since 1970; None for none."""
    if day is None:
        return None
    return ((date.fromisoformat(day) if isinstance(day, str) else day) - _EPOCH).days
