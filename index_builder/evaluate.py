"""How often the right item is found on labelled photos, and how faithful the index is to exact search."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from components.core.errors import BadContentError, LookalikeError
from components.core.messages import MAX_K
from components.core.segments import Vectors
from components.featurizer.active_model import load_model_of
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.frame import Image
from components.featurizer.sources.labels import Photo, read_photo_list
from components.searcher.annoy_index import AnnoyCandidates, build_file
from components.searcher.index import Index
from components.searcher.snapshot import Snapshot, load_snapshot
from components.store import Store
from index_builder.tuning import SAME_SCORE

RECALL_AT = 10


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one generation on one set of photos."""

    generation: int
    photos: int
    unreadable: int
    hit_rate_at_1: float
    """Share of the photos whose item is the first one found."""
    hit_rate_at_5: float
    mrr: float
    """Mean reciprocal rank of the right item among the first 50 (Voorhees 1999)."""
    recall_at_10: float
    """Of the index against exact search over the same vectors."""
    answered: float
    """Share of the photos whose best score passes the generation's threshold."""
    right_of_answered: float


def read_photos(path: Path, use: str | None) -> list[Photo]:
    """The photos that a CSV file lists (photo, item_id, and use where ``use`` chooses), each of one item.

    Raises UnavailableError where the file cannot be read, BadContentError where its content is wrong.
    """
    photos = read_photo_list(path, use)
    if not photos:
        chosen = "" if use is None else f" with use {use!r}"
        raise BadContentError(f"{path} lists no photos{chosen}.")
    nothing = [photo.path.name for photo in photos if not photo.item_id]
    if nothing:
        raise BadContentError(f"{path} names no item_id for {nothing[0]}: each photo shows one item.")
    return photos


def evaluate(
    store: Store, photos: list[Photo], threads: int, announce: Callable[[str, int], Callable[[int], None]]
) -> Evaluation:
    """Search for every photo in the active generation; raises BadContentError where none of them can be used."""
    snapshot = load_snapshot(store, store.require_active())
    unknown = sorted({photo.item_id or "" for photo in photos} - set(snapshot.item_of))
    if len(unknown) == len({photo.item_id for photo in photos}):
        raise BadContentError(
            f"None of the photos shows an item of the generation; the first unknown one is {unknown[0]!r}."
        )
    done = announce("embedding photos", len(photos))
    readable, queries = _embed(store, snapshot, photos, threads, done)
    exact = Index(snapshot)
    results = [exact.search(query, MAX_K) for query in queries]
    ranks = np.array([_rank([m.item_id for m in found], p.item_id) for found, p in zip(results, readable, strict=True)])
    passed = np.array(
        [found[0].score >= snapshot.manifest.thresholds.min_score if found else False for found in results]
    )
    return Evaluation(
        generation=snapshot.manifest.seq,
        photos=len(readable),
        unreadable=len(photos) - len(readable),
        hit_rate_at_1=_share(ranks <= 1),
        hit_rate_at_5=_share(ranks <= 5),
        mrr=round(float(np.mean(np.where(ranks <= MAX_K, 1.0 / ranks, 0.0))), 4),
        recall_at_10=_recall(snapshot, exact, queries),
        answered=_share(passed),
        right_of_answered=_share(ranks[passed] <= 1) if passed.any() else 0.0,
    )


def _embed(
    store: Store, snapshot: Snapshot, photos: list[Photo], threads: int, done: Callable[[int], None]
) -> tuple[list[Photo], Vectors]:
    model = load_model_of(store, snapshot.manifest)
    readable: list[Photo] = []

    def images() -> Iterator[Image]:
        for photo in photos:
            try:
                image = decode_picture(photo.path.read_bytes())
            except (LookalikeError, OSError):
                done(1)
                continue
            readable.append(photo)
            yield image
            done(1)

    embeddings = list(Embedder(model, device="CPU", threads=threads).embed_all(images(), threads))
    if not embeddings:
        raise BadContentError(f"None of the {len(photos)} photos can be read; the first one is {photos[0].path}.")
    return readable, snapshot.projection.query(np.stack(embeddings))


def _recall(snapshot: Snapshot, exact: Index, queries: Vectors) -> float:
    """Share of the ten nearest items by exact search that the index finds too."""
    if not snapshot.annoy_pays:
        return 1.0
    with TemporaryDirectory(prefix="lookalike-") as folder:
        path = Path(folder) / "index.ann"
        build_file(snapshot.vectors[: snapshot.base], path, snapshot.manifest.search.n_trees)
        index = Index(snapshot, AnnoyCandidates(path, snapshot.manifest.dim))
        wanted = found = 0
        for query in queries:
            best = exact.search(query, RECALL_AT)
            wanted += len(best)
            # Counted by score: of several items that look the same any one is right.
            found += sum(match.score >= best[-1].score - SAME_SCORE for match in index.search(query, RECALL_AT))
    return round(found / wanted, 4) if wanted else 1.0


def _rank(found: list[str], item_id: str | None) -> int:
    return found.index(item_id) + 1 if item_id in found else MAX_K + 1


def _share(true: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> float:
    return round(float(np.mean(true)), 4)
