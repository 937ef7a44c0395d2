"""What a generation must be able to do before it may be published, or used after it was fetched."""

from components.core.errors import BadContentError
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.inspection import Inspection, inspect
from index_builder.tuning import Lot, recall_of

LEAST_RECALL = 0.98


def require_fit(store: Store, seq: int) -> Inspection:
    """Raise FormatError unless all of it is whole and answers its golden queries, BadContentError for a low recall."""
    figures = inspect(store, seq)
    snapshot = load_snapshot(store, seq)
    recall = recall_of(snapshot.vectors, snapshot.manifest.search, Lot(snapshot.base, snapshot.alive))
    require_recall(recall)
    return figures


def require_recall(recall: float) -> None:
    """Raise BadContentError where an index finds too few of the nearest."""
    if recall < LEAST_RECALL:
        raise BadContentError(
            f"The index finds {recall:.1%} of what an exact search finds, less than {LEAST_RECALL:.0%}: build it again "
            "with --compact."
        )
