"""Adopts items that were taught at cameras, for the whole fleet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from components.core.items import DEFAULT_LANGUAGE
from components.core.taught import TaughtItem, TaughtView
from components.store import Store
from index_builder.catalog import Entry, Picture
from index_builder.embedding import Failure, View
from index_builder.embedding_store import Embedded
from index_builder.taught_places import TaughtAt, taught_at


@dataclass(frozen=True)
class Adopted:
    """What a build takes over."""

    views: list[View] = field(default_factory=list)
    """Views by a camera, those of one item behind each other; none of them has to be embedded."""
    failures: list[Failure] = field(default_factory=list)
    """Views that cannot be used, and why."""


def adopt(place: str, entries: Iterable[Entry], model: str, store: Store) -> Adopted:
    """The taught views at ``place``, for an index of the model with this digest over ``entries``.

    An item that was taught joins the catalog under its own id; views that were added to an item of the catalog join
    that item, whose texts stay the catalog's; those that a device added to another device's item join that one. What is
    hidden, removed, or not confirmed yet stays on its device, and so does a change of a catalog item's title.
    Thumbnails are written into ``store``. Raises as ``taught_at`` does.
    """
    of_catalog = {entry.item_id: entry for entry in entries}
    devices = taught_at(place)
    known = {**_own(devices), **of_catalog}
    adopted, taken = Adopted(), set[str]()
    for device in devices:
        adopted.failures.extend(device.failures)
        for item_id, item in sorted(device.catalog.items.items()):
            views = [view for view in device.catalog.views_of(item_id) if view.state == "active"]
            for view in views if item.state == "active" else ():
                problem = _problem(item, view, of_catalog, known, model)
                if problem:
                    adopted.failures.append(Failure(item_id, _place(device, view), problem))
                elif view.view_id not in taken:  # a backup that was restored on another device
                    taken.add(view.view_id)
                    adopted.views.append(_view(view, known[item_id], device, store))
    adopted.views.sort(key=lambda view: view.entry.item_id)
    return adopted


def joined(views: list[View], adopted: list[View]) -> list[View]:
    """``views`` of a catalog with the ``adopted`` ones, all of one item behind each other as a build wants them."""
    place: dict[str, int] = {}
    for view in (*views, *adopted):
        place.setdefault(view.entry.item_id, len(place))
    return sorted((*views, *adopted), key=lambda view: place[view.entry.item_id])


def _own(devices: list[TaughtAt]) -> dict[str, Entry]:
    """The items that were taught, each as the first device says that has it."""
    items = [item for device in reversed(devices) for item in device.catalog.items.values()]
    return {item.item_id: _entry(item) for item in items if item.own and item.state == "active"}


def _entry(item: TaughtItem) -> Entry:
    return Entry(
        item_id=item.item_id,
        title={DEFAULT_LANGUAGE: item.title},
        category=item.category,
        description=item.description,
    )


def _problem(
    item: TaughtItem, view: TaughtView, of_catalog: Mapping[str, Entry], known: Mapping[str, Entry], model: str
) -> str:
    if item.own and item.item_id in of_catalog:
        return f"the catalog has an item {item.item_id!r} of its own: rename that one"
    if item.item_id not in known:
        return "the catalog does not have its item any more"
    if view.model != model:
        return f"it was taught with model {view.model[:12]}, the index is built with {model[:12]}"
    return ""


def _view(view: TaughtView, entry: Entry, device: TaughtAt, store: Store) -> View:
    picture = device.thumbnails.get(view.thumbnail)
    thumbnail = "" if picture is None else store.write_object(picture).sha256
    embedded = Embedded(f"taught:{view.view_id}", view.embedding, thumbnail)
    return View(entry, Picture(_place(device, view), by_camera=True), embedded)


def _place(device: TaughtAt, view: TaughtView) -> str:
    return f"{device.place}#{view.view_id}"
