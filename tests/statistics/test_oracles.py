"""Independent libraries agree where they define things as we do; left out where they are not installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dbatch.statistics.best import dsr, expected_maximum
from dbatch.statistics.bootstrap import block_lengths
from dbatch.statistics.discoveries import benjamini_hochberg
from dbatch.statistics.likeness import clusters, correlations
from dbatch.statistics.moments import moments
from dbatch.statistics.overfitting import overfitting
from dbatch.statistics.single import psr

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own


@pytest.fixture(scope="module")
def ffn() -> Any:
    return pytest.importorskip("ffn.core", reason="ffn is not installed")


def returns(seed: int, rows: int = 20, days: int = 330) -> np.ndarray:
    rng = np.random.default_rng(seed)
    drawn: np.ndarray = rng.standard_t(5, (rows, days)) * 0.01 + 0.0008
    return drawn


def test_moments_are_those_of_scipy() -> None:
    rows = returns(1)
    found = moments(rows)

    assert found.sharpe == pytest.approx(rows.mean(axis=1) / rows.std(axis=1, ddof=1), rel=1e-12)
    assert found.skewness == pytest.approx(stats.skew(rows, axis=1), rel=1e-10)
    assert found.kurtosis == pytest.approx(stats.kurtosis(rows, axis=1, fisher=False), rel=1e-10)


@pytest.mark.parametrize("blocks", [6, 8, 10])
def test_overfitting_is_that_of_ffn(ffn: Any, blocks: int) -> None:
    rows = returns(blocks)
    theirs = ffn.calc_prob_backtest_overfitting(pd.DataFrame(rows.T), n_blocks=blocks, full_output=True)
    ours = overfitting(rows, blocks=blocks)

    assert ours.pbo == theirs["pbo"]
    assert np.sort(ours.logit) == pytest.approx(np.sort(theirs["logits"]), abs=1e-10)


def test_the_expected_maximum_is_that_of_ffn(ffn: Any) -> None:
    assert expected_maximum(37, 0.09) == pytest.approx(ffn.calc_expected_max_sharpe(37, 0.3), rel=1e-12)


def test_the_deflated_ratio_is_that_of_ffn_given_its_unbiased_moments(ffn: Any) -> None:
    rows = returns(3)
    sharpes = moments(rows).sharpe
    chosen = pd.Series(rows[int(sharpes.argmax())], index=pd.bdate_range("2024-01-01", periods=rows.shape[1]))
    theirs = ffn.calc_deflated_sharpe_ratio(chosen, sharpes, nperiods=252, annualized_trials=False)
    ours = dsr(
        float(sharpes.max()),
        rows.shape[1],
        trials=len(rows),
        variance=float(sharpes.var(ddof=1)),
        skewness=float(chosen.skew()),
        kurtosis=float(chosen.kurtosis()) + 3.0,
    )

    assert ours == pytest.approx(theirs, abs=1e-10)


def test_discoveries_are_those_of_scipy() -> None:
    p_values = np.random.default_rng(4).random(200) ** 2

    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values), abs=1e-12)


def test_failed_tests_count_as_p_values_of_1() -> None:
    p_values = np.array([0.001, 0.03, np.nan, 0.2])
    theirs = stats.false_discovery_control([0.001, 0.03, 1.0, 0.2, 1.0, 1.0])

    assert benjamini_hochberg(p_values, tests=6)[[0, 1, 3]] == pytest.approx(theirs[[0, 1, 3]], abs=1e-12)


@pytest.mark.parametrize("momentum", [-0.4, 0.0, 0.3, 0.8])
def test_lengths_of_blocks_are_those_of_arch(momentum: float) -> None:
    arch = pytest.importorskip("arch.bootstrap", reason="arch is not installed")
    rows = returns(5, rows=30, days=253)
    for day in range(1, rows.shape[1]):
        rows[:, day] += momentum * rows[:, day - 1]
    theirs = arch.optimal_block_length(rows.T)["stationary"].to_numpy()

    assert block_lengths(rows) == pytest.approx(theirs, rel=1e-9)


def test_correlations_are_those_of_numpy() -> None:
    rows = returns(6)

    assert correlations(rows) == pytest.approx(np.corrcoef(rows), abs=1e-12)


def test_the_probability_is_one_less_the_p_value_of_a_t_test_for_many_days() -> None:
    one = np.random.default_rng(8).normal(0.05, 1.0, 20_000)
    found = moments(one)
    p_value = stats.ttest_1samp(one, 0.0, alternative="greater").pvalue

    assert 1.0 - psr(float(found.sharpe[0]), len(one)) == pytest.approx(p_value, rel=0.05)


def test_clusters_of_three_themes_are_found() -> None:
    rng = np.random.default_rng(9)
    themes = rng.standard_normal((3, 250))
    rows = themes[np.arange(60) % 3] + 0.3 * rng.standard_normal((60, 250))

    assert clusters(rows).tolist() == [0, 1, 2] * 20
