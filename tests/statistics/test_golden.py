"""Published numbers, each computed once more by hand; and what is often written instead, which must not pass."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr

from dbatch.statistics.best import dsr, expected_maximum, expected_maximum_of, min_btl, of_maximum
from dbatch.statistics.likeness import effective_rank
from dbatch.statistics.overfitting import overfitting
from dbatch.statistics.single import min_trl, psr, sharpe_error
from dbatch.statistics.under_null import (
    dsr_under,
    min_trl_under,
    miss_rate,
    observed_false_share,
    predicted_false_share,
    psr_under,
    variance_under,
)

DAILY = 1 / math.sqrt(250)
MONTHLY = 0.036 / 0.079
SKEWNESS, KURTOSIS = -2.448, 10.164

Dsr = Callable[..., float]


def best_of_100(implementation: Dsr) -> bool:
    """Return whether an implementation gives the worked example of the paper: 2.5 a year over five years of days."""
    found = implementation(2.5 * DAILY, 1250, trials=100, variance=0.5 * DAILY**2, skewness=-3.0, kurtosis=10.0)
    return found == pytest.approx(0.9003968344, abs=1e-10)


def test_the_best_of_100_noise_trials_of_the_paper() -> None:
    assert expected_maximum(100, 0.5 * DAILY**2) == pytest.approx(0.1131720019, abs=1e-10)
    assert best_of_100(dsr)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "expected"),
    [(46, -3.0, 10.0, 0.950502), (88, 0.0, 3.0, 0.950491), (100, 0.0, 3.0, 0.942771)],
)
def test_the_other_examples_of_the_paper(trials: int, skewness: float, kurtosis: float, expected: float) -> None:
    found = dsr(2.5 * DAILY, 1250, trials=trials, variance=0.5 * DAILY**2, skewness=skewness, kurtosis=kurtosis)

    assert found == pytest.approx(expected, abs=5e-7)


def excess_kurtosis(sharpe: float, observations: int, *, kurtosis: float, **others: float) -> float:
    return dsr(sharpe, observations, kurtosis=kurtosis - 3.0, **others)


def annualised(sharpe: float, observations: int, **others: float) -> float:
    return dsr(sharpe / DAILY, observations, **others)


def without_variance(sharpe: float, observations: int, *, variance: float, **others: float) -> float:
    return dsr(sharpe, observations, variance=1.0, **others)


def kept_trials_only(sharpe: float, observations: int, *, trials: int, **others: float) -> float:
    return dsr(sharpe, observations, trials=trials // 2, **others)


def without_selection(sharpe: float, observations: int, *, trials: int, variance: float, **others: float) -> float:
    return psr(sharpe, observations, **others)


def a_deviation_instead_of_a_probability(
    sharpe: float, observations: int, *, trials: int, variance: float, **others: float
) -> float:
    return (sharpe - expected_maximum(trials, variance)) / sharpe_error(sharpe, observations, **others)


@pytest.mark.parametrize(
    ("wrong", "gives"),
    [
        (excess_kurtosis, 0.9018),
        (annualised, 1.0),
        (without_variance, 0.0),
        (kept_trials_only, 0.9462),
        (without_selection, 1.0),
        (a_deviation_instead_of_a_probability, 1.2838),
    ],
)
def test_a_wrong_implementation_fails_the_example(wrong: Dsr, gives: float) -> None:
    assert not best_of_100(wrong)
    found = wrong(2.5 * DAILY, 1250, trials=100, variance=0.5 * DAILY**2, skewness=-3.0, kurtosis=10.0)
    assert found == pytest.approx(gives, abs=1e-4)


def test_the_probability_of_2012() -> None:
    assert psr(0.458, 24, skewness=SKEWNESS, kurtosis=KURTOSIS) == pytest.approx(0.9134, abs=5e-5)
    assert psr(0.458, 24) == pytest.approx(0.9817, abs=5e-5)


@pytest.mark.parametrize(
    ("periods", "shape", "years"),
    [
        (250, {}, 2.7312),
        (52, {}, 2.8288),
        (12, {}, 3.2398),
        (12, {"skewness": -0.72, "kurtosis": 5.78}, 4.9913),
    ],
)
def test_the_track_record_of_2012(periods: int, shape: dict[str, float], years: float) -> None:
    year = math.sqrt(periods)

    assert min_trl(2 / year, benchmark=1 / year, **shape) / periods == pytest.approx(years, abs=5e-5)


def test_the_years_that_a_backtest_must_have() -> None:
    assert min_btl(7) == pytest.approx(1.923, abs=5e-4)
    assert min_btl(45) == pytest.approx(4.998, abs=5e-4)


@pytest.mark.parametrize(
    ("trials", "expected"), [(7, 1.3868), (10, 1.5746), (45, 2.2356), (100, 2.5306), (1000, 3.2551)]
)
def test_the_expected_maximum(trials: int, expected: float) -> None:
    assert expected_maximum(trials) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("trials", "too_high_pct"), [(2, -7.9), (5, 2.6), (100, 0.9)])
def test_how_far_the_formula_is_from_the_expected_maximum(trials: int, too_high_pct: float) -> None:
    assert (expected_maximum(trials) / of_maximum(trials).mean - 1) * 100 == pytest.approx(too_high_pct, abs=0.06)


def test_the_maximum_of_few_is_integrated() -> None:
    # the largest of two: 1 / sqrt(pi), variance 1 - 1 / pi; of three: 1.5 / sqrt(pi)
    assert of_maximum(2) == pytest.approx((1 / math.sqrt(math.pi), 1 - 1 / math.pi), abs=1e-10)
    assert expected_maximum_of(3, 4.0) == pytest.approx(3 / math.sqrt(math.pi), abs=1e-10)
    assert expected_maximum_of(2) > expected_maximum(2)


def test_the_convention_of_2025_without_autocorrelation() -> None:
    shape = {"skewness": SKEWNESS, "kurtosis": KURTOSIS}

    assert math.sqrt(variance_under(MONTHLY, 24, **shape)) == pytest.approx(0.329, abs=5e-4)
    assert math.sqrt(variance_under(MONTHLY, 24)) == pytest.approx(0.214, abs=5e-4)
    assert min_trl_under(MONTHLY, **shape) == pytest.approx(13.029, abs=5e-4)
    assert psr_under(MONTHLY, 24, **shape) == pytest.approx(0.987, abs=5e-4)
    assert psr_under(MONTHLY, 24, benchmark=0.1, **shape) == pytest.approx(0.939, abs=5e-4)
    assert miss_rate(0.5, 24, **shape) == pytest.approx(0.315, abs=5e-4)
    assert predicted_false_share(0.05, 0.05, 0.315) == pytest.approx(0.581, abs=5e-4)
    assert observed_false_share(MONTHLY, 24, prior=0.05, alternative=0.5, **shape) == pytest.approx(0.306, abs=5e-4)


@pytest.mark.parametrize(
    ("rho", "length", "above_0", "above_01", "deflated", "uncorrected", "false"),
    [
        (0.0, 7.909, 0.987, 0.939, 0.416, 0.451, 0.173),
        (0.2, 11.863, 0.966, 0.900, 0.427, 0.457, 0.361),
    ],
)
def test_the_numeric_example_of_2025(
    rho: float, length: float, above_0: float, above_01: float, deflated: float, uncorrected: float, false: float
) -> None:
    shape = {"skewness": SKEWNESS, "kurtosis": KURTOSIS, "autocorrelation": rho}
    hurdle = expected_maximum(10, 0.1)

    assert hurdle == pytest.approx(0.498, abs=5e-4)
    assert min_trl_under(MONTHLY, significance=0.1, **shape) == pytest.approx(length, abs=5e-4)
    assert psr_under(MONTHLY, 24, **shape) == pytest.approx(above_0, abs=5e-4)
    assert psr_under(MONTHLY, 24, benchmark=0.1, **shape) == pytest.approx(above_01, abs=5e-4)
    assert dsr_under(MONTHLY, 24, trials=10, variance=0.1, **shape) == pytest.approx(deflated, abs=5e-4)
    assert psr_under(MONTHLY, 24, benchmark=hurdle, **shape) == pytest.approx(uncorrected, abs=5e-4)
    assert observed_false_share(MONTHLY, 24, prior=0.1, alternative=0.5, **shape) == pytest.approx(false, abs=5e-4)


def test_a_variance_that_grows_with_trials_fails_the_example_of_2025() -> None:
    hurdle = expected_maximum(10, 0.1)
    grown = variance_under(hurdle, 24, skewness=SKEWNESS, kurtosis=KURTOSIS) * (1 + math.log(10))

    assert ndtr((MONTHLY - hurdle) / math.sqrt(grown)) != pytest.approx(0.416, abs=5e-4)


def noise() -> np.ndarray:
    return np.random.default_rng(7).normal(0.0, 0.01, (480, 30)).T


def test_the_overfitting_of_noise() -> None:
    found = overfitting(noise(), blocks=8)

    assert len(found.logit) == 70
    assert found.pbo == pytest.approx(0.3)


def test_a_trial_that_is_better_everywhere_is_not_overfitted() -> None:
    returns = noise()
    returns[3] += 0.004

    assert overfitting(returns, blocks=8).pbo == 0.0


def test_the_effective_rank() -> None:
    assert effective_rank(np.eye(3)) == pytest.approx(3.0, abs=1e-10)
    assert effective_rank(np.array([[10, 1, 7], [1, 10, 8], [7, 8, 10]]) / 10) == pytest.approx(1.84, abs=5e-3)
