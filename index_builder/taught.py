"""Adopts items that were taught at cameras: the file that ``python -m components.searcher taught export`` writes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from components.core.errors import BadContentError
from components.core.items import DEFAULT_LANGUAGE
from components.core.taught import TaughtItem, TaughtView
from components.store import Store
from components.taught_archive import TaughtArchive, read_archive
from index_builder.catalog import Entry, Picture
from index_builder.embedding import Failure, View
from index_builder.embedding_store import Embedded


@dataclass(frozen=True)
class Adopted:
    """What a build takes over."""

    views: list[View] = field(default_factory=list)
    """Views by a camera, those of one item behind each other; none of them has to be embedded."""
    failures: list[Failure] = field(default_factory=list)
    """Views that cannot be used, and why."""


def adopt(path: Path, entries: Iterable[Entry], model: str, store: Store) -> Adopted:
    """The taught views in the file ``path``, for an index of the model with this digest over ``entries``.

    An item that was taught joins the catalog under its own id; views that were added to an item of the catalog join
    that item, whose texts stay the catalog's. What is hidden, removed, or not confirmed yet stays on its device, and
    so does a change of a catalog item's title. Thumbnails are written into ``store``. Raises FormatError for a file
    that is not whole, BadContentError for an item whose id the catalog has given to another one.
    """
    archive = read_archive(path)
    of_catalog = {entry.item_id: entry for entry in entries}
    adopted = Adopted()
    for item_id, item in sorted(archive.catalog.items.items()):
        if item.own and item_id in of_catalog:
            raise BadContentError(f"{path}: the catalog has an item {item_id!r} of its own: rename that one.")
        if item.state != "active":
            continue
        entry = of_catalog.get(item_id) if not item.own else _entry(item)
        for view in archive.catalog.views_of(item_id):
            problem = _problem(view, entry, model)
            if view.state == "active" and problem:
                adopted.failures.append(Failure(item_id, _place(path, view), problem))
            elif view.state == "active" and entry is not None:
                adopted.views.append(_view(view, entry, path, archive, store))
    return adopted


def joined(views: list[View], adopted: list[View]) -> list[View]:
    """``views`` of a catalog with the ``adopted`` ones, all of one item behind each other as a build wants them."""
    place: dict[str, int] = {}
    for view in (*views, *adopted):
        place.setdefault(view.entry.item_id, len(place))
    return sorted((*views, *adopted), key=lambda view: place[view.entry.item_id])


def _entry(item: TaughtItem) -> Entry:
    return Entry(
        item_id=item.item_id,
        title={DEFAULT_LANGUAGE: item.title},
        category=item.category,
        description=item.description,
    )


def _problem(view: TaughtView, entry: Entry | None, model: str) -> str:
    if entry is None:
        return "the catalog does not have its item any more"
    if view.model != model:
        return f"it was taught with model {view.model[:12]}, the index is built with {model[:12]}"
    return ""


def _view(view: TaughtView, entry: Entry, path: Path, archive: TaughtArchive, store: Store) -> View:
    picture = archive.thumbnails.get(view.thumbnail)
    thumbnail = "" if picture is None else store.write_object(picture).sha256
    embedded = Embedded(f"taught:{view.view_id}", view.embedding, thumbnail)
    return View(entry, Picture(_place(path, view), by_camera=True), embedded)


def _place(path: Path, view: TaughtView) -> str:
    return f"{path}#{view.view_id}"
