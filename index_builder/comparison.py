"""Two generations on the same photos: what differs, and whether that may be chance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.core.errors import BadContentError
from index_builder.answers import Answer, Run
from index_builder.evaluate import Evaluation, evaluate
from index_builder.measures import Numbers, bootstrap_interval, mcnemar, reciprocal_ranks


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A figure of both, and the difference with its 95 % interval; above 0, the evaluated generation is better."""

    this: float
    other: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The evaluated generation less another one, on the photos whose item both of them hold."""

    photos: int
    hit_rate_at_1: Difference
    hit_rate_at_5: Difference
    mrr: Difference
    only_this_right: int
    """Photos where only the evaluated generation has the right item first."""
    only_other_right: int
    p_value: float
    """Of McNemar's exact test on these two: how often as much differs by chance."""
    other: Evaluation


def compare(this: Run, other: Run) -> Comparison:
    """The differences; raises BadContentError where no photo shows an item of both."""
    by_photo = {answer.photo: answer for answer in other.answers if answer.known}
    pairs = [(one, by_photo[one.photo]) for one in this.answers if one.known and one.photo in by_photo]
    if not pairs:
        raise BadContentError("No photo shows an item that both generations hold: there is nothing to compare.")
    numbers = {item_id: number for number, item_id in enumerate(dict.fromkeys(one.item_id for one, _ in pairs))}
    groups = np.array([numbers[one.item_id] for one, _ in pairs], np.int64)
    ours, theirs = (_ranks([pair[n] for pair in pairs]) for n in (0, 1))
    only_this, only_other = int(((ours == 1) & (theirs != 1)).sum()), int(((ours != 1) & (theirs == 1)).sum())
    return Comparison(
        photos=len(pairs),
        hit_rate_at_1=_difference(_hits(ours, 1), _hits(theirs, 1), groups),
        hit_rate_at_5=_difference(_hits(ours, 5), _hits(theirs, 5), groups),
        mrr=_difference(reciprocal_ranks(ours), reciprocal_ranks(theirs), groups),
        only_this_right=only_this,
        only_other_right=only_other,
        p_value=round(mcnemar(only_this, only_other), 6),
        other=evaluate(other),
    )


def _ranks(answers: list[Answer]) -> Numbers:
    return np.array([answer.rank for answer in answers], np.float64)


def _hits(ranks: Numbers, k: int) -> Numbers:
    return (ranks <= k).astype(np.float64)


def _difference(ours: Numbers, theirs: Numbers, groups: npt.NDArray[np.int64]) -> Difference:
    interval = bootstrap_interval(ours - theirs, groups)
    figures = (ours.mean(), theirs.mean(), (ours - theirs).mean(), interval.low, interval.high)
    this, other, difference, low, high = (round(float(figure), 4) for figure in figures)
    return Difference(this=this, other=other, difference=difference, low=low, high=high)
