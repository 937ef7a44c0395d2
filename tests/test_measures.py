"""The measures, on cases small enough to compute by hand."""

from itertools import product

import numpy as np
import pytest

from index_builder.measures import (
    Bin,
    OpenSetPoint,
    at_most_wrong,
    auroc,
    bootstrap_interval,
    chance_calibration_error,
    expected_calibration_error,
    mcnemar,
    open_set_curve,
    reciprocal_ranks,
    reliability,
    wilson_interval,
)


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def test_mean_reciprocal_rank_counts_what_was_not_found_as_nothing() -> None:
    assert reciprocal_ranks(numbers(1, 2, 4, np.inf)).mean() == pytest.approx((1 + 1 / 2 + 1 / 4 + 0) / 4)


def test_auroc_is_the_share_of_pairs_in_the_right_order_and_a_tie_counts_half() -> None:
    # Of the six pairs: 0.9 beats all three, 0.5 beats 0.1, ties with 0.5, loses to 0.7.
    assert auroc(numbers(0.9, 0.5), numbers(0.1, 0.5, 0.7)) == pytest.approx(4.5 / 6)
    assert auroc(numbers(1, 1), numbers(1, 1, 1)) == 0.5
    assert auroc(numbers(2, 3), numbers(0, 1)) == 1.0
    assert auroc(numbers(0), numbers(1)) == 0.0


def test_auroc_of_many_tied_values_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    known, unknown = rng.integers(0, 12, 80) / 10, rng.integers(0, 9, 60) / 10
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(known, unknown)]
    assert auroc(known, unknown) == pytest.approx(np.mean(wins))


def test_the_open_set_curve_answers_from_the_highest_score_down() -> None:
    curve = open_set_curve(numbers(0.9, 0.8, 0.5, 0.2), np.array([True, False, True, True]), numbers(0.8, 0.3))
    assert [(point.wrong, point.right) for point in curve] == [
        (0.0, 0.0),
        (0.0, 0.25),  # from 0.9 on
        (0.5, 0.25),  # from 0.8 on: the known one is answered wrongly, an unknown one too
        (0.5, 0.5),  # from 0.5 on
        (1.0, 0.5),  # from 0.3 on
        (1.0, 0.75),  # from 0.2 on
    ]
    assert at_most_wrong(curve, 0.05) == OpenSetPoint(0.9, 0.0, 0.25)
    assert at_most_wrong(curve, 0.5) == OpenSetPoint(0.5, 0.5, 0.5)


def test_where_an_unknown_thing_scores_highest_nothing_can_be_answered() -> None:
    curve = open_set_curve(numbers(0.9), np.array([True]), numbers(0.9))
    assert at_most_wrong(curve, 0.05).right == 0.0


def test_the_calibration_error_weighs_each_bin_by_its_count() -> None:
    stated, right = numbers(0.91, 0.95, 0.99, 0.25, 1.0), np.array([True, True, False, False, True])
    bins = reliability(stated, right)
    assert bins == [Bin(1, 0.25, 0.0), Bin(4, pytest.approx(0.9625), 0.75)]
    assert expected_calibration_error(bins) == pytest.approx((1 * 0.25 + 4 * (0.9625 - 0.75)) / 5)


def test_over_and_under_confidence_do_not_cancel_out_between_bins() -> None:
    bins = reliability(numbers(0.05, 0.95), np.array([True, False]))
    assert expected_calibration_error(bins) == pytest.approx(0.95)


def test_mcnemar_is_the_exact_binomial_test_of_the_photos_where_one_alone_is_right() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(1, 7) == mcnemar(7, 1) == pytest.approx(2 * (1 + 8) / 2**8)
    assert 0 <= mcnemar(900, 1200) < 1e-9


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Agresti and Coull 1998: 95 % of 0 in 10 and of 5 in 10.
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_the_bootstrap_interval_covers_a_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    groups = np.arange(60)
    covered = 0
    for _ in range(200):
        interval = bootstrap_interval(rng.choice([-1.0, 0.0, 1.0], 60, p=[0.2, 0.4, 0.4]), groups)
        covered += interval.low <= 0.2 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_photos_of_one_item_that_differ_together_widen_the_interval() -> None:
    differences = np.repeat([1.0, -1.0, 1.0, 1.0, -1.0, 0.0, 1.0, 0.0], 20)
    alone = bootstrap_interval(differences, np.arange(160))
    together = bootstrap_interval(differences, np.repeat(np.arange(8), 20))
    assert together.high - together.low > 3 * (alone.high - alone.low)
    assert together == bootstrap_interval(differences, np.repeat(np.arange(8), 20))


def test_an_item_with_many_photos_counts_for_all_of_them() -> None:
    groups = np.repeat(np.arange(4), [1, 2, 30, 7])
    assert bootstrap_interval(np.full(40, 0.3), groups) == pytest.approx((0.3, 0.3))


def test_true_probabilities_of_few_answers_are_off_by_chance_and_of_many_are_not() -> None:
    assert chance_calibration_error(numbers(*[0.5] * 4)) == pytest.approx(
        3 / 16, abs=0.04
    )  # 0, 1/4, 1/2 off: 6, 8, 2 of 16
    assert chance_calibration_error(np.random.default_rng(2).random(20_000)) < 0.01
    assert chance_calibration_error(numbers(0, 1, 1)) == 0
