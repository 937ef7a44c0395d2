"""What lint sees of every picture of a catalog, and how alike a picture stays to itself when it changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from components.core.segments import Vectors
from components.featurizer.frame import Image
from components.picture_header import sniff
from components.store import Store
from components.thumbnails import read_thumbnail
from index_builder.embedding import BulkEmbedder, View
from index_builder.perceptual_hash import perceptual_hash
from index_builder.pictures import Pictures

SAMPLE = 200
CENTERED_FROM = 20
"""From about so many pictures on, their mean says more of the domain than of themselves."""
_CLOSER = 0.15
_BLANK_SIDE, _DIFFERS_BY, _SOME = 64, 12, 0.005


@dataclass(frozen=True)
class Look:
    """One picture of an item."""

    item_id: str
    location: str
    picture: str
    """sha256 of its bytes."""
    width: int
    height: int
    blank: bool
    thumbnail: str
    """sha256 of the thumbnail object."""
    hash: npt.NDArray[np.bool_] = field(repr=False)
    embedding: Vectors = field(repr=False)


def look_at(
    views: list[View], pictures: Pictures, store: Store, threads: int, done: Callable[[int], None]
) -> list[Look]:
    """The looks of ``views``, in their order."""

    def look(view: View) -> Look:
        header = sniff(pictures.read(view.picture.location))
        thumbnail = read_thumbnail(store, view.embedded.thumbnail)
        return Look(
            item_id=view.entry.item_id,
            location=view.picture.location,
            picture=view.embedded.picture,
            width=header.width,
            height=header.height,
            blank=is_blank(thumbnail),
            thumbnail=view.embedded.thumbnail,
            hash=perceptual_hash(thumbnail),
            embedding=view.embedded.embedding,
        )

    looks = []
    with ThreadPoolExecutor(threads, thread_name_prefix="look") as pool:
        for one in pool.map(look, views):
            looks.append(one)
            done(1)
    return looks


def is_blank(image: Image) -> bool:
    """Whether a BGR picture is one color, but for noise."""
    small = cv2.resize(image, (_BLANK_SIDE, _BLANK_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    off = np.abs(small - np.median(small, axis=(0, 1))).max(axis=2)
    return bool((off > _DIFFERS_BY).mean() < _SOME)


def centered(embeddings: Vectors, mean: Vectors) -> Vectors:
    """(n, dim) less ``mean``, unit length."""
    vectors = embeddings - mean
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), np.float32)


def domain_mean(embeddings: Vectors) -> Vectors:
    """The mean of (n, dim) embeddings, smaller the fewer there are: two pictures less their mean are opposites."""
    count = len(embeddings)
    return np.asarray(embeddings.mean(axis=0) * (count / (count + CENTERED_FROM)), np.float32)


@dataclass(frozen=True)
class Alikeness:
    """From which cosine on two pictures are too much alike, learned from the catalog's own pictures."""

    near_duplicate: float
    """Three of four pictures are at least so close to their own mirror image."""
    confusable: float
    """Half of the pictures are no closer to themselves once the camera stands a little closer."""


def learn_alikeness(looks: list[Look], mean: Vectors, store: Store, embedder: BulkEmbedder, threads: int) -> Alikeness:
    """Embeds two changed views of at most ``SAMPLE`` pictures, evenly chosen."""
    chosen = [looks[n] for n in np.linspace(0, len(looks) - 1, min(SAMPLE, len(looks))).astype(int)]
    images = [read_thumbnail(store, look.thumbnail) for look in chosen]
    changed = [change(image) for change in (_mirrored, _from_closer) for image in images]
    vectors = centered(np.stack(list(embedder.embed_all(changed, threads))), mean)
    own = centered(np.stack([look.embedding for look in chosen]), mean)
    mirrored, closer = (own * vectors.reshape(2, *own.shape)).sum(axis=2)
    confusable = float(np.median(closer))
    return Alikeness(round(max(float(np.quantile(mirrored, 0.25)), confusable), 4), round(confusable, 4))


def _mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


def _from_closer(image: Image) -> Image:
    off_y, off_x = (int(side * _CLOSER) for side in image.shape[:2])
    return np.ascontiguousarray(image[off_y : image.shape[0] - off_y, off_x : image.shape[1] - off_x])
