"""How results and items look to a client: plain JSON, ages instead of times, links instead of pictures."""

from typing import Any
from urllib.parse import quote, urlsplit

from components.core.items import Item
from components.core.messages import Match, SearchResult
from dashboard.catalogs import Catalogs
from dashboard.history import Entry

Json = dict[str, Any]


def entry_view(entry: Entry, catalogs: Catalogs, now_ns: int) -> Json:
    """A camera's result with the age of its frame."""
    result = entry.result
    return {
        **result_view(result, catalogs),
        "camera": result.camera,
        "frame_seq": result.frame_seq,
        "captured_at": result.captured_at,
        "age_ms": round(entry.age_ns(now_ns) / 1e6),
        "inference_ms": result.inference_ms,
        "results": entry.results,
    }


def result_view(result: SearchResult, catalogs: Catalogs) -> Json:
    """What was found, with what the catalog knows of each item."""
    seq = result.generation
    catalog = catalogs.get(seq)
    return {
        "query_id": result.query_id,
        "decision": result.decision,
        "cause": result.cause,
        "reason": result.reason,
        "guidance": result.guidance,
        "region": result.region,
        "object_index": result.object_index,
        "candidates": result.candidates,
        "showing": result.showing,
        "generation": seq,
        "backend": result.backend,
        "matches": [
            match_view(match, catalog.get(match.item_id) if catalog else None, seq) for match in result.matches
        ],
    }


def match_view(match: Match, item: Item | None, seq: int) -> Json:
    """One match; with an item that is not known (yet) it has an id and a score alone."""
    probability = None if match.probability is None else round(match.probability, 3)
    return {
        "score": round(match.score, 4),
        "probability": probability,
        **item_view(item or Item(item_id=match.item_id), seq),
    }


def item_view(item: Item, seq: int) -> Json:
    """One item of generation ``seq``. Every text is text: a client must never take it for HTML."""
    address = f"/api/v1/items/{quote(item.item_id, safe='')}"
    return {
        "item_id": item.item_id,
        "title": dict(item.title),
        "category": item.category,
        "description": item.description,
        "price": item.price,
        "url": web_address(item.url),
        "available": item.available,
        "attributes": dict(item.attributes),
        "thumbnail": f"{address}/thumbnail?generation={seq}" if item.thumbnail else "",
    }


def web_address(text: str) -> str:
    """``text`` where it is an http(s) address, else "": a catalog must not put other schemes behind a link."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in ("http", "https") and parts.hostname else ""
