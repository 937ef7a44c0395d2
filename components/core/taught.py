"""Items that were taught at the camera, and what was changed of a catalog's items on this device."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from components.core.errors import FormatError
from components.core.fields import is_sha256
from components.core.items import DEFAULT_LANGUAGE, Item
from components.core.messages import MAX_DIM, MAX_ID_LENGTH, Embedding

ITEM_STATES = ("draft", "active", "hidden", "removed")
"""Being taught, found, not found for now, gone (until that is undone)."""
VIEW_STATES = ("active", "quarantined", "removed")
SOURCES = ("taught", "confirmed")
"""Where a view comes from: somebody showed it on purpose, or said that an answer was right."""
MAX_TITLE = 200
MAX_CATEGORY = 100
MAX_DESCRIPTION = 1_000


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise FormatError(f"A taught item is not valid: {problem}.")


def _is_text(value: object, longest: int, shortest: int = 0) -> bool:
    return isinstance(value, str) and shortest <= len(value) <= longest


@dataclass(frozen=True, kw_only=True)
class TaughtItem:
    """An item taught here, or (not ``own``) what is different on this device about an item of the catalog."""

    item_id: str
    own: bool = True
    title: str = ""
    """"" leaves a catalog item's own."""
    category: str = ""
    description: str = ""
    state: str = "draft"

    def __post_init__(self) -> None:
        _require(_is_text(self.item_id, MAX_ID_LENGTH, 1), f"item_id must be 1 to {MAX_ID_LENGTH} characters")
        _require(isinstance(self.own, bool), "own must be true or false")
        _require(_is_text(self.title, MAX_TITLE), f"title must be text of at most {MAX_TITLE} characters")
        _require(_is_text(self.category, MAX_CATEGORY), f"category must be text of at most {MAX_CATEGORY} characters")
        long = f"description must be text of at most {MAX_DESCRIPTION} characters"
        _require(_is_text(self.description, MAX_DESCRIPTION), long)
        _require(self.state in ITEM_STATES, f"state {self.state!r} is none of {', '.join(ITEM_STATES)}")


@dataclass(frozen=True, kw_only=True)
class TaughtView:
    """One picture of an item as the camera saw it."""

    view_id: str
    item_id: str
    model: str
    """Digest of the network with its preprocessing."""
    embedding: Embedding = field(repr=False, compare=False)
    """Raw: shape (dim,), float32, unit length; kept as it came over the bus, in fp16."""
    source: str = "taught"
    state: str = "active"
    taken_at: float = 0.0
    """Wall clock, seconds since 1970."""
    thumbnail: str = ""
    """sha256 of its picture; "" where there is none."""
    looked_like: str = ""
    """The item that the device recognized in it when it was taken."""

    def __post_init__(self) -> None:
        _require(_is_text(self.view_id, MAX_ID_LENGTH, 1), f"view_id must be 1 to {MAX_ID_LENGTH} characters")
        _require(_is_text(self.item_id, MAX_ID_LENGTH, 1), f"item_id must be 1 to {MAX_ID_LENGTH} characters")
        _require(_is_text(self.looked_like, MAX_ID_LENGTH), "looked_like must be the id of an item")
        _require(is_sha256(self.model), "model must be a sha256 in hex")
        _require(self.source in SOURCES, f"source {self.source!r} is none of {', '.join(SOURCES)}")
        _require(self.state in VIEW_STATES, f"state {self.state!r} is none of {', '.join(VIEW_STATES)}")
        _require(self.thumbnail == "" or is_sha256(self.thumbnail), "thumbnail must be a sha256 in hex")
        taken = isinstance(self.taken_at, (int, float)) and not isinstance(self.taken_at, bool)
        _require(taken and math.isfinite(self.taken_at), "taken_at must be a time")
        e = self.embedding
        shaped = isinstance(e, np.ndarray) and e.dtype == np.float32 and e.ndim == 1 and 0 < e.size <= MAX_DIM
        _require(shaped, f"an embedding must be a float32 vector of 1 to {MAX_DIM} numbers")
        _require(abs(float(np.linalg.norm(e)) - 1.0) < 0.01, "an embedding must be finite and of unit length")


@dataclass(frozen=True)
class TaughtCatalog:
    """All that is taught on a device, as it is at one moment."""

    items: Mapping[str, TaughtItem] = field(default_factory=dict)
    views: tuple[TaughtView, ...] = ()
    """In the order in which they were taken, without the removed ones."""

    def views_of(self, item_id: str) -> list[TaughtView]:
        """The views of one item, the quarantined ones too."""
        return [view for view in self.views if view.item_id == item_id]

    def searched(self) -> list[TaughtView]:
        """The views that a search compares with."""
        return [view for view in self.views if view.state == "active" and self._is_found(view.item_id)]

    def gone(self) -> set[str]:
        """The items that are never found: hidden and removed ones."""
        return {item_id for item_id, item in self.items.items() if item.state in ("hidden", "removed")}

    def _is_found(self, item_id: str) -> bool:
        item = self.items.get(item_id)
        return item is not None and item.state == "active"


def shown_item(of_catalog: Item | None, taught: TaughtItem | None, thumbnail: str) -> Item | None:
    """What is shown of an item: the catalog's, with what was changed here; ``thumbnail`` is that of its views."""
    if taught is None:
        return of_catalog
    if taught.state in ("draft", "removed") or (of_catalog is None and not taught.own):
        return None
    item = of_catalog or Item(item_id=taught.item_id)
    return replace(
        item,
        # A new title is in one language: those of the catalog would contradict it.
        title={DEFAULT_LANGUAGE: taught.title} if taught.title else item.title,
        category=taught.category or item.category,
        description=taught.description or item.description,
        thumbnail=item.thumbnail or thumbnail,
    )
