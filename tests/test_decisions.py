"""Which of the matches is the answer, and how probable it is."""

import dataclasses
import math

import pytest

from components.core.decisions import COMPARED, Calibration, Thresholds, decide, logistic, with_probabilities
from components.core.errors import FormatError
from components.core.messages import Match

CALIBRATION = Calibration(
    known_bias=-5.0,
    known_score=10.0,
    known_margin=5.0,
    temperature=0.1,
    answer_bias=-5.0,
    answer_score=10.0,
    answer_share=0.5,
    style_bias=-3.0,
    style_score=10.0,
    min_known=0.5,
    min_known_by_category={"tea": 0.999},
)
PLAIN, CALIBRATED = Thresholds(0.5), Thresholds(0.2, calibration=CALIBRATION)


def judged(*scores: float, mode: str = "item") -> tuple[Match, ...]:
    return with_probabilities([Match(f"i{n}", score) for n, score in enumerate(scores)], CALIBRATION, mode)


def test_without_a_calibration_the_best_score_decides() -> None:
    matches = (Match("a", 0.5), Match("b", 0.2))
    assert decide(matches, PLAIN).kind == "match"
    refused = decide(matches, Thresholds(0.51))
    assert (refused.kind, refused.cause) == ("no_match", "nothing_there")
    assert with_probabilities(matches, None) == matches


def test_no_match_says_whether_filters_or_an_empty_catalog_are_to_blame() -> None:
    assert decide((), PLAIN, filtered=True).reason == "no item passes the filters"
    assert decide((), PLAIN).reason == "the catalog holds no item"


def test_probabilities_are_those_of_the_formula() -> None:
    first, second = judged(0.9, 0.8)
    share = 1 / (1 + math.exp(-1))
    right = 1 / (1 + math.exp(5 - 9 - 0.5 * math.log(share / (1 - share))))
    assert first.probability == pytest.approx(right)
    assert second.probability == pytest.approx(1 - right)
    low, lower = judged(0.4, 0.3)  # probably neither
    assert (lower.probability or 0) / (low.probability or 1) == pytest.approx((1 - share) / share)


@pytest.mark.parametrize("bias", [-20.0, -5.0, 0.0, 20.0])
def test_probabilities_of_all_matches_are_at_most_one_together_and_the_best_has_most(bias: float) -> None:
    calibration = dataclasses.replace(CALIBRATION, answer_bias=bias)
    several = [Match(f"i{n}", score) for n, score in enumerate((0.99, 0.98, 0.97, 0.2, -0.5))]
    stated = [match.probability or 0.0 for match in with_probabilities(several, calibration)]
    assert stated == sorted(stated, reverse=True)
    assert 0 < sum(stated) <= 1 + 1e-9


def test_a_probability_is_the_same_however_many_matches_are_asked_for() -> None:
    scores = [0.9 - 0.02 * n for n in range(50)]
    few, many = judged(*scores[:COMPARED]), judged(*scores)
    assert many[:COMPARED] == few


def test_the_only_item_that_passes_a_filter_is_not_certain() -> None:
    (alone,) = judged(0.3)
    assert 0.1 < (alone.probability or 0) < 0.9


def test_a_clear_winner_is_a_match() -> None:
    assert decide(judged(0.9, 0.5), CALIBRATED).kind == "match"
    assert decide(judged(0.9), CALIBRATED).kind == "match"


def test_items_that_are_close_leave_the_choice_among_two_to_four() -> None:
    for several in (2, 3, 4):
        decision = decide(judged(*[0.9] * several, 0.1), CALIBRATED)
        assert (decision.kind, decision.candidates) == ("ambiguous", several)
    assert decide(judged(*[0.9] * 7), CALIBRATED).candidates == 4


def test_what_looks_like_no_item_is_an_unknown_item_and_what_like_nothing_is_nothing() -> None:
    unknown = decide(judged(0.4, 0.35), CALIBRATED)
    assert (unknown.kind, unknown.cause) == ("no_match", "unknown_item")
    nothing = decide(judged(0.19, 0.1), CALIBRATED)
    assert (nothing.kind, nothing.cause) == ("no_match", "nothing_there")


def test_a_category_may_be_stricter() -> None:
    assert decide(judged(0.9, 0.5), CALIBRATED, category="soap").kind == "match"
    assert decide(judged(0.9, 0.5), CALIBRATED, category="tea").cause == "unknown_item"


def test_of_the_same_style_are_several_at_once() -> None:
    matches = judged(0.6, 0.59, mode="style")
    assert [match.probability for match in matches] == [pytest.approx(logistic(3)), pytest.approx(logistic(2.9))]
    assert decide(matches, CALIBRATED, mode="style").kind == "match"
    assert decide(judged(0.25, mode="style"), CALIBRATED, mode="style").cause == "unknown_item"


@pytest.mark.parametrize("field", ["known_bias", "temperature", "min_known"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_calibration_is_finite(field: str, value: float) -> None:
    with pytest.raises(FormatError, match="no finite number"):
        dataclasses.replace(CALIBRATION, **{field: value})  # type: ignore[arg-type]


def test_a_temperature_is_positive_and_a_penalty_from_0_to_1() -> None:
    with pytest.raises(FormatError, match="temperature"):
        dataclasses.replace(CALIBRATION, temperature=0.0)
    with pytest.raises(FormatError, match="taught_penalty"):
        Thresholds(0.5, -0.1)


def test_the_logistic_function_takes_any_number() -> None:
    assert (logistic(-1e9), logistic(0.0), logistic(1e9)) == (pytest.approx(0), 0.5, pytest.approx(1))
