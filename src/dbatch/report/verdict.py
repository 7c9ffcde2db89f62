"""How far the best of a batch can be believed, in words: a sentence, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dbatch.statistics.tables import BatchStatistics, Best

Level = Literal["good", "doubtful", "bad", "unknown"]

BELIEVED: Final = 0.95
"""A probability of skill from here on counts as evidence."""

_OVERFIT: Final = 0.5
"""What splits of pure noise give."""

_WELL_BELOW: Final = 0.2


@dataclass(frozen=True)
class Check:
    """One figure that speaks for or against the best run: its value, what it should be, and whether it is."""

    name: str
    value: str
    wanted: str
    level: Level


@dataclass(frozen=True)
class Verdict:
    """A sentence for somebody in a hurry, its level, and the checks that it rests on."""

    level: Level
    sentence: str
    checks: tuple[Check, ...]


def verdict(found: BatchStatistics) -> Verdict:
    """Return whether the best run of a batch stands out from what luck would give."""
    best = found.best
    if best is None:
        return Verdict("unknown", f"Nobody can say yet whether this is luck: {found.reasons['best']}.", _checks(found))
    checks = _checks(found)
    if best.dsr is None:
        return Verdict("unknown", "Nobody can say whether this is luck: there is no deflated Sharpe ratio.", checks)
    tried = f"the best of {found.trials.total:,} trials"
    if best.dsr < BELIEVED:
        sentence = f"Not distinguishable from luck: as {tried} it has skill with a probability of {_share(best.dsr)}."
        return Verdict("bad", sentence, checks)
    against = [check.name for check in checks if check.level in ("bad", "doubtful")]
    if against:
        return Verdict(
            "doubtful", f"Above what luck gives {tried}, but not without doubt: {', '.join(against)}.", checks
        )
    return Verdict("good", f"Above what luck gives {tried}: skill with a probability of {_share(best.dsr)}.", checks)


def _checks(found: BatchStatistics) -> tuple[Check, ...]:
    best = found.best
    splits = found.splits
    if splits is None:
        overfitting = Check("PBO", "–", found.reasons.get("pbo", "not known"), "unknown")
    else:
        level: Level = "good" if splits.pbo <= _WELL_BELOW else "doubtful" if splits.pbo < _OVERFIT else "bad"
        overfitting = Check("PBO", _share(splits.pbo), "well below 50 %", level)
    return (*(_of_best(best, found) if best else ()), overfitting)


def _of_best(best: Best, found: BatchStatistics) -> tuple[Check, ...]:
    hurdle, low = found.expected_maximum, best.sharpe_low
    needed = "never" if best.min_trl_days is None else f"{best.min_trl_days:,.0f} days"
    years = best.days / found.days_per_year
    return (
        Check("DSR", _share(best.dsr), "95 % or more", _level(best.dsr, BELIEVED)),
        Check("PSR", _share(best.psr), "95 % or more", _level(best.psr, BELIEVED)),
        Check(
            "best by chance",
            _number(hurdle),
            f"below the Sharpe ratio, {_number(best.sharpe)}",
            _level(best.sharpe, hurdle),
        ),
        Check(
            "Sharpe, 95 %", f"{_number(low)} to {_number(best.sharpe_high)}", "above 0 and your costs", _level(low, 0)
        ),
        Check("MinTRL", needed, f"within the {best.days:,} days there are", _level(best.days, best.min_trl_days)),
        Check(
            "MinBTL",
            "–" if best.min_btl_years is None else f"{best.min_btl_years:.1f} years",
            f"much less than the {years:.1f} years there are",
            _level(years, best.min_btl_years),
        ),
    )


def _level(value: float | None, least: float | None) -> Level:
    if value is None:
        return "unknown"
    return "bad" if least is None or value < least else "good"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
