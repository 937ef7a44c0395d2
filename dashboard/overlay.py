"""What was taught on this device, laid over the catalog: titles, pictures, and items that no generation has."""

import logging
import threading
from collections.abc import Iterator
from typing import Protocol

from components.core.errors import LookalikeError
from components.core.items import Item
from components.core.taught import TaughtCatalog, shown_item
from components.taught_store import TaughtStore

log = logging.getLogger(__name__)


class ItemsOfGeneration(Protocol):
    """The items of one generation."""

    def get(self, item_id: str) -> Item | None:
        """The item, or None where the generation does not have it."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[str]: ...


class Overlay:
    """The taught items as they are now; without a readable file there are none, or those that were read last."""

    def __init__(self, store: TaughtStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version: tuple[int, int] = (0, 0)
        self._catalog = TaughtCatalog()
        self._thumbnails: dict[str, str] = {}
        self._problem = ""

    def version(self) -> tuple[int, int]:
        """Another one after every change."""
        self.catalog()
        return self._version

    def catalog(self) -> TaughtCatalog:
        """All items, read again when somebody changed them."""
        with self._lock:
            try:
                version = self._store.version()
                if version != self._version:
                    self._catalog, self._version = self._store.catalog(), version
                    views = [view for view in reversed(self._catalog.views) if view.thumbnail]
                    self._thumbnails = {view.item_id: view.thumbnail for view in views}
                self._problem = ""
            except LookalikeError as error:
                if str(error) != self._problem:
                    log.warning("%s", error)
                self._problem = str(error)
            return self._catalog

    def changes(self, item_id: str) -> bool:
        """Whether the item is taught here, or shown otherwise than the catalog has it."""
        return item_id in self.catalog().items

    def shown(self, item_id: str, of_catalog: Item | None) -> Item | None:
        """The item as it is shown; None for one that is nowhere, or removed."""
        return shown_item(of_catalog, self.catalog().items.get(item_id), self._thumbnails.get(item_id, ""))

    def thumbnail(self, digest: str) -> bytes | None:
        """The picture of a taught view, or None where it is none of theirs."""
        try:
            return self._store.thumbnail(digest)
        except LookalikeError as error:
            log.warning("%s", error)
            return None


class Overlaid:
    """The items of a generation with those taught here."""

    def __init__(self, items: ItemsOfGeneration, overlay: Overlay) -> None:
        self._items = items
        self._overlay = overlay

    def get(self, item_id: str) -> Item | None:
        """The item as it is shown."""
        return self._overlay.shown(item_id, self._items.get(item_id))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __iter__(self) -> Iterator[str]:
        own = [item for item in self._overlay.catalog().items.values() if item.own]
        yield from (item.item_id for item in own if item.state in ("active", "hidden"))
        yield from self._items
