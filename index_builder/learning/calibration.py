"""From held-out scores to probabilities: how often an answer with such scores was right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.core.decisions import COMPARED, Calibration, candidates, log_odds, shares
from components.core.segments import Vectors
from index_builder.learning.discriminant import Labels
from index_builder.learning.held_out import FOLDS, Asked
from index_builder.learning.logistic import Flags, Numbers, fit_logistic
from index_builder.learning.strictness import Cases, least_known

UNKNOWN_SHARE = 0.25
"""How many of a camera's pictures of things are taken to show none of the catalog."""
ENOUGH_OF_A_CATEGORY = 100
_TEMPERATURES = np.geomspace(0.01, 0.5, 40)
_PENALTIES = np.arange(0.0, 0.5, 0.025)
USUAL_PENALTY = 0.15
"""Where there are no photos to measure it with."""
UNKNOWN, NOTHING = -1, -2
"""In place of the right item's number: the query shows another thing, or nothing."""


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
        top = min(COMPARED, found.shape[1])
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
    pays, see strictness.
    """
    everything = _both(known, unknown)
    features, right = _features(everything), everything.position == 0
    weights = everything.weights * len(right)
    bias, score, margin = fit_logistic(features, (everything.right >= 0).astype(float), weights).tolist()
    pairs = zip(everything.first.tolist(), everything.right.tolist(), strict=True)
    same_kind = np.array([item >= 0 and categories[first] == categories[item] for first, item in pairs], float)
    style_bias, style_score = fit_logistic(features[:, :1], same_kind, weights).tolist()
    temperature = _temperature(known)
    several = [shares(row.tolist(), temperature) for row in everything.scores]
    stated = np.column_stack([features[:, 0], [log_odds(one[0]) for one in several]])
    answer = fit_logistic(stated, right.astype(float), weights).tolist()
    among = (everything.position >= 0) & (everything.position < [candidates(one) for one in several])
    probably = 1 / (1 + np.exp(-(bias + features @ [score, margin])))
    cases = Cases(probably, among, everything.right == UNKNOWN, weights)
    return Calibration(
        known_bias=bias,
        known_score=score,
        known_margin=margin,
        temperature=temperature,
        answer_bias=answer[0],
        answer_score=answer[1],
        answer_share=answer[2],
        style_bias=style_bias,
        style_score=style_score,
        min_known=least_known(cases, wrong_on_unknown),
        min_known_by_category=_by_category(cases, everything, categories, wrong_on_unknown),
    )


def _both(known: Answers, unknown: Answers) -> Answers:
    """All of them; those to unknown things have UNKNOWN_SHARE of the weight."""
    return Answers(
        scores=np.concatenate([known.scores, unknown.scores]),
        position=np.concatenate([known.position, unknown.position]),
        first=np.concatenate([known.first, unknown.first]),
        right=np.concatenate([known.right, unknown.right]),
        weights=np.concatenate(
            [
                (1 - UNKNOWN_SHARE) * known.weights / known.weights.sum(),
                UNKNOWN_SHARE * unknown.weights / unknown.weights.sum(),
            ]
        ),
    )


def _features(several: Answers) -> Numbers:
    best = several.scores[:, 0].astype(float)
    second = several.scores[:, 1] if several.scores.shape[1] > 1 else np.minimum(best, 0.0)
    return np.column_stack([best, best - second])


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


def _by_category(
    cases: Cases, several: Answers, categories: Mapping[int, str], wrong_on_unknown: float | None
) -> dict[str, float]:
    """For each category that was answered often enough, both to known and to unknown things."""
    names = np.array([categories[int(item)] for item in several.first])
    found = {}
    for name in sorted(set(names.tolist()) - {""}):
        here: Flags = names == name
        if min((here & (several.right >= 0)).sum(), (here & cases.unknown_item).sum()) >= ENOUGH_OF_A_CATEGORY:
            found[name] = least_known(cases.where(here), wrong_on_unknown)
    return found
