"""Fills as a lazy Dask DataFrame: the same jobs, one partition each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dbatch.cache import cache_dir
from dbatch.config.sections import ParameterSections
from dbatch.data.frame import block_of_frame
from dbatch.engine.fills import fill_table
from dbatch.engine.job import run_job
from dbatch.model import StrategyRef
from dbatch.plugins.loading import declared_needs, make_handler
from dbatch.plugins.shipping import ShippedStrategy, localise, pack
from dbatch.schema import FILL_DTYPES
from dbatch.strategies import CompiledStrategy
from dbatch.strategies.parameters import validate


def simulate_partitions(ticks: Any, ref: StrategyRef, sections: ParameterSections) -> Any:
    """Return `ticks` mapped partition by partition to the fills of `ref`; see `dbatch.simulate`."""
    shipped = pack(ref)
    return ticks.map_partitions(simulate_frame, shipped, sections.mapping, meta=_no_fills(), enforce_metadata=True)


def simulate_frame(
    frame: pd.DataFrame, strategy: ShippedStrategy, sections: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the fills of one security's events, indexed by its name; a frame without rows has none."""
    if frame.empty:
        return _no_fills()
    security = str(frame.index[0])
    name = ParameterSections({key: dict(values) for key, values in sections.items()}).name_in_config(security)
    section = sections[name]
    ref = localise(strategy, cache_dir())
    handler = make_handler(ref, sections)
    if isinstance(handler, CompiledStrategy):
        section = validate(handler.parameters, {name: section}, "config")[name]._asdict()
    result = run_job(handler, name, section, [block_of_frame(frame)], needs=declared_needs(ref, handler))
    fills = fill_table(result.fills).to_pandas()
    fills.index = pd.Index([security] * len(fills), dtype="str", name="security")
    return fills.astype(FILL_DTYPES)


def _no_fills() -> pd.DataFrame:
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in FILL_DTYPES.items()})
    return empty.set_index(pd.Index([], dtype="str", name="security"))
