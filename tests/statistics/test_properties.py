"""What holds for any returns, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.errors import UsageError
from dbatch.statistics.best import dsr, expected_maximum, expected_maximum_of, min_btl
from dbatch.statistics.bootstrap import block_lengths, drawn_days, sharpe_intervals
from dbatch.statistics.discoveries import benjamini_hochberg
from dbatch.statistics.likeness import clusters, correlations, effective_trials
from dbatch.statistics.moments import moments
from dbatch.statistics.overfitting import blocks_for, overfitting
from dbatch.statistics.single import min_trl, psr
from dbatch.statistics.under_null import dsr_under, predicted_false_share

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=60)
sharpes = st.floats(-0.5, 0.5)
shapes = st.tuples(st.floats(-2.0, 2.0), st.floats(0.0, 10.0)).map(lambda p: (p[0], 1.0 + p[0] ** 2 + p[1]))
seeds = st.integers(0, 2**32 - 1)


def noise(seed: int, rows: int, days: int) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).standard_normal((rows, days))
    return drawn


@fixed
@given(seeds, st.floats(1e-6, 1e6))
def test_the_size_of_positions_changes_no_moment(seed: int, scale: float) -> None:
    rows = noise(seed, 3, 40)
    one, other = moments(rows), moments(rows * scale)

    assert other.sharpe == pytest.approx(one.sharpe, rel=1e-9)
    assert other.skewness == pytest.approx(one.skewness, rel=1e-6, abs=1e-9)
    assert other.kurtosis == pytest.approx(one.kurtosis, rel=1e-9)


@fixed
@given(sharpes, shapes, st.integers(2, 2_000), st.floats(1e-6, 0.05))
def test_more_trials_never_raise_the_deflated_ratio(
    sharpe: float, shape: tuple[float, float], trials: int, variance: float
) -> None:
    given_all = {"variance": variance, "skewness": shape[0], "kurtosis": shape[1]}
    few = dsr(sharpe, 250, trials=trials, **given_all)
    more = dsr(sharpe, 250, trials=trials * 2, **given_all)

    assert more <= few or math.isnan(few)


@fixed
@given(sharpes, shapes, st.integers(30, 1_000))
def test_a_single_trial_is_not_deflated(sharpe: float, shape: tuple[float, float], days: int) -> None:
    one = dsr(sharpe, days, trials=1, variance=0.01, skewness=shape[0], kurtosis=shape[1])

    assert one == pytest.approx(psr(sharpe, days, skewness=shape[0], kurtosis=shape[1]), nan_ok=True)


@fixed
@given(st.floats(0.01, 0.5), shapes)
def test_at_the_minimum_track_record_the_probability_is_95_per_cent(sharpe: float, shape: tuple[float, float]) -> None:
    days = min_trl(sharpe, skewness=shape[0], kurtosis=shape[1])
    spread = 1 - shape[0] * sharpe + (shape[1] - 1) / 4 * sharpe**2

    if spread > 1e-9:
        assert psr(sharpe, days, skewness=shape[0], kurtosis=shape[1]) == pytest.approx(0.95, abs=1e-9)


@fixed
@given(seeds, st.sampled_from([4, 6, 8]))
def test_order_and_size_of_trials_change_no_overfitting(seed: int, blocks: int) -> None:
    rows = noise(seed, 7, 50)
    turned = rows[::-1] * np.arange(1.0, 8.0)[:, None]

    assert overfitting(turned, blocks=blocks).pbo == overfitting(rows, blocks=blocks).pbo


@fixed
@given(seeds)
def test_the_share_of_overfitted_splits_is_that_of_a_slow_twin(seed: int) -> None:
    rows = noise(seed, 5, 24)
    found = overfitting(rows, blocks=4)
    logits = []
    from itertools import combinations

    for chosen in combinations(range(4), 2):
        days = np.concatenate([np.arange(6) + 6 * block for block in chosen])
        rest = np.setdiff1d(np.arange(24), days)
        inside, outside = moments(rows[:, days]).sharpe, moments(rows[:, rest]).sharpe
        share = (np.sum(outside < outside[inside.argmax()]) + 1) / 6
        logits.append(math.log(share / (1 - share)))

    assert np.sort(found.logit) == pytest.approx(np.sort(logits), abs=1e-9)


@fixed
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.integers(0, 20))
def test_adjusted_p_values_keep_their_order_and_are_never_smaller(values: list[float], failed: int) -> None:
    p_values = np.array(values)
    adjusted = benjamini_hochberg(p_values, tests=len(values) + failed)

    assert (adjusted >= p_values - 1e-15).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0.0).all()


@fixed
@given(seeds, st.integers(2, 40), st.sampled_from([1.0, 4.0, 16.0]))
def test_every_resample_has_as_many_days_as_there_were(seed: int, days: int, block: float) -> None:
    times = drawn_days(days, block, resamples=20, seed=seed)

    assert times.shape == (20, days)
    assert (times.sum(axis=1) == days).all()


def test_blocks_of_one_day_draw_each_day_alike_and_long_ones_draw_runs() -> None:
    short = drawn_days(50, 1.0, resamples=4_000, seed=1)
    whole = drawn_days(50, 1e12, resamples=4_000, seed=1)

    assert short.mean(axis=0) == pytest.approx(np.ones(50), abs=0.1)
    assert short.var() == pytest.approx(1.0, abs=0.1)  # of a Poisson count, nearly
    assert (whole == 1.0).all()  # a single block goes once around


def test_intervals_hold_the_true_ratio_about_as_often_as_they_say() -> None:
    rows = noise(11, 400, 250) + 0.1
    found = sharpe_intervals(rows, seed=5)

    assert np.mean((found.low <= 0.1) & (found.high >= 0.1)) == pytest.approx(0.95, abs=0.03)


def test_intervals_of_one_seed_are_the_same_and_of_another_are_not() -> None:
    rows = noise(12, 5, 100)
    first, again, other = (sharpe_intervals(rows, seed=seed) for seed in (1, 1, 2))

    assert first.low.tobytes() == again.low.tobytes()
    assert first.low.tobytes() != other.low.tobytes()


def test_a_series_is_drawn_alike_whatever_stands_beside_it() -> None:
    rows = noise(13, 6, 100)

    assert sharpe_intervals(rows[:2], seed=1).high == pytest.approx(sharpe_intervals(rows, seed=1).high[:2], rel=1e-12)


def test_momentum_makes_blocks_longer() -> None:
    rows = noise(14, 30, 500)
    carried = rows.copy()
    for day in range(1, 500):
        carried[:, day] += 0.7 * carried[:, day - 1]

    assert np.median(block_lengths(carried)) > 3 * np.median(block_lengths(rows))


def test_copies_are_one_trial_by_every_method() -> None:
    rows = np.tile(noise(15, 1, 100), (8, 1)) * np.arange(1.0, 9.0)[:, None]
    found = effective_trials(rows, clusters(rows))

    assert found is not None
    assert found.by_clusters == 1
    assert (found.by_rank, found.by_correlation) == pytest.approx((1.0, 1.0), abs=1e-6)


def test_unlike_trials_count_each_by_clusters_and_nearly_by_the_others() -> None:
    rows = noise(16, 8, 2_000)
    found = effective_trials(rows, clusters(rows))

    assert found is not None
    assert found.by_clusters == 8
    assert (found.by_rank, found.by_correlation) == pytest.approx((8.0, 8.0), abs=0.15)


def test_more_trials_than_days_have_the_rank_of_their_days() -> None:
    found = effective_trials(noise(17, 500, 20))

    assert found is not None
    assert 15.0 < found.by_rank <= 19.0
    assert found.by_clusters is None


def test_without_variance_there_is_no_moment_no_cluster_no_correlation_no_interval() -> None:
    flat = np.full((1, 50), 0.1 + 0.2)
    rows = np.vstack([flat, noise(18, 1, 50)])

    assert np.isnan(moments(flat).sharpe).all()
    assert clusters(rows).tolist() == [-1, 0]
    assert np.isnan(correlations(rows)).tolist() == [[True, True], [True, False]]
    assert np.isnan(sharpe_intervals(rows, seed=1).low).tolist() == [True, False]
    assert effective_trials(flat) is None


def test_trials_that_stand_still_in_a_half_are_ranked_as_0() -> None:
    rows = np.zeros((3, 16))
    rows[0, :8] = [1.0, 2.0] * 4  # earns in the first half alone
    rows[1] = [-1.0, -2.0] * 8

    found = overfitting(rows, blocks=2)

    # of the first half trial 0 is best, out of sample it shares the first place of three: w = 2.5 / 4
    # of the second half trials 0 and 2 are equal and the first is taken: it is best in the first half, w = 3 / 4
    assert np.sort(found.logit) == pytest.approx([math.log(2.5 / 1.5), math.log(3.0)])
    assert found.pbo == 0.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: expected_maximum(0), "trials is 0, must be 1 or more"),
        (lambda: expected_maximum_of(5, -1.0), "variance is -1.0, must be 0 or more"),
        (lambda: min_btl(5, 0.0), "target is 0.0, must be above 0"),
        (lambda: min_trl(1.0, significance=0.7), "significance is 0.7"),
        (lambda: predicted_false_share(1.0, 0.05, 0.3), "prior is 1.0"),
        (lambda: overfitting(np.ones((1, 40)), blocks=4), "two or more rows"),
        (lambda: overfitting(np.ones((3, 40)), blocks=5), "must be an even number"),
        (lambda: overfitting(np.ones((3, 7)), blocks=4), "two days or more each"),
        (lambda: benjamini_hochberg(np.array([0.1, 0.2]), tests=1), "tests is 1, must be 2 or more"),
        (lambda: sharpe_intervals(np.ones((1, 40)), seed=1, resamples=5), "resamples is 5"),
        (lambda: sharpe_intervals(np.ones((1, 40)), seed=1, confidence=95.0), "confidence is 95.0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(call: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def test_fewer_days_or_more_trials_make_fewer_blocks() -> None:
    assert [blocks_for(100, days) for days in (250, 60, 30, 15)] == [16, 14, 6, 0]
    assert blocks_for(1, 250) == 0


def test_of_few_days_the_ratio_of_2025_is_not_there_where_it_cannot_be() -> None:
    assert math.isnan(dsr_under(0.1, 30, trials=5, variance=0.01, autocorrelation=1.0))
