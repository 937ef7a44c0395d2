"""The peer of what is learned: plain cosine to the studio picture, as every sample application does."""

from collections.abc import Collection, Sequence

import numpy as np

from components.core.segments import Vectors
from index_builder.answers import Seen
from index_builder.measures import Flags, Numbers, at_most_wrong, auroc, open_set_curve

WRONG_ANSWERS = 0.05
Figures = dict[str, float]
Items = Collection[str]


class PlainCosine:
    """Answers to photos by raw embeddings alone."""

    def __init__(self, studio: Seen, photos: Seen) -> None:
        self._items = [photo.item_id or "" for photo in studio.photos]
        self._shown = [photo.item_id or "" for photo in photos.photos]
        self._scores: Vectors = photos.embeddings @ studio.embeddings.T

    def hits(self, asked: Items) -> Figures:
        """Hit rates of the photos of ``asked`` among all items."""
        return hit_rates(self._ranks(self._items)[self._of(asked)])

    def open_set(self, known: Items) -> Figures:
        """The best cosine of photos of ``known``, a catalog without the other items, beside that of the others'."""
        is_known, ranks = self._of(known), self._ranks(known)
        best = self._among(known).max(axis=1).astype(np.float64)
        return hit_rates(ranks[is_known]) | told_apart(best[is_known], ranks[is_known] == 1, best[~is_known])

    def _of(self, items: Items) -> Flags:
        return np.array([item_id in items for item_id in self._shown], np.bool_)

    def _among(self, items: Items) -> Vectors:
        return np.asarray(np.where([item_id in items for item_id in self._items], self._scores, -1.0), np.float32)

    def _ranks(self, among: Items) -> Numbers:
        scores = self._among(among)
        own = scores[np.arange(len(scores)), [self._items.index(item_id) for item_id in self._shown]][:, None]
        return np.asarray(1 + (scores > own).sum(axis=1), np.float64)


def hit_rates(ranks: "Sequence[float] | Numbers") -> Figures:
    """Of places from 1 on."""
    places = np.asarray(ranks)
    return {"hit@1": round(float((places <= 1).mean()), 4), "hit@5": round(float((places <= 5).mean()), 4)}


def told_apart(known: Numbers, is_right: Flags, unknown: Numbers) -> Figures:
    """AUROC, and the share of known photos answered right where at most 5 % of the unknown ones are answered."""
    point = at_most_wrong(open_set_curve(known, is_right, unknown), WRONG_ANSWERS)
    return {"AUROC": round(auroc(known, unknown), 4), "right at 5 %": round(point.right, 4)}
