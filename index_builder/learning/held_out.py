"""Asks as a camera would, with views of items that the metric did not learn from: what the choices are made by.

Items are left out in turn (cross-validation). Each of their views is a query: once with its item in the index by its
studio picture, once by its other photos, once without it, as of an unknown item.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from components.core.segments import Vectors
from index_builder.learning.discriminant import Labels, Whitening, means_of, unit, whitening
from index_builder.learning.material import Material
from index_builder.learning.metric import Metric, scatter_of, studio_vectors

FOLDS = 4
MOST_QUERIES = 600
"""In each fold."""


@dataclass(frozen=True)
class Fold:
    """A metric's whitening that did not see ``out``, and the material with what may be seen of them."""

    out: Labels
    white: Whitening
    seen: Material
    """Centered, without photos and rendered views of the items in ``out``."""
    whole: Material
    """Centered, with all."""


def folds(material: Material) -> Iterator[Fold]:
    """The folds, one after the other; none where there is too little to learn from."""
    centered = material.centered()
    order = np.random.default_rng(0).permutation(material.items)
    for number in range(FOLDS):
        out = np.sort(order[number::FOLDS])
        kept = ~np.isin(centered.rendered.items, out)
        seen = replace(
            centered,
            rendered=centered.rendered.where(kept),
            picture=centered.picture[kept],
            camera=centered.camera.without(out),
        )
        scatter = scatter_of(seen)
        if scatter is not None and len(out):
            yield Fold(out, whitening(scatter), seen, centered)


@dataclass(frozen=True)
class Asked:
    """Scores of queries against every item, (queries, items); -1 where an item has no such vector."""

    right: Labels = field(repr=False)
    """The item that each query shows, (queries,)."""
    by_studio: Vectors = field(repr=False)
    by_camera: Vectors = field(repr=False)
    own_by_camera: Vectors = field(repr=False)
    """The right item's score by its other photos, (queries,); -1 where it has none."""

    def scores(self, penalty: float, *, taught: bool) -> Vectors:
        """Every item's score, the right one known by its photos (``taught``) or by its studio picture."""
        scores: Vectors = np.maximum(self.by_studio, self.by_camera - np.float32(penalty))
        rows = np.arange(len(self.right))
        own = self.by_studio[rows, self.right]
        scores[rows, self.right] = np.maximum(own, self.own_by_camera - penalty) if taught else own
        return scores


def ask(fold: Fold, metric: Metric) -> Asked:
    """The views of the items left out, as queries; photos where there are some, else every second rendered view."""
    whole = fold.whole
    photos = np.flatnonzero(np.isin(whole.camera.items, fold.out))
    if len(photos):
        half = np.ones(len(whole.rendered), bool)
        queries, right = whole.camera.embeddings[photos], whole.camera.items[photos]
    else:
        half = np.arange(len(whole.rendered)) % 2 == 0
        chosen = np.flatnonzero(~half & np.isin(whole.rendered.items, fold.out))
        queries, right = whole.rendered.embeddings[chosen], whole.rendered.items[chosen]
    step = max(1, -(-len(right) // MOST_QUERIES))
    vectors, right = metric.project(queries[::step]), right[::step]
    studio = best_of(vectors @ studio_vectors(metric, whole, half).T, whole.studio.items, whole.items)
    camera = np.full((len(right), whole.items), -1.0, np.float32)
    own = np.full(len(right), -1.0, np.float32)
    if len(fold.seen.camera):
        present, means = means_of(metric.project(fold.seen.camera.embeddings), fold.seen.camera.items)
        camera[:, present] = vectors @ unit(means).T
    if len(photos):
        own = _by_other_photos(metric.project(queries), whole.camera.items[photos])[::step]
    return Asked(right, studio, camera, own)


def best_of(scores: Vectors, items: Labels, several: int) -> Vectors:
    """From scores against vectors, (n, vectors), to those against their items, (n, several); -1 where one has none."""
    best = np.full((several, len(scores)), -1.0, np.float32)
    np.maximum.at(best, items, scores.T)
    return np.ascontiguousarray(best.T)


def _by_other_photos(vectors: Vectors, items: Labels) -> Vectors:
    """Every photo's score against the mean of the other photos of its item; -1 where there is no other."""
    present, means = means_of(vectors, items)
    place = np.searchsorted(present, items)
    counts = np.bincount(place)[place]
    others = unit(means[place] * counts[:, None] - vectors)
    scores = np.where(counts > 1, np.sum(vectors * others, axis=1), -1.0)
    return np.asarray(scores, np.float32)
