"""What the cloud is told of items taught at the camera, and of what people say of answers. Never a picture."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from components.core.match_events import as_json, packed
from components.core.messages import SearchResult
from components.core.outbox_documents import FEEDBACK, MAX_BODY_BYTES, Document
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView

_SHOWN = 5


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
