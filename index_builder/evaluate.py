"""How good a generation's answers to labelled photos are, in figures."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from components.core.errors import BadContentError
from index_builder.answers import Answer, Run
from index_builder.index_recall import recall_of
from index_builder.measures import (
    Bin,
    Numbers,
    OpenSetPoint,
    at_most_wrong,
    auroc,
    expected_calibration_error,
    open_set_curve,
    reciprocal_ranks,
    reliability,
    wilson_interval,
)

WRONG_ANSWERS = 0.05
MOST_CONFUSIONS = 30
MOST_POINTS = 200
DECISIONS = ("match", "ambiguous", "no_match")


@dataclass(frozen=True, kw_only=True)
class Category:
    """How often the items of one category are found."""

    photos: int
    hit_rate_at_1: float
    hit_rate_at_5: float


@dataclass(frozen=True, kw_only=True)
class OpenSet:
    """Whether known things can be told from unknown ones by what the answers say of themselves."""

    by: str
    """What is compared: probability, or score where none is stated."""
    auroc: float
    answered_right_at_5_percent_wrong: float
    """Share of the known photos that are answered rightly when at most 5 % of the unknown ones are answered."""
    from_value: float | None
    """From which probability or score on that answers; None where it can only answer nothing."""
    curve: tuple[OpenSetPoint, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Whether what is stated to be right with 80 % is right in 80 %."""

    expected_calibration_error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One of the decisions; shares of the photos."""

    known: float | None
    """Of the known ones, how many were decided so."""
    right: float | None
    """Of these, how often the right item was the first, or one of the candidates; None of none and of no_match."""
    unknown: float | None


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """An item that another one is taken for."""

    item_id: str
    taken_for: str
    photos: int
    example: str


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one generation on one set of photos; hit rates are None where no photo shows an item of it."""

    name: str
    generation: int
    photos: int
    """Of items of the generation."""
    unknown_photos: int
    """Of anything else."""
    unreadable: int
    hit_rate_at_1: float | None
    """Share of the photos whose item is the first one found."""
    hit_rate_at_1_interval: tuple[float, float] | None
    """Where it would lie with many photos of the kind, by 95 %."""
    hit_rate_at_5: float | None
    mrr: float | None
    """Mean reciprocal rank of the right item among the first 50 (Voorhees 1999)."""
    recall_at_10: float
    """Of the index against exact search over the same vectors."""
    answered: float | None
    """Share of the photos with a match or with candidates."""
    right_of_answered: float | None
    auroc: float | None
    """Of known against unknown photos."""
    expected_calibration_error: float | None
    """None where the generation states no probabilities."""
    decisions: dict[str, Decided]
    open_set: OpenSet | None
    calibration: Calibration | None
    categories: dict[str, Category]
    """The most photos first."""
    confusions: tuple[Confusion, ...]
    """The worst ones first."""
    not_in_the_generation: tuple[str, ...]
    """The first ids that photos name and the generation does not hold."""


def evaluate(run: Run) -> Evaluation:
    """The figures of what a generation answered; raises BadContentError where its photos fit another catalog."""
    known = [answer for answer in run.answers if answer.known]
    unknown = [answer for answer in run.answers if not answer.known]
    foreign = tuple(dict.fromkeys(answer.item_id for answer in unknown if answer.item_id))
    if not known and foreign:
        raise BadContentError(
            f"None of the photos shows an item of the generation; the first unknown one is {foreign[0]!r}."
        )
    ranks = np.array([answer.rank for answer in known])
    answered = np.array([answer.decision != "no_match" for answer in known], np.bool_)
    interval = wilson_interval(int((ranks <= 1).sum()), len(ranks)) if known else None
    opened, calibration = _open_set(known, unknown), _calibration(run.answers)
    return Evaluation(
        name=run.snapshot.manifest.name,
        generation=run.snapshot.manifest.seq,
        photos=len(known),
        unknown_photos=len(unknown),
        unreadable=len(run.unreadable),
        hit_rate_at_1=_share(ranks <= 1),
        hit_rate_at_1_interval=None if interval is None else (_rounded(interval.low), _rounded(interval.high)),
        hit_rate_at_5=_share(ranks <= 5),
        mrr=_share(reciprocal_ranks(ranks)),
        recall_at_10=recall_of(run),
        answered=_share(answered),
        right_of_answered=_share(ranks[answered] <= 1) if answered.any() else 0.0 if known else None,
        auroc=None if opened is None else opened.auroc,
        expected_calibration_error=None if calibration is None else calibration.expected_calibration_error,
        decisions={kind: _decided(kind, known, unknown) for kind in DECISIONS},
        open_set=opened,
        calibration=calibration,
        categories=_categories(known, run),
        confusions=_confusions(known),
        not_in_the_generation=foreign[:10],
    )


def _open_set(known: list[Answer], unknown: list[Answer]) -> OpenSet | None:
    if not known or not unknown:
        return None
    stated = all(answer.probability is not None for answer in known + unknown)
    ours, theirs = (_values(several, stated) for several in (known, unknown))
    curve = open_set_curve(ours, np.array([answer.rank == 1 for answer in known]), theirs)
    point = at_most_wrong(curve, WRONG_ANSWERS)
    return OpenSet(
        by="probability" if stated else "score",
        auroc=_rounded(auroc(ours, theirs)),
        answered_right_at_5_percent_wrong=_rounded(point.right),
        from_value=_rounded(point.score) if isfinite(point.score) else None,
        curve=_thinned(curve[1:]),
    )


def _thinned(curve: list[OpenSetPoint]) -> tuple[OpenSetPoint, ...]:
    kept = {*range(0, len(curve), max(1, len(curve) // MOST_POINTS)), len(curve) - 1}
    several = (curve[n] for n in sorted(kept))
    return tuple(OpenSetPoint(_rounded(one.score), _rounded(one.wrong), _rounded(one.right)) for one in several)


def _values(answers: list[Answer], stated: bool) -> Numbers:
    return np.array([answer.probability if stated else answer.score for answer in answers], np.float64)


def _calibration(answers: list[Answer]) -> Calibration | None:
    stated = [answer.probability for answer in answers if answer.probability is not None]
    if len(stated) < len(answers):
        return None
    bins = reliability(np.array(stated), np.array([answer.rank == 1 for answer in answers]))
    return Calibration(
        expected_calibration_error=_rounded(expected_calibration_error(bins)),
        bins=tuple(Bin(one.count, _rounded(one.stated), _rounded(one.right)) for one in bins),
    )


def _decided(kind: str, known: list[Answer], unknown: list[Answer]) -> Decided:
    ours = [answer for answer in known if answer.decision == kind]
    right = _share(np.array([answer.rank <= answer.candidates for answer in ours]))
    return Decided(
        known=_share(np.array([answer.decision == kind for answer in known])),
        right=None if kind == "no_match" else right,
        unknown=_share(np.array([answer.decision == kind for answer in unknown])),
    )


def _categories(known: list[Answer], run: Run) -> dict[str, Category]:
    ranks: dict[str, list[float]] = defaultdict(list)
    for answer in known:
        item = run.catalog.get(answer.item_id)
        ranks["" if item is None else item.category].append(answer.rank)
    ordered = sorted(ranks.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {
        name: Category(
            photos=len(several),
            hit_rate_at_1=_rounded(sum(rank <= 1 for rank in several) / len(several)),
            hit_rate_at_5=_rounded(sum(rank <= 5 for rank in several) / len(several)),
        )
        for name, several in ordered
    }


def _confusions(known: list[Answer]) -> tuple[Confusion, ...]:
    """By the number of photos; of as many, first the ones that were taken for the wrong item most surely."""
    wrong = sorted((answer for answer in known if answer.matches and answer.rank != 1), key=lambda a: -a.score)
    counted = Counter((answer.item_id, answer.matches[0].item_id) for answer in wrong)
    example = {(answer.item_id, answer.matches[0].item_id): answer for answer in reversed(wrong)}
    return tuple(
        Confusion(item_id=pair[0], taken_for=pair[1], photos=count, example=str(example[pair].photo.path))
        for pair, count in counted.most_common(MOST_CONFUSIONS)
    )


def _share(true: "npt.NDArray[Any]") -> float | None:
    return _rounded(float(np.mean(true))) if len(true) else None


def _rounded(value: float) -> float:
    return round(value, 4)
