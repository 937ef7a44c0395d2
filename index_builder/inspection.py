"""Shows what is in a generation, and whether all of it is whole."""

from collections import Counter
from dataclasses import dataclass

from components.catalog import load_catalog
from components.core.errors import FormatError
from components.searcher.golden_check import check_golden
from components.searcher.snapshot import load_snapshot
from components.store import Store

MAX_THUMBNAIL_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A generation in figures; every object was read and verified for it."""

    generation: int
    name: str
    license: str
    model: str
    model_digest: str
    model_license: str
    items: int
    views: int
    removed_views: int
    dim: int
    raw_dim: int
    segments: int
    tail_views: int
    bytes: int
    thumbnails: int
    n_trees: int
    search_k: int
    golden_queries: int
    min_score: float
    categories: dict[str, int]


def inspect(store: Store, seq: int) -> Inspection:
    """Read generation ``seq`` whole; raises FormatError for anything that is damaged or missing."""
    snapshot = load_snapshot(store, seq)
    manifest = snapshot.manifest
    catalog = load_catalog(store, seq)
    items = [item for item_id in dict.fromkeys(snapshot.item_of) if (item := catalog.get(item_id)) is not None]
    if len(items) != manifest.items:
        raise FormatError(
            f"Generation {seq} has {len(items)} items, its manifest says {manifest.items}: build it again."
        )
    if len(snapshot.alive) != manifest.views:
        raise FormatError(
            f"Generation {seq} has {len(snapshot.alive)} views, its manifest says {manifest.views}: build it again."
        )
    golden = check_golden(store, snapshot)
    thumbnails = {item.thumbnail for item in items if item.thumbnail}
    size = sum(len(store.read_object(digest, MAX_THUMBNAIL_BYTES)) for digest in thumbnails)
    size += sum(len(store.read_ref(ref)) for ref in manifest.model.files.values())
    size += sum(ref.size for kind, ref in manifest.objects() if kind != "model")
    return Inspection(
        generation=seq,
        name=manifest.name,
        license=manifest.license,
        model=manifest.model.name,
        model_digest=manifest.model.digest,
        model_license=manifest.model.license,
        items=manifest.items,
        views=manifest.views,
        removed_views=len(manifest.tombstones),
        dim=manifest.dim,
        raw_dim=manifest.model.dim,
        segments=len(manifest.segments),
        tail_views=sum(segment.count for segment in manifest.segments if segment.tail),
        bytes=size,
        thumbnails=len(thumbnails),
        n_trees=manifest.search.n_trees,
        search_k=manifest.search.search_k,
        golden_queries=golden,
        min_score=manifest.thresholds.min_score,
        categories=dict(Counter(item.category for item in items).most_common()),
    )
