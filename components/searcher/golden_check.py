"""Asks a loaded generation its golden queries: what answers them wrongly must not become active."""

from components.core.errors import FormatError
from components.core.golden import MAX_GOLDEN_BYTES, decode_golden
from components.core.messages import Embedding
from components.searcher.index import Index
from components.searcher.snapshot import Snapshot
from components.store import Store


def check_golden(store: Store, snapshot: Snapshot) -> int:
    """How many golden queries the exact scan answers rightly; raises FormatError where one is answered wrongly."""
    manifest = snapshot.manifest
    if manifest.golden is None:
        return 0
    golden = decode_golden(store.read_object(manifest.golden.sha256, min(manifest.golden.size, MAX_GOLDEN_BYTES)))
    if golden.embeddings.shape[1] != manifest.model.dim:
        raise FormatError(f"The golden queries of generation {manifest.seq} do not fit its model: build it again.")
    index = Index(snapshot)

    def first_of(embedding: Embedding) -> str | None:
        matches = index.search(snapshot.projection.query(embedding[None])[0], 1)
        return matches[0].item_id if matches else None

    failures = golden.failures(first_of)
    if failures:
        raise FormatError(
            f"Generation {manifest.seq} does not find what it must: {failures[0]} ({len(failures)} of "
            f"{len(golden.item_ids)} such queries): build it again."
        )
    return len(golden.item_ids)
