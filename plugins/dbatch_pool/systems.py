"""The 4,620 systems in their order, each found from its number or its name without making the others."""

from __future__ import annotations

from itertools import product
from typing import Final, NamedTuple

TEMPLATES: Final = (
    "TrendFollower",
    "MeanReverter",
    "MeanReverterV2",
    "BreakoutTrader",
    "RegimeAdapter",
    "ScalpingStrategy",
    "SessionBreakout",
    "MomentumBurst",
    "PatternRecognition",
    "CorrelationTrader",
    "PairDivergence",
    "LeadLagStrategy",
    "RiskSentiment",
    "USDStrength",
)

LOOKBACKS: Final = (5, 10, 15, 20, 30)
THRESHOLDS: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
LEAST_REWARD: Final = 1.5
"""A target is at least this many times its stop."""

EXITS: Final = tuple(
    (stop, target) for stop, target in product((10, 15, 20, 30), (20, 30, 40, 50)) if target >= LEAST_REWARD * stop
)
"""Stop and target, in pips."""

SYSTEMS: Final = len(TEMPLATES) * len(LOOKBACKS) * len(THRESHOLDS) * len(EXITS)


class System(NamedTuple):
    """One system: its template, the rows that it looks back, its threshold, and its stop and its target in pips."""

    template: str
    lookback: int
    threshold: float
    stop_pips: int
    target_pips: int

    @property
    def name(self) -> str:
        """Return the name by which the pool knows it, as `MeanReverter_L20_T2.0_SL10_TP20`."""
        return f"{self.template}_L{self.lookback}_T{self.threshold}_SL{self.stop_pips}_TP{self.target_pips}"


def system_at(number: int) -> System:
    """Return the system with that number, from 0 on: the template is outermost, then as in the name.

    Raises IndexError for a number that there is not.

    >>> system_at(0).name, system_at(4_619).name
    ('TrendFollower_L5_T0.5_SL10_TP20', 'USDStrength_L30_T3.0_SL30_TP50')
    """
    if not 0 <= number < SYSTEMS:
        raise IndexError(f"no system has the number {number}, they go from 0 to {SYSTEMS - 1}")
    rest, exits = divmod(number, len(EXITS))
    rest, threshold = divmod(rest, len(THRESHOLDS))
    template, lookback = divmod(rest, len(LOOKBACKS))
    return System(TEMPLATES[template], LOOKBACKS[lookback], THRESHOLDS[threshold], *EXITS[exits])


def number_of(name: str) -> int:
    """Return the number of the system with that name; raises KeyError where no system has it.

    >>> number_of("MeanReverter_L20_T2.0_SL10_TP20")
    561
    """
    template = name.split("_", 1)[0]
    first = TEMPLATES.index(template) * (SYSTEMS // len(TEMPLATES)) if template in TEMPLATES else SYSTEMS
    for number in range(first, min(first + SYSTEMS // len(TEMPLATES), SYSTEMS)):
        if system_at(number).name == name:
            return number
    raise KeyError(f"no system is called {name!r}, one is called {system_at(0).name}")
