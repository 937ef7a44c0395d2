"""Which of the matches is the answer, and how probable it is: match, ambiguous, or no match and why.

Each match has a share: a softmax of the scores with a temperature (Guo et al. 2017). How probable it is that the best
match is right is logistic in its score and in the log-odds of its share (Platt 1999), and how probable that the catalog
has the item at all in its score and its margin to the second one. The builder fits all of it on held-out views.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.core.errors import FormatError
from components.core.messages import Match

MAX_CANDIDATES = 4
CLEARLY_FIRST = 2.0
"""The best match is the answer where its share is so many times that of the second."""
STILL_POSSIBLE = 0.25
"""A candidate has at least so much of the best match's share."""
COMPARED = 5
"""Among so many items the shares are shared out, however many a client asks for."""
SUREST = 0.999
"""A larger share makes no match more probable: the only item that passes the filters has all of it."""
_STEEPEST = 60.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """From scores to probabilities."""

    known_bias: float
    known_score: float
    known_margin: float
    temperature: float
    """What the scores are divided by before the softmax."""
    answer_bias: float
    answer_score: float
    answer_share: float
    """Of the best match being right: what its score and the log-odds of its share are multiplied by."""
    style_bias: float
    style_score: float
    min_known: float
    """Below this probability of being in the catalog, the picture shows an unknown item."""
    min_known_by_category: Mapping[str, float] = field(default_factory=dict)
    """The same for categories with enough views of their own."""

    def __post_init__(self) -> None:
        numbers = [value for value in vars(self).values() if isinstance(value, float)]
        numbers += self.min_known_by_category.values()
        if not all(isinstance(number, float) and math.isfinite(number) for number in numbers) or len(numbers) < 10:
            raise FormatError("A manifest's calibration holds what is no finite number: build the generation again.")
        if self.temperature <= 0:
            raise FormatError(f"A manifest says temperature {self.temperature!r}; expected more than 0.")

    def known(self, best: float, second: float) -> float:
        """The probability that the picture shows an item of the catalog."""
        return logistic(self.known_bias + self.known_score * best + self.known_margin * (best - second))

    def right(self, best: float, share: float) -> float:
        """The probability that the best match, of this score and share, is right."""
        return logistic(self.answer_bias + self.answer_score * best + self.answer_share * log_odds(share))

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
    several = shares([match.score for match in matches], calibration.temperature)
    first = calibration.right(matches[0].score, several[0])
    # The others keep their proportion to it, as far as it leaves them anything.
    left = min(first / several[0], (1 - first) / max(1 - several[0], 1 - SUREST))
    stated = [first, *(share * left for share in several[1:])]
    return tuple(replace(match, probability=share) for match, share in zip(matches, stated, strict=True))


def shares(scores: Sequence[float], temperature: float) -> list[float]:
    """The share of each of ``scores``, best first: of the first COMPARED ones they are 1 together."""
    weights = [math.exp((score - scores[0]) / temperature) for score in scores]
    total = sum(weights[:COMPARED])
    return [weight / total for weight in weights]


def candidates(several_shares: Sequence[float]) -> int:
    """How many of the first matches may be the right one, by the shares of all, best first."""
    first = several_shares[0]
    several = sum(other >= STILL_POSSIBLE * first for other in several_shares[:MAX_CANDIDATES])
    if several < 2 or first >= CLEARLY_FIRST * several_shares[1]:  # one alone is no choice
        return 1
    return several


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


def log_odds(share: float) -> float:
    """log(p / (1 - p)) of a share from 0 to 1; of one beyond SUREST, that of SUREST."""
    within = min(max(share, 1 - SUREST), SUREST)
    return math.log(within / (1 - within))


def _no_match(reason: str, cause: str = "unknown_item") -> Decision:
    return Decision("no_match", cause, reason)


def _decide_item(matches: Sequence[Match], calibration: Calibration, category: str) -> Decision:
    strict = calibration.min_known_by_category.get(category, calibration.min_known)
    second = matches[1].score if len(matches) > 1 else min(matches[0].score, 0.0)
    if calibration.known(matches[0].score, second) < strict:
        return _no_match("this looks like no item of the catalog")
    several = candidates(shares([match.score for match in matches], calibration.temperature))
    return Decision("match") if several == 1 else Decision("ambiguous", candidates=several)


def _decide_style(matches: Sequence[Match]) -> Decision:
    if (matches[0].probability or 0.0) < 0.5:  # more likely wrong than right
        return _no_match("nothing in the catalog is of this kind")
    return Decision("match")
