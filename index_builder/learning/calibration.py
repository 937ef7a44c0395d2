"""From held-out scores to probabilities: how often an answer with such scores was right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.core.decisions import Calibration
from components.core.segments import Vectors
from index_builder.learning.discriminant import Labels
from index_builder.learning.held_out import Asked
from index_builder.learning.logistic import Numbers, fit_logistic

UNKNOWN_SHARE = 0.2
"""How many of a camera's pictures of things are taken to show none of the catalog."""
WRONG_ON_UNKNOWN = 0.05
"""Of the pictures of unknown items so many may be answered."""
ALWAYS_ANSWERED = 0.5
"""A picture that more probably than this shows a known item is answered, however strict that leaves the others."""
ENOUGH_OF_A_CATEGORY = 100
_TEMPERATURES = np.geomspace(0.01, 0.5, 40)
_PENALTIES = np.arange(0.0, 0.5, 0.025)
USUAL_PENALTY = 0.15
"""Where there are no photos to measure it with."""
_TOP = 5


@dataclass(frozen=True)
class Answers:
    """The best scores of queries, best first, (n, top), which of them is right, (n,), and each query's weight."""

    scores: Vectors = field(repr=False)
    position: Labels = field(repr=False)
    """Position of the right item; -1 where it is not among them."""
    first: Labels = field(repr=False)
    """The best item."""
    weights: Numbers = field(repr=False)


def choose_penalty(asked: Sequence[Asked], taught_share: float) -> float:
    """What a photo's score loses, so that items with and without photos are found alike often."""
    if not any((one.own_by_camera > -1).any() for one in asked) or not taught_share > 0:
        return USUAL_PENALTY
    if taught_share == 1:
        return 0.0

    def found(penalty: float) -> float:
        shares = [
            float(np.mean(np.concatenate([_first_right(one, penalty, taught=taught) for one in asked])))
            for taught in (True, False)
        ]
        return sum(shares)

    return round(float(max(_PENALTIES, key=lambda penalty: found(float(penalty)))), 3)


def _first_right(asked: Asked, penalty: float, *, taught: bool) -> Vectors:
    return np.asarray(asked.scores(penalty, taught=taught).argmax(axis=1) == asked.right, np.float32)


def answers(asked: Sequence[Asked], penalty: float, taught_share: float) -> Answers:
    """What the index would answer to known items: by their photos for ``taught_share`` of the weight."""
    parts = []
    for one in asked:
        for taught, share in ((True, taught_share), (False, 1 - taught_share)):
            usable = one.own_by_camera > -1 if taught else np.ones(len(one.right), bool)
            if share > 0 and usable.any():
                parts.append((one.scores(penalty, taught=taught)[usable], one.right[usable], share / usable.sum()))
    return _joined(parts)


def unknown_answers(asked: Sequence[Asked], penalty: float, nothing: Vectors) -> Answers:
    """What it would answer to items that it does not have, and to pictures of nothing (their scores, (n, items))."""
    parts = []
    for one in asked:
        scores = one.scores(penalty, taught=False)
        scores[np.arange(len(one.right)), one.right] = -1.0
        parts.append((scores, np.full(len(one.right), -1), 1 / len(one.right)))
    if len(nothing):
        parts.append((nothing, np.full(len(nothing), -1), len(asked) / 4 / len(nothing)))
    return _joined(parts)


def _joined(parts: Sequence[tuple[Vectors, Labels, float]]) -> Answers:
    scores, position, first, weights = [], [], [], []
    for found, right, weight in parts:
        top = min(_TOP, found.shape[1])
        order = np.argsort(-found, axis=1, kind="stable")[:, :top]
        there = order == right[:, None]
        scores.append(np.take_along_axis(found, order, axis=1))
        position.append(np.where(there.any(axis=1), there.argmax(axis=1), -1))
        first.append(order[:, 0])
        weights.append(np.full(len(found), weight))
    return Answers(*(np.concatenate(several) for several in (scores, position, first, weights)))


def calibrate(known: Answers, unknown: Answers, same_kind: Labels, categories: Mapping[int, str]) -> Calibration:
    """The calibration; ``same_kind``, (len(known),), says whether the best item is of the right one's category."""
    features = np.vstack([_features(known), _features(unknown)])
    true = np.concatenate([np.ones(len(known.first)), np.zeros(len(unknown.first))])
    weights = np.concatenate(
        [(1 - UNKNOWN_SHARE) * _share(known.weights), UNKNOWN_SHARE * _share(unknown.weights)]
    ) * len(true)
    bias, score, margin = fit_logistic(features, true, weights).tolist()
    kinds = np.concatenate([same_kind.astype(float), np.zeros(len(unknown.first))])
    style_bias, style_score = fit_logistic(features[:, :1], kinds, weights).tolist()
    probability = 1 / (1 + np.exp(-(bias + _features(unknown) @ [score, margin])))
    return Calibration(
        known_bias=bias,
        known_score=score,
        known_margin=margin,
        temperature=_temperature(known),
        style_bias=style_bias,
        style_score=style_score,
        min_known=_strict(probability, unknown.weights),
        min_known_by_category=_by_category(probability, unknown, categories),
    )


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


def _strict(probability: Numbers, weights: Numbers) -> float:
    order = np.argsort(-probability)
    passed = np.cumsum(_share(weights[order]))
    index = min(int(np.searchsorted(passed, WRONG_ON_UNKNOWN)), len(order) - 1)
    return round(min(float(probability[order[index]]), ALWAYS_ANSWERED), 4)


def _by_category(probability: Numbers, unknown: Answers, categories: Mapping[int, str]) -> dict[str, float]:
    names = np.array([categories[int(item)] for item in unknown.first])
    several, counts = np.unique(names, return_counts=True)
    return {
        str(name): _strict(probability[names == name], unknown.weights[names == name])
        for name, count in zip(several, counts, strict=True)
        if count >= ENOUGH_OF_A_CATEGORY and name
    }
