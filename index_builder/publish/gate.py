"""What a generation must be able to do before it may be published: what devices ask of it, and a good recall."""

from cloud_sync.index.probe import check
from components.core.errors import BadContentError
from components.searcher.annoy_index import cache_path
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.tuning import Lot, recall_of

LEAST_RECALL = 0.98


def require_fit(store: Store, seq: int) -> None:
    """Raise a BadContentError unless a device would take the generation, and Annoy finds what an exact scan finds."""
    check(store, seq)
    snapshot = load_snapshot(store, seq)
    kept = cache_path(store.index_dir, snapshot.manifest)
    annoy_file = kept if kept.exists() else None  # to publish writes nothing beside the index
    lot = Lot(snapshot.base, snapshot.alive)
    require_recall(recall_of(snapshot.vectors, snapshot.manifest.search, lot, annoy_file))


def require_recall(recall: float) -> None:
    """Raise BadContentError where an index finds too few of the nearest."""
    if recall < LEAST_RECALL:
        raise BadContentError(
            f"The index finds {recall:.1%} of what an exact search finds, less than {LEAST_RECALL:.0%}: build it again "
            "with --compact."
        )
