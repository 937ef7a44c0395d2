"""Fits the metric in which views of one item are near each other, and gives every picture its vector in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from components.core.segments import Vectors
from index_builder.learning.discriminant import Matrix, directions, means_of, unit, within
from index_builder.learning.material import Material

CAMERA_WEIGHT = 0.6
"""Of the photos' scatter beside that of rendered views, once there are enough photos."""
ENOUGH_PHOTOS = 200
ACROSS_WEIGHT = 2.0
"""Of the differences between an item's photos and its rendered views: where a view came from is to be overlooked."""
TAUGHT_WEIGHT = 0.8
"""Of photos in the mean of an item that also has a studio picture."""
ENOUGH_FREEDOM = 20
EXPRESSED_QUANTILE = 0.1


@dataclass(frozen=True)
class Metric:
    """A matrix of (raw_dim, dim) for centered unit embeddings."""

    matrix: Vectors = field(repr=False)

    def project(self, centered: Vectors) -> Vectors:
        """(n, raw_dim) -> (n, dim), unit length."""
        return unit(centered @ self.matrix)


def scatter_of(material: Material) -> Matrix | None:
    """How views of one item differ, over all (centered) domains; None where too few items have several."""
    rendered = within(material.rendered.embeddings, material.rendered.items) if len(material.rendered) else None
    camera = within(material.camera.embeddings, material.camera.items) if len(material.camera) else None
    if sum(one.freedom for one in (rendered, camera) if one is not None) < ENOUGH_FREEDOM:
        return None
    if rendered is None or camera is None:
        one = rendered or camera
        assert one is not None  # noqa: S101  # their freedom is more than none
        return one.matrix
    weight = CAMERA_WEIGHT * min(1.0, camera.freedom / ENOUGH_PHOTOS)
    return (1 - weight) * rendered.matrix + weight * camera.matrix + ACROSS_WEIGHT * _across(material)


def _across(material: Material) -> Matrix:
    taught, photos = means_of(material.camera.embeddings, material.camera.items)
    drawn, views = means_of(material.rendered.embeddings, material.rendered.items)
    both, first, second = np.intersect1d(taught, drawn, return_indices=True)
    dim = material.rendered.embeddings.shape[1]
    if not len(both):
        return np.zeros((dim, dim))
    difference = (photos[first] - views[second]).astype(np.float64)
    return np.asarray(difference.T @ difference / len(both))


def item_means(material: Material) -> Vectors:
    """The mean of every item that has pictures, photos counting most; ``material`` is centered."""
    means = np.zeros((material.items, material.studio.embeddings.shape[1]), np.float32)
    known = np.zeros(material.items, bool)
    for domain, weight in ((material.studio, 1.0), (material.rendered, 1.0), (material.camera, TAUGHT_WEIGHT)):
        if len(domain):
            present, found = means_of(domain.embeddings, domain.items)
            weights = np.where(known[present], weight, 1.0)[:, None]
            means[present] = (1 - weights) * means[present] + weights * found
            known[present] = True
    return means[known]


def fit_metrics(white: Vectors, material: Material, dims: Sequence[int]) -> list[Metric]:
    """A metric for each of ``dims``: so many directions in which the items of ``material`` (centered) differ most."""
    views = np.vstack([material.studio.embeddings, material.rendered.embeddings, material.camera.embeddings])
    basis = directions(item_means(material) @ white, min(max(dims), material.items - 1))
    if basis.shape[1] < max(dims):  # fewer items than directions: add those in which their views differ
        whitened = views @ white
        rest = whitened - (whitened @ basis) @ basis.T
        basis = np.hstack([basis, directions(rest, max(dims) - basis.shape[1])])
    return [Metric(_scaled(white @ basis[:, :dim], views)) for dim in dims]


def _scaled(matrix: Vectors, views: Vectors) -> Vectors:
    """So that all but the weakest tenth of the catalog's own views are longer than 1 (see Projection.query)."""
    lengths = np.linalg.norm(views @ matrix, axis=1)
    return np.asarray(matrix / max(float(np.quantile(lengths, EXPRESSED_QUANTILE)), 1e-6), np.float32)


def studio_vectors(
    metric: Metric, material: Material, rendered: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> Vectors:
    """A vector per studio picture: between the picture's own and the mean of its rendered views (those that count)."""
    own = metric.project(material.studio.embeddings)
    if rendered.any():
        views = metric.project(material.rendered.embeddings[rendered])
        present, means = means_of(views, material.picture[rendered])
        own[present] = unit(own[present] + unit(means))
    return own
