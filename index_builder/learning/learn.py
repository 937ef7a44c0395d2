"""What a catalog's own pictures teach: the projection, a vector for every picture, prototypes, and the thresholds."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from components.core.decisions import Thresholds
from components.core.projection import Projection, identity
from components.core.prototypes import prototypes
from components.core.segments import Vectors
from index_builder.learning.calibration import USUAL_PENALTY, answers, calibrate, choose_penalty, unknown_answers
from index_builder.learning.discriminant import whitening
from index_builder.learning.held_out import Asked, Fold, ask, ask_evenly, best_of, folds
from index_builder.learning.material import Domain, Material
from index_builder.learning.metric import Metric, fit_metrics, scatter_of, studio_vectors

log = logging.getLogger(__name__)

SHRINKAGES = (0.5, 0.7, 0.9, 1.0)
"""Candidates; 1 leaves no more than plain principal components."""
USUAL_SHRINKAGE = 0.7
DIMS = (64, 128, 256)
WORTH_DOUBLING = 0.005
"""So many more of the held-out views a vector twice as long has to find."""
EMPTY_SHARE = 0.95
LOWEST, HIGHEST = 0.2, 0.6
FEWEST_ITEMS = 8
"""Below that nothing can be held out."""


@dataclass(frozen=True)
class Learned:
    """What goes into a generation."""

    projection: Projection
    studio: Vectors = field(repr=False)
    """A vector for each studio picture."""
    camera: Vectors = field(repr=False)
    """A vector for each photo."""
    prototypes: Domain
    """A further vector for each item that has several photos."""
    thresholds: Thresholds
    hit_rate_at_1: float | None
    """On held-out views, None where nothing could be held out."""


def learn(
    material: Material,
    empty: Vectors,
    categories: Mapping[int, str],
    max_dim: int,
    wrong_on_unknown: float | None = None,
) -> Learned:
    """Everything at once; ``empty``, (n, raw_dim), are raw embeddings of pictures of nothing.

    ``categories`` has one for every item's number; ``max_dim`` bounds the length of a vector;
    ``wrong_on_unknown`` is the share of the pictures of unknown items that may be answered (None: as pays).
    """
    centered = material.centered()
    scatter = scatter_of(centered)
    if scatter is None or material.items < 2:
        return _plain(material, empty)
    taught = len(np.unique(material.camera.items)) / material.items
    held_out = list(folds(material)) if material.items >= FEWEST_ITEMS else []
    shrinkage, dim = _choose(held_out, _dims(material.items, max_dim), taught)
    asked = [ask(fold, fit_metrics(fold.white.matrix(shrinkage), fold.seen, [dim])[0]) for fold in held_out]
    metric = fit_metrics(whitening(scatter).matrix(shrinkage), centered, [dim])[0]
    studio_mean, _, query_mean = material.means()
    projection = Projection(studio_mean, query_mean, metric.matrix)
    learned = _vectors(metric, centered, projection)
    nothing = _best(projection.query(empty), learned, material)
    penalty = choose_penalty(asked, taught)
    min_score = round(float(np.clip(np.quantile(nothing.max(axis=1), EMPTY_SHARE), LOWEST, HIGHEST)), 3)
    if not asked:
        return replace(learned, thresholds=Thresholds(min_score, penalty))
    known, unknown = answers(asked, penalty, taught), unknown_answers(asked, penalty, nothing)
    hits = round(float(np.average(known.position == 0, weights=known.weights)), 4)
    thresholds = Thresholds(min_score, penalty, calibrate(known, unknown, categories, wrong_on_unknown))
    return replace(learned, thresholds=thresholds, hit_rate_at_1=hits)


def _plain(material: Material, empty: Vectors) -> Learned:
    """For a handful of pictures: they are searched as they are."""
    projection = identity(material.studio.embeddings.shape[1])
    camera = projection.catalog(material.camera.embeddings, by_camera=True)
    studio = projection.catalog(material.studio.embeddings)
    vectors = np.vstack([studio, camera])
    best = (projection.query(empty) @ vectors.T).max(axis=1)
    min_score = round(float(np.clip(np.quantile(best, EMPTY_SHARE), LOWEST, HIGHEST)), 3)
    return Learned(
        projection, studio, camera, Domain(*prototypes(camera, material.camera.items)), Thresholds(min_score), None
    )


def _choose(held_out: list[Fold], dims: list[int], taught: float) -> tuple[float, int]:
    """The shrinkage and dimension that find most held-out views."""
    if not held_out:
        return USUAL_SHRINKAGE, dims[0]
    tried: dict[tuple[int, float], list[float]] = {(dim, shrinkage): [] for dim in dims for shrinkage in SHRINKAGES}
    for fold in held_out:
        for shrinkage in SHRINKAGES:
            metrics = fit_metrics(fold.white.matrix(shrinkage), fold.seen, dims)
            for dim, metric in zip(dims, metrics, strict=True):
                tried[dim, shrinkage].append(_found(ask_evenly(fold, metric), taught))
    found = {candidate: float(np.mean(several)) for candidate, several in tried.items()}
    log.info("found of held-out views, by dimension and shrinkage: %s", found)
    # A longer vector has to be worth it.
    dim, shrinkage = max(found, key=lambda candidate: found[candidate] - WORTH_DOUBLING * np.log2(candidate[0]))
    return shrinkage, dim


def _dims(items: int, max_dim: int) -> list[int]:
    """Lengths to try: more than there are items would not tell them apart better."""
    most = min(max_dim, max(DIMS[0], items - 1))
    return sorted({min(dim, most) for dim in DIMS})


def _found(asked: Asked, taught: float) -> float:
    """Half for the right item first, half for it among the first five; items with photos count by their share."""
    scores = asked.scores(0.0 if taught == 1 else USUAL_PENALTY)
    own = scores[np.arange(len(asked.right)), asked.right][:, None]
    rank = (scores > own).sum(axis=1)
    weights = np.where(asked.taught, taught, 1.0 - taught) + 1e-6
    return float(np.average((rank < 1) + 1.0 * (rank < 5), weights=weights)) / 2  # of five


def _vectors(metric: Metric, centered: Material, projection: Projection) -> Learned:
    everything = np.ones(len(centered.rendered), bool)
    camera = metric.project(centered.camera.embeddings)
    return Learned(
        projection=projection,
        studio=studio_vectors(metric, centered, everything),
        camera=camera,
        prototypes=Domain(*prototypes(camera, centered.camera.items)),
        thresholds=Thresholds(0.0),
        hit_rate_at_1=None,
    )


def _best(queries: Vectors, learned: Learned, material: Material) -> Vectors:
    """The scores of ``queries`` against every item, (n, items)."""
    vectors = np.vstack([learned.studio, learned.camera, learned.prototypes.embeddings])
    items = np.concatenate([material.studio.items, material.camera.items, learned.prototypes.items])
    return best_of(queries @ vectors.T, items, material.items)
