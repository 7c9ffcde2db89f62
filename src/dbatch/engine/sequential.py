"""Units one after the other in this process: no Dask, no cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbatch.engine.control import Control
from dbatch.engine.ready import modules_left_alone
from dbatch.engine.unit import run_unit
from dbatch.engine.units import Units
from dbatch.model import Receipt, RunContext


def run_sequential(contexts: Mapping[str, RunContext], units: Units, control: Control) -> Iterator[list[Receipt]]:
    """Yield the receipts of each of `units` in their order; of isolated jobs, from a child process."""
    if any(context.isolated for context in contexts.values()):
        from dbatch.engine.isolate.parent import prepare

        prepare(contexts.values())
    with modules_left_alone(contexts.values()):
        while not control.draining and (unit := units.take(1)) is not None:
            context = contexts[unit.run_id]
            try:
                receipts = run_unit(
                    context, unit, stop=lambda: control.expired, drain=lambda: control.draining, hears_signals=True
                )
            except InterruptedError:  # what is under way did not end in time
                return
            units.finished(unit, receipts)
            yield receipts
