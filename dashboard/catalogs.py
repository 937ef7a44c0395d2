"""The catalogs of the generations in use, loaded aside so that no result ever waits for a disk."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from components.catalog import Catalog, load_catalog
from components.core.errors import LookalikeError
from components.core.items import Item
from components.store import Store
from dashboard.overlay import ItemsOfGeneration, Overlaid, Overlay

log = logging.getLogger(__name__)

_KEPT = 2
_LOOK_EVERY_S = 3.0
_MAX_THUMBNAIL_BYTES = 256 * 1024


class CatalogSource(Protocol):
    """Where generations come from."""

    def active(self) -> int | None:
        """The generation to use."""

    def load(self, seq: int) -> ItemsOfGeneration:
        """Its items; may take seconds; raises a LookalikeError."""

    def read_object(self, digest: str, max_bytes: int) -> bytes:
        """A verified object; raises a LookalikeError."""


class StoredCatalogs:
    """The generations in the device's index directory."""

    def __init__(self, index_dir: Path) -> None:
        self._store = Store(index_dir)

    def active(self) -> int | None:
        """The generation to use."""
        return self._store.active()

    def load(self, seq: int) -> Catalog:
        """Its items."""
        return load_catalog(self._store, seq)

    def read_object(self, digest: str, max_bytes: int) -> bytes:
        """A verified object."""
        return self._store.read_object(digest, max_bytes)


class Catalogs:
    """The two catalogs used last, with what was ``taught`` on this device laid over them.

    Asking never blocks; ``on_loaded`` is called when another one is there.
    """

    def __init__(self, source: CatalogSource, taught: Overlay, on_loaded: Callable[[], None]) -> None:
        self._source = source
        self.taught = taught
        self._on_loaded = on_loaded
        self._loaded: dict[int, ItemsOfGeneration] = {}
        """In the order in which they were loaded, or became active again."""
        self._active: int | None = None
        self._wanted: set[int] = set()
        self._changed = threading.Condition()

    def start(self) -> None:
        """Begin to load, on a thread."""
        threading.Thread(target=self._run, name="catalogs", daemon=True).start()

    def seqs(self) -> list[int]:
        """The generations that are loaded, oldest first."""
        with self._changed:
            return sorted(self._loaded)

    def current(self) -> int:
        """The active generation, or the one loaded last while that is not loaded; 0 where there is none."""
        with self._changed:
            return self._active if self._active in self._loaded else next(reversed(self._loaded), 0)

    def get(self, seq: int) -> ItemsOfGeneration | None:
        """The items of generation ``seq``; None while they are not loaded, and then they will be."""
        with self._changed:
            found = self._loaded.get(seq)
            if found is None and seq > 0 and seq not in self._wanted:
                self._wanted.add(seq)
                self._changed.notify()
            return None if found is None else Overlaid(found, self.taught)

    def item(self, item_id: str, seq: int | None) -> Item | None:
        """The item in generation ``seq``, or in the newest one that is loaded."""
        if seq is None:
            seq = self.current()
        # What a stranger asks for is never loaded for it: only what a result or the active generation needs is.
        with self._changed:
            catalog = self._loaded.get(seq)
        return None if catalog is None else Overlaid(catalog, self.taught).get(item_id)

    def thumbnail(self, digest: str) -> bytes:
        """The verified picture; raises a LookalikeError."""
        return self.taught.thumbnail(digest) or self._source.read_object(digest, _MAX_THUMBNAIL_BYTES)

    def _run(self) -> None:
        while True:
            active = self._source.active()
            with self._changed:
                swapped = active != self._active and active in self._loaded
                if active is not None and swapped:
                    self._loaded[active] = self._loaded.pop(active)
                self._active = active
                wanted = self._wanted | ({active} if active is not None else set())
                missing = sorted(wanted - self._loaded.keys(), reverse=True)
            if swapped:  # back to one that was there: what is shown changes, though nothing is loaded
                self._on_loaded()
            failed = [seq for seq in missing[:_KEPT] if not self._load(seq)]
            with self._changed:
                self._wanted -= set(missing)
                if failed or not self._wanted:
                    self._changed.wait(_LOOK_EVERY_S)

    def _load(self, seq: int) -> bool:
        try:
            catalog = self._source.load(seq)
        except LookalikeError as error:
            log.warning("The catalog of generation %d cannot be shown yet: %s", seq, error)
            return False
        with self._changed:
            self._loaded[seq] = catalog
            others = [other for other in self._loaded if other != self._active]
            for old in others[: len(self._loaded) - _KEPT]:
                del self._loaded[old]
            kept = seq in self._loaded
        if kept:
            log.info("The catalog of generation %d is loaded: %d items.", seq, len(catalog))
            self._on_loaded()
        return True
