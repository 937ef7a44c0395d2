"""The rules of teaching at the camera: which view is good, when an item is whole, what may be learned by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.core.messages import Embedding
from components.core.taught import TaughtView

LEAST_VIEWS = 3
GOOD_VIEWS = 5
MOST_VIEWS = 8
MOST_LEARNED = 8
"""Views of one item that were learned from answers which somebody confirmed."""

FRESH_S = 1.0
"""How old the camera's query may be that becomes a view."""
STEADY = 0.85
"""Cosine of two queries in a row while nothing moves: 0.95 and more; of two sides of an item about 0.7."""
# Cosines of EfficientNet-Lite0 on 320 real photos of 81 products from different visits: the best among the other
# photos of the same product lies between 0.50 (1st percentile) and 0.95 (99th), of another product at 0.38 (median).
SAME_VIEW = 0.96
OTHER_ITEM = 0.45
ALIKE = 0.60
OCCASION_S = 10.0
"""Two confirmations within this time are one: somebody tapped twice."""

WHYS = (
    *("no_picture", "unsteady", "same_view", "other_item", "enough_views", "too_few_views", "looks_like"),
    *("no_title", "unknown_item", "unknown_view", "unknown_query", "not_undoable", "other_model", "learning_off"),
    *("of_catalog", "no_index", "not_saved"),
)
"""Why a wish was not done."""


@dataclass(frozen=True)
class Verdict:
    """Whether a view is taken; ``why`` and a sentence where it is not."""

    why: str = ""
    sentence: str = ""
    guidance: str = ""


def judge_steady(embedding: Embedding, before: Embedding | None) -> Verdict:
    """Whether the picture rests: ``before`` is the embedding of the query before it, where that was a moment ago."""
    if before is None or float(embedding @ before) >= STEADY:
        return Verdict()
    return Verdict("unsteady", "The picture is moving: hold the item still.", "hold_still")


def judge_view(
    embedding: Embedding, others: Sequence[Embedding], *, sure: bool = False, most: int = MOST_VIEWS
) -> Verdict:
    """Whether ``embedding`` is worth to be a view beside ``others`` of the same item.

    ``sure`` says that the person was asked whether it is the same item, and said yes.
    """
    if len(others) >= most:
        return Verdict("enough_views", f"The item has its {most} views: save it.")
    if not others:
        return Verdict()
    nearest = float(max(embedding @ other for other in others))
    if nearest >= SAME_VIEW:
        return Verdict("same_view", "This looks the same as an earlier view: turn the item and show another side.")
    if nearest < OTHER_ITEM and not sure:
        return Verdict("other_item", "This looks different from the other views: is it the same item?")
    return Verdict()


def looks_like(views: Sequence[TaughtView]) -> str:
    """The item that the device recognized in most of ``views``, where there is one; "" for something new."""
    seen = [view.looked_like for view in views if view.looked_like and view.looked_like != view.item_id]
    best = max(sorted(set(seen)), key=seen.count, default="")
    return best if best and 2 * seen.count(best) > len(views) else ""


def judge_item(views: Sequence[TaughtView], title: str, *, sure: bool = False) -> Verdict:
    """Whether a draft with these views can be saved under ``title``."""
    if len(views) < LEAST_VIEWS:
        return Verdict("too_few_views", f"The item has {len(views)} of at least {LEAST_VIEWS} views: show more sides.")
    if not title.strip():
        return Verdict("no_title", "The item has no title: say what it is called.")
    if looks_like(views) and not sure:
        return Verdict("looks_like", "The views look like an item that is here already: add them to that one?")
    return Verdict()


@dataclass(frozen=True)
class Lesson:
    """What one confirmed answer teaches."""

    learn: bool = False
    """Keep the view, in quarantine."""
    release: str = ""
    """The quarantined view that is confirmed for the second time."""


def judge_confirmation(embedding: Embedding, now: float, views: Sequence[TaughtView]) -> Lesson:
    """What a "right" teaches about an item with ``views`` of the same model; ``now`` is the wall clock.

    A view is learned only when two people, or one on two occasions, confirmed answers to pictures that are alike.
    """
    cosines = {view.view_id: float(embedding @ view.embedding) for view in views}
    if any(view.state == "active" and cosines[view.view_id] >= SAME_VIEW for view in views):
        return Lesson()  # nothing new
    waiting = [view for view in views if view.state == "quarantined" and cosines[view.view_id] >= ALIKE]
    if waiting:
        nearest = max(waiting, key=lambda view: cosines[view.view_id])
        # The clock may have been set in between: what counts is that the two are apart.
        return Lesson(release=nearest.view_id if abs(now - nearest.taken_at) >= OCCASION_S else "")
    learned = sum(view.source == "confirmed" for view in views)
    return Lesson(learn=learned < MOST_LEARNED)


def contradicted(embedding: Embedding, views: Sequence[TaughtView]) -> list[TaughtView]:
    """The learned ones among an item's ``views`` that a "wrong" for a picture alike speaks against."""
    learned = [view for view in views if view.source == "confirmed"]
    return [view for view in learned if float(np.dot(embedding, view.embedding)) >= ALIKE]
