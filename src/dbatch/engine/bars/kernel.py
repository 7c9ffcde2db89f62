"""The compiled loop over bars of a strategy, from the cache folder where all loops are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dbatch.engine.bars.loop import BarLoop, generate_bar_loop
from dbatch.engine.bars.signature import bar_signature_of
from dbatch.engine.kernel import compiled_or_fault, faultless, module_of
from dbatch.errors import HandlerError
from dbatch.strategies import BarStrategy


@dataclass(frozen=True)
class BarKernel:
    """A strategy's loop over bars, and the hash of all sources that it is made of on any machine."""

    replay: Any
    loop: BarLoop
    sources_hash: str


@lru_cache(maxsize=32)
def compile_bar_kernel(strategy: BarStrategy) -> BarKernel:
    """Return the loop of `strategy`, from the cache when every source that it reaches is unchanged.

    Raises StrategyError when the strategy is not written as the contract asks, or may read what it has not set.
    """
    loop = generate_bar_loop(strategy)
    module, sources = module_of(loop.text, loop.modules, bar_signature_of(strategy).functions.values())
    return BarKernel(module.replay, loop, sources)


def ready_bar_kernel(strategy: BarStrategy) -> BarKernel:
    """Return the loop of `strategy` with its machine code.

    Raises HandlerError where its code cannot be compiled, StrategyError as `compile_bar_kernel` does, and what numba
    raises where it is no fault of the strategy's code.
    """
    return faultless(_kernel_or_fault(strategy))


@lru_cache(maxsize=32)
def _kernel_or_fault(strategy: BarStrategy) -> BarKernel | HandlerError:
    kernel = compile_bar_kernel(strategy)
    return compiled_or_fault(strategy, kernel, [(kernel.replay, _argument_types())])


def _argument_types() -> tuple[Any, ...]:
    """Return numba's types of the arguments of `replay`; bars are read-only."""
    from numba.core.types import Array, float64, int64

    times, numbers = (Array(kind, 1, "C", readonly=True) for kind in (int64, float64))
    whole, real, wholes, reals = (Array(kind, rows, "C") for rows in (1, 2) for kind in (int64, float64))
    bars = (times, *[numbers] * 5, int64, whole, reals)
    sets = (wholes, wholes, reals, wholes, reals, whole, reals, wholes, reals)
    return (int64, *bars, *sets, whole, real, whole, real, whole, real)
