"""The items of one generation, looked up by id."""

from collections.abc import Iterator

from components.core.errors import FormatError
from components.core.items import Item, decode_row
from components.store import Store


class Catalog:
    """The items of generation ``seq``; rows stay text until they are asked for, so 100,000 items stay small."""

    def __init__(self, seq: int, lines: dict[str, bytes]) -> None:
        self.seq = seq
        self._lines = lines

    def get(self, item_id: str) -> Item | None:
        """The item, or None where this generation does not have it."""
        line = self._lines.get(item_id)
        return None if line is None else decode_row(line).item

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def load_catalog(store: Store, seq: int) -> Catalog:
    """Read the rows of generation ``seq``; raises FormatError or UnavailableError."""
    manifest = store.manifest(seq)
    removed = set(manifest.tombstones)
    lines: dict[str, bytes] = {}
    for segment in manifest.segments:
        rows = store.read_rows(segment.rows).splitlines()
        if len(rows) != segment.count:
            raise FormatError(f"Generation {seq} has {len(rows)} rows for {segment.count} vectors: build it again.")
        for ordinal, line in enumerate(rows, segment.first_ordinal):
            if ordinal not in removed:
                lines[decode_row(line).item.item_id] = line
    return Catalog(seq, lines)
