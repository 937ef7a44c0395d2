"""Which of the matches is the answer, and how probable it is: match, ambiguous, or no match and why.

A match's probability is that of the item being in the catalog at all, times its share among the matches. The first is
logistic in the best score and its margin to the second item (Platt 1999), the second a softmax of the scores with a
temperature (Guo et al. 2017). How often the best match then is right corrects its probability (Platt's scaling once
more); the builder fits all three on held-out views.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.core.errors import FormatError
from components.core.messages import Match

MAX_CANDIDATES = 4
CLEARLY_FIRST = 2.0
"""The best match is the answer where it is so many times as probable as the second."""
STILL_POSSIBLE = 0.25
"""A candidate is at least so many times as probable as the best match."""
_STEEPEST = 60.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """From scores to probabilities."""

    known_bias: float
    known_score: float
    known_margin: float
    temperature: float
    """What the scores are divided by before the softmax."""
    style_bias: float
    style_score: float
    min_known: float
    """Below this probability of being in the catalog, the picture shows an unknown item."""
    min_known_by_category: Mapping[str, float] = field(default_factory=dict)
    """The same for categories with enough views of their own."""
    answer_bias: float = 0.0
    answer_slope: float = 1.0
    """Of the best match: what its log-odds by the above are turned into."""

    def __post_init__(self) -> None:
        numbers = [value for value in vars(self).values() if isinstance(value, float)]
        numbers += self.min_known_by_category.values()
        if not all(isinstance(number, float) and math.isfinite(number) for number in numbers) or len(numbers) < 7:
            raise FormatError("A manifest's calibration holds what is no finite number: build the generation again.")
        if self.temperature <= 0:
            raise FormatError(f"A manifest says temperature {self.temperature!r}; expected more than 0.")

    def known(self, best: float, second: float) -> float:
        """The probability that the picture shows an item of the catalog."""
        return logistic(self.known_bias + self.known_score * best + self.known_margin * (best - second))

    def answer(self, probability: float) -> float:
        """How often a best match of this probability, by presence and share alone, is right."""
        return logistic(self.answer_bias + self.answer_slope * log_odds(probability))

    def style(self, score: float) -> float:
        """The probability that an item with this score is of the kind that the picture shows."""
        return logistic(self.style_bias + self.style_score * score)


@dataclass(frozen=True)
class Thresholds:
    """From which score on the best item is a match, and how probable it is where the index is calibrated."""

    min_score: float
    """A cosine; most pictures of nothing stay below it."""
    taught_penalty: float = 0.0
    """What items with photos by a camera score less: they resemble any camera's picture more than the others do."""
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min_score) and -1.0 <= self.min_score <= 1.0):
            raise FormatError(f"A manifest says min_score {self.min_score!r}; expected a cosine from -1 to 1.")
        if not (math.isfinite(self.taught_penalty) and 0.0 <= self.taught_penalty <= 1.0):
            raise FormatError(f"A manifest says taught_penalty {self.taught_penalty!r}; expected 0 to 1.")


@dataclass(frozen=True)
class Decision:
    """``match``, ``ambiguous`` or ``no_match``, with the cause and the reason in words where there is none."""

    kind: str
    cause: str = ""
    """One of messages.CAUSES."""
    reason: str = ""
    candidates: int = 0
    """How many of the matches may be the right one, where it is ambiguous."""


def with_probabilities(
    matches: Sequence[Match], calibration: Calibration | None, mode: str = "item"
) -> tuple[Match, ...]:
    """``matches``, best first, each with the probability that it is right; as they are without a ``calibration``."""
    if calibration is None or not matches:
        return tuple(matches)
    if mode == "style":
        return tuple(replace(match, probability=calibration.style(match.score)) for match in matches)
    uncorrected = shares([match.score for match in matches], calibration)
    first = calibration.answer(uncorrected[0])
    # What the best match gains or loses, the others lose or gain; none becomes more probable than it.
    others = (1 - first) / max(1 - uncorrected[0], 1e-6)
    stated = [first, *(min(share * others, first) for share in uncorrected[1:])]
    return tuple(replace(match, probability=share) for match, share in zip(matches, stated, strict=True))


def shares(scores: Sequence[float], calibration: Calibration) -> list[float]:
    """The probability of each item with these ``scores``, best first, by presence and share alone."""
    known = _known(scores, calibration)
    weights = [math.exp((score - scores[0]) / calibration.temperature) for score in scores]
    total = sum(weights)
    return [known * weight / total for weight in weights]


def decide(
    matches: Sequence[Match],
    thresholds: Thresholds,
    *,
    mode: str = "item",
    category: str = "",
    filtered: bool = False,
) -> Decision:
    """The answer that ``matches``, best first and with their probabilities, give; ``category`` is the best one's.

    ``filtered`` says whether the query had filters. Without a calibration the best score alone decides.
    """
    if not matches:
        return _no_match("no item passes the filters" if filtered else "the catalog holds no item")
    if matches[0].score < thresholds.min_score:
        return _no_match("nothing in the catalog looks like this", "nothing_there")
    if thresholds.calibration is None:
        return Decision("match")
    if mode == "style":
        return _decide_style(matches)
    return _decide_item(matches, thresholds.calibration, category)


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), for any x."""
    return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, x))))


def log_odds(probability: float) -> float:
    """log(p / (1 - p)), finite for any p from 0 to 1."""
    within = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(within / (1 - within))


def _known(scores: Sequence[float], calibration: Calibration) -> float:
    return calibration.known(scores[0], scores[1] if len(scores) > 1 else min(scores[0], 0.0))


def _no_match(reason: str, cause: str = "unknown_item") -> Decision:
    return Decision("no_match", cause, reason)


def _decide_item(matches: Sequence[Match], calibration: Calibration, category: str) -> Decision:
    strict = calibration.min_known_by_category.get(category, calibration.min_known)
    if _known([match.score for match in matches], calibration) < strict:
        return _no_match("this looks like no item of the catalog")
    stated = [match.probability or 0.0 for match in matches[:MAX_CANDIDATES]]
    candidates = sum(share >= STILL_POSSIBLE * stated[0] for share in stated)
    if candidates < 2 or stated[0] >= CLEARLY_FIRST * stated[1]:  # one alone is no choice
        return Decision("match")
    return Decision("ambiguous", candidates=candidates)


def _decide_style(matches: Sequence[Match]) -> Decision:
    if (matches[0].probability or 0.0) < 0.5:  # more likely wrong than right
        return _no_match("nothing in the catalog is of this kind")
    return Decision("match")
