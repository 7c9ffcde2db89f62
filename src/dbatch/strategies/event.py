"""A compiled strategy: plain functions over NamedTuples of scalars, run event by event in one generated loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from dbatch.sim.clock import SessionWindows

View = Literal["priced", "complete"]

EventOrder = Literal["source", "time", "unstable_time"]
"""In which order events are replayed: as the source has them; by time, rows of one time as the source has them; or by
time as numpy's default sort leaves them, which puts rows of one time into an order of its own (see `engine.order`)."""


@dataclass(frozen=True)
class EventStrategy:
    """What `create_<strategy>_handler` returns for a compiled strategy.

    `parameters` is a NamedTuple class of what a user may set; `bind` turns an instance of it into the
    NamedTuple of scalars (int, float, bool, or NamedTuples of them) that the compiled code reads;
    `start(params)` returns the state before the first event, also such a NamedTuple, and
    `on_event(params, state, event)` the state after it and a tuple of `Fill`s in order of execution (quantity 0
    is none). `on_phase(params, state, day, phase)`, where there is one, returns the state with which a phase of a day
    begins: it is called before an event that is seen in another phase or on another day than the one before it.
    `on_day_end(params, state, is_last)`, where there is one, returns the state after the last event of a day and a
    tuple of `DatedFill`s: it is called before the first event of another day, and at the end of all (`is_last`).
    All are `@njit(inline="always")` and annotated: the engine reads State and the number of fills
    from the annotations. `session` cuts the day into the phases that `Event.phase` counts; `view` says which
    rows the strategy sees: "priced" leaves out rows without time or price and prices of 0 or less, counted.
    `needs` are types of events ("bid", "ask", "trade") without which there is nothing to run: where the data of a
    job has none of one, the job is skipped. `order`, where there is one, gives the `EventOrder` that an instance of
    `parameters` asks for; any but "source" takes all events of the security at once, leaving out rows without a time.
    """

    parameters: type[tuple[Any, ...]]
    bind: Callable[[Any], Any]
    start: Any
    on_event: Any
    session: SessionWindows = field(default_factory=SessionWindows)
    view: View = "priced"
    needs: tuple[str, ...] = ()
    on_phase: Any = None
    on_day_end: Any = None
    order: Callable[[Any], EventOrder] | None = None
