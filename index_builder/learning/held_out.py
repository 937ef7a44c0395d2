"""Asks as a camera would, with views that the metric did not learn from: what the choices are made by.

Items are left out in turn (cross-validation): each of their photos, or rendered views where there are none, asks for an
item that is known by its studio picture alone, and, with that item taken away, for an unknown one. Of the other items a
part of the photos is left out: they ask for items that are known by other photos. The metric does not learn from what
is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from components.core.prototypes import prototypes
from components.core.segments import Vectors
from index_builder.learning.discriminant import Labels, Whitening, unit, whitening
from index_builder.learning.material import Material
from index_builder.learning.metric import Metric, scatter_of, studio_vectors

FOLDS = 4
ENOUGH_PHOTOS = 100
MOST_QUERIES = 600
"""In each fold."""


@dataclass(frozen=True)
class Fold:
    """A metric's whitening, the material that it may see, and the views that it may not."""

    white: Whitening
    seen: Material
    """Centered, without photos and rendered views of the items left out, and without some photos of the others."""
    whole: Material
    """Centered, with all."""
    out: Labels
    """The items left out."""
    photos: "np.ndarray[tuple[int], np.dtype[np.bool_]]" = field(repr=False)
    """Which photos are left out, (len(whole.camera),)."""


def folds(material: Material) -> Iterator[Fold]:
    """The folds, one after the other; none where there is too little to learn from."""
    centered = material.centered()
    order = np.random.default_rng(0).permutation(material.items)
    turn = _turns(centered.camera.items)
    for number in range(FOLDS):
        out = np.sort(order[number::FOLDS])
        drawn = ~np.isin(centered.rendered.items, out)
        photos = np.isin(centered.camera.items, out) | (turn == number)
        seen = replace(
            centered,
            rendered=centered.rendered.where(drawn),
            picture=centered.picture[drawn],
            camera=centered.camera.where(~photos),
        )
        scatter = scatter_of(seen)
        if scatter is not None and len(out):
            yield Fold(whitening(scatter), seen, centered, out, photos)


def _turns(items: Labels) -> Labels:
    """In which fold each photo is left out: an item's first in the first one, and so on; a single one in none."""
    turns = np.zeros(len(items), np.int64)
    for item, count in zip(*np.unique(items, return_counts=True), strict=True):
        turns[items == item] = np.arange(count) % FOLDS if count > 1 else -1
    return turns


@dataclass(frozen=True)
class Asked:
    """Scores of queries against every item; -1 where an item has no such vector."""

    right: Labels = field(repr=False)
    """The item that each query shows, (queries,)."""
    taught: "np.ndarray[tuple[int], np.dtype[np.bool_]]" = field(repr=False)
    """Whether that is known by other photos, (queries,)."""
    own: Vectors = field(repr=False)
    """What that scores, by what may be known of it, (queries,)."""
    found: Vectors = field(repr=False)
    """What the others score, (queries, items)."""
    with_photos: "np.ndarray[tuple[int], np.dtype[np.bool_]]" = field(repr=False)
    """Which items the index knows by photos, (items,)."""

    def scores(self, penalty: float) -> Vectors:
        """Every item's score, where those with photos score ``penalty`` less."""
        scores = np.asarray(self.found - np.float32(penalty) * self.with_photos, np.float32)
        scores[np.arange(len(self.right)), self.right] = self.own - np.float32(penalty) * self.taught
        return scores


def ask_evenly(fold: Fold, metric: Metric) -> Asked:
    """The views left out, as queries of an index in which all items lack what is left out.

    No item has more photos than another one for that reason alone: this tells which metric is better.
    """
    whole, seen = fold.whole, fold.seen.camera
    queries, right, _, shown = _queries(fold)
    vectors, studio = metric.project(queries), studio_vectors(metric, whole, shown)
    found = _found(vectors, whole, studio, metric.project(seen.embeddings), seen.items)
    own = found[np.arange(len(right)), right]
    return Asked(right, ~np.isin(right, fold.out), own, found, np.isin(np.arange(whole.items), seen.items))


def ask(fold: Fold, metric: Metric) -> Asked:
    """The views left out, as queries of an index in which only the item asked for lacks them.

    That is what a query meets on a device: this tells how probably an answer is right.
    """
    whole = fold.whole
    queries, right, photo, shown = _queries(fold)
    vectors, studio = metric.project(queries), studio_vectors(metric, whole, shown)
    photos, items = metric.project(whole.camera.embeddings), whole.camera.items
    own = best_of(vectors @ studio.T, whole.studio.items, whole.items)[np.arange(len(right)), right]
    taught = ~np.isin(right, fold.out)
    for number in np.flatnonzero(taught):
        others = photos[(items == right[number]) & (np.arange(len(items)) != photo[number])]
        several = np.vstack([others, unit(others.mean(axis=0, keepdims=True))])
        own[number] = max(own[number], (several @ vectors[number]).max())
    found = _found(vectors, whole, studio, photos, items)
    return Asked(right, taught, own, found, np.isin(np.arange(whole.items), items))


def _queries(fold: Fold) -> tuple[Vectors, Labels, Labels, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """Embeddings, items and photos (-1: none) of the queries, and which rendered views the index may know."""
    camera, rendered = fold.whole.camera, fold.whole.rendered
    half = np.arange(len(rendered)) % 2 == 0
    drawn = ~half & np.isin(rendered.items, np.setdiff1d(fold.out, camera.items))
    if len(camera) >= ENOUGH_PHOTOS:
        drawn[:] = False  # photos ask as a camera does, rendered views only nearly so
    embeddings = np.concatenate([camera.embeddings[fold.photos], rendered.embeddings[drawn]])
    items = np.concatenate([camera.items[fold.photos], rendered.items[drawn]])
    photo = np.concatenate([np.flatnonzero(fold.photos), np.full(drawn.sum(), -1)])
    step = max(1, -(-len(items) // MOST_QUERIES))
    return embeddings[::step], items[::step], photo[::step], half | ~drawn


def _found(vectors: Vectors, whole: Material, studio: Vectors, photos: Vectors, items: Labels) -> Vectors:
    """What queries score against every item, (n, items), in an index of ``studio`` vectors and of ``items``' photos."""
    means, means_of = prototypes(photos, items)
    known = np.vstack([studio, photos, means])
    return best_of(vectors @ known.T, np.concatenate([whole.studio.items, items, means_of]), whole.items)


def best_of(scores: Vectors, items: Labels, several: int) -> Vectors:
    """From scores against vectors, (n, vectors), to those against their items, (n, several); -1 where one has none."""
    best = np.full((several, len(scores)), -1.0, np.float32)
    np.maximum.at(best, items, scores.T)
    return np.ascontiguousarray(best.T)
