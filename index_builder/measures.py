"""Measures of retrieval, of answers to unknown things and of stated probabilities: pure functions of arrays."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RESAMPLES = 2_000
CHANCES = 100
BINS = 10
_Z = 1.959964
"""Of a 95 % interval of the normal distribution."""


class Interval(NamedTuple):
    """Where a figure lies, by 95 %."""

    low: float
    high: float


def wilson_interval(hits: int, count: int) -> Interval:
    """Of a share that was measured on ``count`` > 0 photos (Wilson 1927)."""
    share, z2 = hits / count, _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def reciprocal_ranks(ranks: Numbers) -> Numbers:
    """1 / rank, 0 where the right item was not found (infinite rank); their mean is the MRR (Voorhees 1999)."""
    return 1.0 / ranks


def auroc(known: Numbers, unknown: Numbers) -> float:
    """How often a known thing scores higher than an unknown one, a tie counting half (Mann and Whitney 1947)."""
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    not_above = np.searchsorted(ordered, known, side="right")
    return float((below + not_above).sum() / (2.0 * len(known) * len(unknown)))


@dataclass(frozen=True)
class OpenSetPoint:
    """What comes of answering from ``score`` on."""

    score: float
    wrong: float
    """Share of the unknown things that are answered all the same."""
    right: float
    """Share of the known things that are answered, and rightly."""


def open_set_curve(known: Numbers, is_right: Flags, unknown: Numbers) -> list[OpenSetPoint]:
    """From answering nothing to answering everything, a point for every score that there is.

    The correct classification rate over the false positive rate of Dhamija et al., "Reducing Network Agnostophobia"
    (2018).
    """
    points = [OpenSetPoint(math.inf, 0.0, 0.0)]
    right = np.sort(known[is_right])
    strangers = np.sort(unknown)
    for score in np.unique(np.concatenate([known, unknown]))[::-1].tolist():
        wrong = (len(strangers) - int(np.searchsorted(strangers, score))) / len(unknown)
        points.append(OpenSetPoint(score, wrong, (len(right) - int(np.searchsorted(right, score))) / len(known)))
    return points


def at_most_wrong(curve: list[OpenSetPoint], wrong: float) -> OpenSetPoint:
    """The point that answers most with no more than the share ``wrong`` of the unknown things answered."""
    return [point for point in curve if point.wrong <= wrong][-1]


@dataclass(frozen=True)
class Bin:
    """The answers whose stated probability lies in one tenth of 0 to 1."""

    count: int
    stated: float
    """Mean of the stated probabilities."""
    right: float
    """Share that was right."""


def reliability(stated: Numbers, is_right: Flags) -> list[Bin]:
    """The bins of equal width that hold any answer, lowest first (DeGroot and Fienberg 1983)."""
    places = np.minimum((stated * BINS).astype(int), BINS - 1)
    bins = []
    for place in range(BINS):
        inside = places == place
        if inside.any():
            bins.append(Bin(int(inside.sum()), float(stated[inside].mean()), float(is_right[inside].mean())))
    return bins


def expected_calibration_error(bins: list[Bin]) -> float:
    """Mean distance of what was stated and what was right, each bin by its count (Naeini et al. 2015)."""
    return sum(one.count * abs(one.stated - one.right) for one in bins) / sum(one.count for one in bins)


def weighted_calibration_error(stated: Numbers, is_right: Flags, weights: Numbers) -> float:
    """The expected calibration error where answers count by ``weights``, each bin by the weight in it."""
    places = np.minimum((stated * BINS).astype(int), BINS - 1)
    off = np.bincount(places, weights * (stated - is_right), BINS)
    return float(np.abs(off).sum() / weights.sum())


def chance_calibration_error(stated: Numbers) -> float:
    """The mean expected calibration error that exactly true probabilities have by chance; always the same draws."""
    rng = np.random.default_rng(0)
    drawn = (rng.random(len(stated)) < stated for _ in range(CHANCES))
    return float(np.mean([expected_calibration_error(reliability(stated, is_right)) for is_right in drawn]))


def mcnemar(only_one: int, only_other: int) -> float:
    """Probability of a difference at least so large if both were equally good; exact, two-sided (McNemar 1947).

    Of the things where only one of two was right, by number.
    """
    count = only_one + only_other
    if count == 0:
        return 1.0
    tail = sum(math.comb(count, n) for n in range(min(only_one, only_other) + 1))
    return min(1.0, 2 * tail / (1 << count))


def bootstrap_interval(differences: Numbers, groups: npt.NDArray[np.int64]) -> Interval:
    """Of the mean of paired differences, by drawing whole ``groups`` again (Efron 1979; percentiles).

    Photos of one item are alike: drawn one by one, they would make the interval too narrow. Always the same draws.
    """
    count = int(groups.max()) + 1
    sums, sizes = np.bincount(groups, differences, count), np.bincount(groups, minlength=count)
    drawn = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return Interval(*(float(quantile) for quantile in np.quantile(means, [0.025, 0.975])))
