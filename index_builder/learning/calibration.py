"""From held-out scores to probabilities: how often an answer with such scores was right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from components.core.decisions import Calibration, log_odds, shares
from components.core.segments import Vectors
from index_builder.learning.discriminant import Labels
from index_builder.learning.held_out import FOLDS, Asked
from index_builder.learning.logistic import Numbers, fit_logistic

UNKNOWN_SHARE = 0.3
"""How many of a camera's pictures of things are taken to show none of the catalog."""
ALWAYS_ANSWERED = 0.5
"""A picture that more probably shows a known item than not is answered."""
ENOUGH_OF_A_CATEGORY = 100
_TEMPERATURES = np.geomspace(0.01, 0.5, 40)
_PENALTIES = np.arange(0.0, 0.5, 0.025)
USUAL_PENALTY = 0.15
"""Where there are no photos to measure it with."""
UNKNOWN, NOTHING = -1, -2
"""In place of the right item's number: the query shows another thing, or nothing."""
TOP = 5
_JUST_ABOVE = 1e-9
"""So much more than a probability that it is not reached, however the device rounds."""


@dataclass(frozen=True)
class Answers:
    """The best scores of queries, best first, (n, top), which of them is right, (n,), and each query's weight."""

    scores: Vectors = field(repr=False)
    position: Labels = field(repr=False)
    """Position of the right item; -1 where it is not among them."""
    first: Labels = field(repr=False)
    """The best item."""
    right: Labels = field(repr=False)
    """The right item; UNKNOWN or NOTHING where it is none of the index's."""
    weights: Numbers = field(repr=False)


def choose_penalty(asked: Sequence[Asked], taught_share: float) -> float:
    """What a photo's score loses, so that items with photos do not outshine those without.

    The product of both hit rates is to be largest: what one kind gains must be worth what the other loses.
    """
    if taught_share == 1:
        return 0.0
    if not any(one.taught.any() for one in asked) or all(one.taught.all() for one in asked):
        return USUAL_PENALTY
    taught = np.concatenate([one.taught for one in asked])

    def found(penalty: float) -> float:
        right = np.concatenate([one.scores(penalty).argmax(axis=1) == one.right for one in asked])
        return float(right[taught].mean() * right[~taught].mean())

    return round(float(max(_PENALTIES, key=lambda penalty: found(float(penalty)))), 3)


def answers(asked: Sequence[Asked], penalty: float, taught_share: float) -> Answers:
    """What the index would answer to known items; those known by photos have ``taught_share`` of the weight."""
    parts = []
    for one in asked:
        for group, share in ((one.taught, taught_share), (~one.taught, 1 - taught_share)):
            if share > 0 and group.any():
                parts.append((one.scores(penalty)[group], one.right[group], share / group.sum()))
    return _joined(parts)


def unknown_answers(asked: Sequence[Asked], penalty: float, nothing: Vectors) -> Answers:
    """What it would answer to items that it does not have, and to pictures of nothing (their scores, (n, items))."""
    parts = []
    for one in asked:
        left_out = ~one.taught
        scores, right = one.scores(penalty)[left_out], one.right[left_out]
        scores[np.arange(len(right)), right] = -1.0
        parts.append((scores, np.full(len(right), UNKNOWN), 1 / max(1, len(right))))
    parts.append((nothing, np.full(len(nothing), NOTHING), len(asked) / FOLDS / len(nothing)))
    return _joined(parts)


def _joined(parts: Sequence[tuple[Vectors, Labels, float]]) -> Answers:
    scores, position, first, rights, weights = [], [], [], [], []
    for found, right, weight in parts:
        top = min(TOP, found.shape[1])
        order = np.argsort(-found, axis=1, kind="stable")[:, :top]
        there = order == right[:, None]
        scores.append(np.take_along_axis(found, order, axis=1))
        position.append(np.where(there.any(axis=1), there.argmax(axis=1), -1))
        first.append(order[:, 0])
        rights.append(right)
        weights.append(np.full(len(found), weight))
    return Answers(*(np.concatenate(several) for several in (scores, position, first, rights, weights)))


def calibrate(
    known: Answers, unknown: Answers, categories: Mapping[int, str], wrong_on_unknown: float | None = None
) -> Calibration:
    """The calibration; ``categories`` has one for every item's number.

    ``wrong_on_unknown`` is the share of the queries for unknown items that may be answered; without it, as many as
    pays, see _strict.
    """
    features = np.vstack([_features(known), _features(unknown)])
    everything = [*known.scores, *unknown.scores]
    true = np.concatenate([np.ones(len(known.first)), np.zeros(len(unknown.first))])
    weights = np.concatenate(
        [(1 - UNKNOWN_SHARE) * _share(known.weights), UNKNOWN_SHARE * _share(unknown.weights)]
    ) * len(true)
    bias, score, margin = fit_logistic(features, true, weights).tolist()
    pairs = zip(known.first.tolist(), known.right.tolist(), strict=True)
    same_kind = np.array([categories[first] == categories[right] for first, right in pairs], float)
    kinds = np.concatenate([same_kind, np.zeros(len(unknown.first))])
    style_bias, style_score = fit_logistic(features[:, :1], kinds, weights).tolist()
    of_known, of_unknown = (
        1 / (1 + np.exp(-(bias + _features(several) @ [score, margin]))) for several in (known, unknown)
    )
    temperature = _temperature(known)
    if wrong_on_unknown is not None:
        of_things = unknown.right == UNKNOWN
        of_unknown, unknown = of_unknown[of_things], _part(unknown, of_things)
    draft = Calibration(
        known_bias=bias,
        known_score=score,
        known_margin=margin,
        temperature=temperature,
        style_bias=style_bias,
        style_score=style_score,
        min_known=_strict(of_known, known, of_unknown, unknown, wrong_on_unknown),
        min_known_by_category=_by_category(of_known, known, of_unknown, unknown, categories, wrong_on_unknown),
    )
    right = np.concatenate([known.position == 0, np.zeros(len(everything) - len(known.first))])
    odds = np.array([log_odds(shares(scores.tolist(), draft)[0]) for scores in everything])[:, None]
    answer_bias, answer_slope = fit_logistic(odds, right, weights).tolist()
    return replace(draft, answer_bias=answer_bias, answer_slope=answer_slope)


def _features(several: Answers) -> Numbers:
    best = several.scores[:, 0].astype(float)
    second = several.scores[:, 1] if several.scores.shape[1] > 1 else np.minimum(best, 0.0)
    return np.column_stack([best, best - second])


def _share(weights: Numbers) -> Numbers:
    return np.asarray(weights / weights.sum())


def _temperature(known: Answers) -> float:
    """The one that makes the right items most likely (Guo et al. 2017)."""
    there = known.position >= 0
    if not there.any():
        return float(_TEMPERATURES[-1])
    scores, position, weights = known.scores[there], known.position[there], known.weights[there]

    def loss(temperature: float) -> float:
        scaled = (scores - scores[:, :1]) / temperature
        chosen = scaled[np.arange(len(scaled)), position] - np.log(np.exp(scaled).sum(axis=1))
        return -float(np.sum(weights * chosen))

    return round(float(min(_TEMPERATURES, key=lambda t: loss(float(t)))), 4)


def _strict(
    of_known: Numbers, known: Answers, of_unknown: Numbers, unknown: Answers, wrong_on_unknown: float | None
) -> float:
    """From where on to answer: from where only the share ``wrong_on_unknown`` of the unknown is answered.

    Without it, where right answers less answered unknown items are most (Youden 1950), or earlier.
    """
    if wrong_on_unknown is not None:
        return _at_most(wrong_on_unknown, of_unknown, unknown.weights)
    candidates = np.unique(np.round(np.concatenate([of_known, of_unknown]), 4))
    right, wrong = _share(known.weights) * (known.position == 0), _share(unknown.weights)
    gains = [right[of_known >= least].sum() - wrong[of_unknown >= least].sum() for least in candidates]
    return min(float(candidates[int(np.argmax(gains))]), ALWAYS_ANSWERED)


def _at_most(wrong: float, of_unknown: Numbers, weights: Numbers) -> float:
    """The lowest value that at most the share ``wrong`` of the unknown reaches."""
    order = np.argsort(-of_unknown, kind="stable")
    too_many = np.cumsum(weights[order]) > wrong * weights.sum() + _JUST_ABOVE
    return float(of_unknown[order][too_many.argmax()]) + _JUST_ABOVE if too_many.any() else 0.0


def _by_category(
    of_known: Numbers,
    known: Answers,
    of_unknown: Numbers,
    unknown: Answers,
    categories: Mapping[int, str],
    wrong_on_unknown: float | None,
) -> dict[str, float]:
    names = [np.array([categories[int(item)] for item in several.first]) for several in (known, unknown)]
    found = {}
    for name in sorted(set(names[0].tolist()) & set(names[1].tolist()) - {""}):
        here, there = names[0] == name, names[1] == name
        if min(here.sum(), there.sum()) >= ENOUGH_OF_A_CATEGORY:
            parts = (of_known[here], _part(known, here), of_unknown[there], _part(unknown, there))
            found[name] = _strict(*parts, wrong_on_unknown)
    return found


def _part(several: Answers, chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Answers:
    return Answers(*(vars(several)[name][chosen] for name in ("scores", "position", "first", "right", "weights")))
