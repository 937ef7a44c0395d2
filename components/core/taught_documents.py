"""What the cloud is told of items taught at the camera, and of what people say of answers. Never a picture."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from components.core.errors import FormatError
from components.core.fields import count, text
from components.core.match_events import as_json, packed, unpacked
from components.core.messages import SearchResult
from components.core.outbox_documents import FEEDBACK, MAX_BODY_BYTES, Document
from components.core.taught import VIEW_STATES, TaughtCatalog, TaughtItem, TaughtView

_SHOWN = 5


@dataclass(frozen=True)
class Unusable:
    """Something that was told and is of no use."""

    item_id: str
    name: str
    """The id of the view, or of the item where it is no view."""
    why: str


@dataclass(frozen=True)
class Told:
    """What a device told of its taught items, all together."""

    catalog: TaughtCatalog
    """Without the views that are not active."""
    unusable: tuple[Unusable, ...] = ()
    """What is missing from items that would be found, or may be."""


def taught_documents(taught: TaughtCatalog, *, embeddings: bool) -> Mapping[str, bytes]:
    """All that is taught, drafts left out, one document for each item and view, by a key of its own."""
    told = {item.item_id for item in taught.items.values() if item.state != "draft"}
    found = {f"item:{item_id}": _of_item(taught.items[item_id]) for item_id in sorted(told)}
    views = [view for view in taught.views if view.item_id in told]
    return {**found, **{f"view:{view.view_id}": _of_view(view, embeddings) for view in views}}


def gone_document(key: str) -> bytes:
    """That what was told under ``key`` is not there any more."""
    kind, _, name = key.partition(":")
    return as_json({"event": "gone", f"{kind}_id": name})


def told(events: Iterable[Mapping[str, Any]]) -> Told:
    """What ``events`` of one device say, in the order in which it told them; what is newer counts."""
    known: dict[str, TaughtItem | TaughtView | Unusable] = {}
    for number, event in enumerate(events):
        key = _key(event) or f"event:{number}"
        found = _decoded(event)
        if found is None:
            known.pop(key, None)
        else:
            known[key] = found
    items = {item.item_id: item for item in known.values() if isinstance(item, TaughtItem)}
    views = sorted((view for view in known.values() if isinstance(view, TaughtView)), key=lambda view: view.taken_at)
    unusable = [one for one in known.values() if isinstance(one, Unusable)]
    for view in views:
        if view.item_id not in items:
            unusable.append(Unusable(view.item_id, view.view_id, "its item did not come, or is of no use"))
    not_found = {item.item_id for item in items.values() if item.state != "active"}
    return Told(TaughtCatalog(items, tuple(views)), tuple(one for one in unusable if one.item_id not in not_found))


def feedback_document(verdict: str, item_id: str, result: SearchResult, at: float) -> Document:
    """What somebody said of an answer, with what the answer was."""
    best = result.matches[0] if result.matches else None
    said = {
        "event": "feedback",
        "at": round(at, 3),
        "verdict": verdict,
        "item_id": item_id,
        "query_id": result.query_id,
        "origin": result.origin,
        "camera": result.camera,
        "decision": result.decision,
        "shown": [match.item_id for match in result.matches[:_SHOWN]],
        "score": None if best is None else round(best.score, 4),
        "probability": None if best is None or best.probability is None else round(best.probability, 4),
        "generation": result.generation,
        "model": result.model[:12],
    }
    return Document(FEEDBACK, as_json(said))


def _of_item(item: TaughtItem) -> bytes:
    said = {"event": "item", **asdict(item)}
    while len(data := as_json(said)) > MAX_BODY_BYTES:  # a text of many bytes a letter
        said["description"] = said["description"][: len(said["description"]) // 2]
    return data


def _of_view(view: TaughtView, embeddings: bool) -> bytes:
    said: dict[str, Any] = {
        "event": "view",
        "view_id": view.view_id,
        "item_id": view.item_id,
        "model": view.model,
        "source": view.source,
        "state": view.state,
        "taken_at": round(view.taken_at, 3),
        "looked_like": view.looked_like,
    }
    whole = as_json({**said, "embedding": packed(view.embedding)})
    # A vector of more numbers than fit into a batch stays on the device.
    return whole if embeddings and len(whole) <= MAX_BODY_BYTES else as_json(said)


def _key(event: Mapping[str, Any]) -> str:
    """What ``event`` speaks of; "" where it says nothing of that."""
    names = [name for name in ("view_id", "item_id") if isinstance(event.get(name), str)]
    return f"{names[0]}:{event[names[0]]}" if names else ""


def _decoded(event: Mapping[str, Any]) -> TaughtItem | TaughtView | Unusable | None:
    """What ``event`` says of an item or a view; None: that there is nothing to be found any more."""
    kind = event.get("event")
    try:
        if kind == "item":
            return TaughtItem(**{one.name: _sound(event[one.name]) for one in fields(TaughtItem)})
        if kind == "view":
            return _view(event)
        if kind == "gone":
            return None
        why = f"this version does not know what {kind!r:.40} means: update it"
        if kind == "gap":
            why = f"{count(event['events'])} events of the device never came ({text(event['reason']):.40})"
    except FormatError as error:
        why = str(error)
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        why = f"what was told of it is damaged ({error!r:.100})"
    item_id, view_id = (one if isinstance(one := event.get(name), str) else "" for name in ("item_id", "view_id"))
    return Unusable(item_id, view_id or item_id, why)


def _view(event: Mapping[str, Any]) -> TaughtView | None:
    if event["state"] in VIEW_STATES[1:]:
        return None
    if "embedding" not in event:
        raise FormatError("no vector of it came: set send_taught of the device's Searcher to embeddings")
    said = {
        one.name: _sound(event[one.name]) for one in fields(TaughtView) if one.name not in ("embedding", "thumbnail")
    }
    return TaughtView(**said, embedding=unpacked(text(event["embedding"])))


def _sound(value: Any) -> Any:
    """``value``, which may be sent and shown where it is text."""
    return text(value) if isinstance(value, str) else value
