"""Whether a GPU computes what the CPU computes: some return wrong vectors without any error."""

import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image

PICTURES = 16
MIN_COSINE = 0.999
_ALIKE = 0.005
"""Vectors that are all nearer to each other than this (cosine 0.99999) say nothing of their pictures."""

Vectors = npt.NDArray[np.float32]


def qualify(reference: Vectors, candidate: Vectors) -> str | None:
    """Why ``candidate`` must not be used, or None where it may; both are embeddings, (n, dim), of the same pictures.

    A candidate passes when every vector is finite, points where the reference's does (cosine >= 0.999), and the vectors
    are not all alike.
    """
    if candidate.shape != reference.shape:
        return f"its embeddings have shape {candidate.shape} instead of {reference.shape}"
    if not np.isfinite(candidate).all():
        return "its embeddings are not finite"
    candidate_unit, reference_unit = _unit(candidate), _unit(reference)
    if float(np.linalg.norm(candidate_unit - candidate_unit[0], axis=1).max()) < _ALIKE:
        return "its embeddings of different pictures are all alike"
    worst = float(np.sum(candidate_unit * reference_unit, axis=1).min())
    if not worst >= MIN_COSINE:
        return f"its embeddings differ from the CPU's: cosine {worst:.4f}, at least {MIN_COSINE} is expected"
    return None


def pictures(size: int) -> list[Image]:
    """Sixteen different pictures of ``size`` x ``size`` pixels, made on the spot and always the same."""
    rng = np.random.default_rng(20_180_707)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size
    return [_picture(number, rows, columns, rng) for number in range(PICTURES)]


def _picture(number: int, rows: Vectors, columns: Vectors, rng: np.random.Generator) -> Image:
    """Two colors mixed by a pattern, with some grain over it."""
    first, second = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    angle = float(rng.uniform(0, np.pi))
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    weight = (np.clip(_pattern(number, along, across), -1, 1)[..., None] + 1) / 2
    grain = rng.standard_normal((*rows.shape, 1), np.float32) * (2 + 2 * number)
    mixed = first * weight + second * (1 - weight) + grain
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def _pattern(number: int, along: Vectors, across: Vectors) -> Vectors:
    """Stripes, checks, rings and blobs, finer with every round."""
    turns, kind = 1 + number, number % 4
    if kind == 0:
        return np.asarray(np.sin(2 * np.pi * turns * along), np.float32)
    if kind == 1:
        return np.asarray(np.sign(np.sin(2 * np.pi * turns * along) * np.sin(2 * np.pi * turns * across)), np.float32)
    if kind == 2:
        return np.asarray(np.sin(4 * np.pi * turns * np.hypot(along - 0.5, across - 0.5)), np.float32)
    return np.asarray(np.sin(7 * along + 2) * np.cos(9 * across) + np.sin(turns * along * across), np.float32)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
