"""Noise is not believed: the best of 50 trials without skill, again and again."""

from __future__ import annotations

import numpy as np
import pytest

from dbatch.statistics.best import dsr
from dbatch.statistics.moments import Moments, moments
from dbatch.statistics.single import psr
from dbatch.statistics.under_null import dsr_under

REPEATS, TRIALS, DAYS = 200, 50, 250


@pytest.fixture(scope="module", params=["normal", "fat tails"])
def best(request: pytest.FixtureRequest) -> tuple[Moments, np.ndarray]:
    """Return the moments of the best trial of each repeat, and the variance of all Sharpe ratios of each."""
    rng = np.random.default_rng(2026)
    size = (REPEATS * TRIALS, DAYS)
    drawn = rng.standard_normal(size) if request.param == "normal" else rng.standard_t(4, size)
    found = moments(drawn)
    sharpe = found.sharpe.reshape(REPEATS, TRIALS)
    at = np.arange(REPEATS) * TRIALS + sharpe.argmax(axis=1)
    chosen = Moments(DAYS, found.sharpe[at], found.skewness[at], found.kurtosis[at], found.autocorrelation[at])
    return chosen, sharpe.var(axis=1, ddof=1)


def test_the_best_of_noise_looks_significant_on_its_own(best: tuple[Moments, np.ndarray]) -> None:
    one, _ = best
    alone = psr(one.sharpe, DAYS, skewness=one.skewness, kurtosis=one.kurtosis)

    assert np.mean(alone > 0.95) > 0.5


def test_the_best_of_noise_is_not_believed_when_all_trials_count(best: tuple[Moments, np.ndarray]) -> None:
    one, variances = best
    believed = [
        dsr(sharpe, DAYS, trials=TRIALS, variance=variance, skewness=skewness, kurtosis=kurtosis) > 0.95
        for sharpe, variance, skewness, kurtosis in zip(one.sharpe, variances, one.skewness, one.kurtosis, strict=True)
    ]

    assert np.mean(believed) <= 0.05


def test_the_convention_of_2025_does_not_believe_it_either(best: tuple[Moments, np.ndarray]) -> None:
    one, variances = best
    believed = [
        dsr_under(sharpe, DAYS, trials=TRIALS, variance=variance, skewness=skewness, kurtosis=kurtosis) > 0.95
        for sharpe, variance, skewness, kurtosis in zip(one.sharpe, variances, one.skewness, one.kurtosis, strict=True)
    ]

    assert np.mean(believed) <= 0.05


def test_counting_only_the_trial_that_was_kept_believes_noise(best: tuple[Moments, np.ndarray]) -> None:
    one, variances = best
    believed = [
        dsr(sharpe, DAYS, trials=1, variance=variance, skewness=skewness, kurtosis=kurtosis) > 0.95
        for sharpe, variance, skewness, kurtosis in zip(one.sharpe, variances, one.skewness, one.kurtosis, strict=True)
    ]

    assert np.mean(believed) > 0.5
