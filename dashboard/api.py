"""The HTTP API that reads: matches, items, status, preview, events."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request
from werkzeug import Response as AnyResponse

from components.core.errors import LookalikeError
from components.core.items import Item
from dashboard.catalogs import Catalogs
from dashboard.errors import ApiError
from dashboard.events import Events
from dashboard.health import Health
from dashboard.history import MAX_ENTRIES
from dashboard.live import Live
from dashboard.preview import Preview
from dashboard.routes import route
from dashboard.views import Json, entry_view, item_view

_IMMUTABLE = "private, max-age=31536000, immutable"
_MAX_DIGITS = 18


def matches_blueprint(live: Live, catalogs: Catalogs, events: Events) -> Blueprint:
    """Results: the newest, the latest, and as they come."""
    blueprint = Blueprint("matches", __name__)

    @route(blueprint, "/api/v1/matches/latest", role="kiosk")
    def latest() -> AnyResponse:
        result = events.newest_result()
        response = jsonify(result=result)
        names = "-".join(map(str, (*catalogs.seqs(), *catalogs.taught.version())))
        response.set_etag(f"{result['query_id']}-{names}" if result else "none", weak=True)
        response.headers["Cache-Control"] = "no-cache"
        return response.make_conditional(request)

    @route(blueprint, "/api/v1/matches", role="kiosk")
    def matches() -> Json:
        now_ns = live.clock()
        entries = live.history.newest(read_number("limit", MAX_ENTRIES, 1, MAX_ENTRIES), now_ns)
        return {"matches": [entry_view(entry, catalogs, now_ns) for entry in entries]}

    @route(blueprint, "/api/v1/events", role="kiosk")
    def stream() -> Response:
        events_of_client = events.open(_gone())
        if events_of_client is None:
            raise ApiError(503, "too_many_streams", "Too many event streams are open: try again.", {"Retry-After": "5"})
        return Response(events_of_client, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

    return blueprint


def items_blueprint(catalogs: Catalogs) -> Blueprint:
    """Items of the catalog, with their thumbnails."""
    blueprint = Blueprint("items", __name__)

    def find(item_id: str) -> tuple[Item, int]:
        seq = read_number("generation", catalogs.current(), 1, 10**12)
        item = catalogs.item(item_id, seq)
        if item is None:
            raise ApiError(404, "no_item", f"Generation {seq} has no item {item_id[:64]!r}, or is not loaded.")
        return item, seq

    @route(blueprint, "/api/v1/items/<path:item_id>", role="kiosk")
    def item(item_id: str) -> Json:
        return item_view(*find(item_id))

    @route(blueprint, "/api/v1/items/<path:item_id>/thumbnail", role="kiosk")
    def thumbnail(item_id: str) -> AnyResponse:
        found, _ = find(item_id)
        if not found.thumbnail:
            raise ApiError(404, "no_thumbnail", f"Item {item_id[:64]!r} has no thumbnail.")
        response = _thumbnail(catalogs, found.thumbnail)
        response.set_etag(found.thumbnail)
        # The picture of a taught item may become another one, that of a generation never does.
        for_ever = "generation" in request.args and not catalogs.taught.changes(item_id)
        response.headers["Cache-Control"] = _IMMUTABLE if for_ever else "no-cache"
        return response.make_conditional(request)

    return blueprint


def device_blueprint(live: Live, health: Health, preview: Preview) -> Blueprint:
    """How the device is, and what its camera sees."""
    blueprint = Blueprint("device", __name__)

    @route(blueprint, "/api/v1/status", role="kiosk")
    def status() -> Json:
        return health.view()

    @route(blueprint, "/api/v1/preview.jpg", role="kiosk")
    def preview_picture() -> Response:
        jpeg = preview.read()
        if jpeg is None:
            raise ApiError(404, "no_preview", "There is no preview that is fresh: the camera may be away.")
        return Response(jpeg, mimetype="image/jpeg", headers={"Cache-Control": "no-store"})

    @route(blueprint, "/healthz", role="kiosk")
    def healthz() -> Json:
        return {"status": "up"}

    @route(blueprint, "/readyz", role="kiosk")
    def readyz() -> tuple[Json, int]:
        problems = [problem.view() for problem in health.not_ready()]
        return {"ready": not problems, "problems": problems}, 503 if problems else 200

    return blueprint


def read_number(name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query string; raises the refusal of anything else."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and low <= int(text) <= high):
        raise ApiError(400, f"bad_{name}", f"{name!r} is {text[:20]!r}; expected a whole number from {low} to {high}.")
    return int(text)


def _gone() -> Callable[[], bool]:
    """Whether the client has left; the server's front knows it first."""
    gone: Callable[[], bool] = request.environ.get("asgi.scope", {}).get("lookalike.gone", lambda: False)
    return gone


def _thumbnail(catalogs: Catalogs, digest: str) -> Response:
    try:
        data = catalogs.thumbnail(digest)
    except LookalikeError as error:
        raise ApiError(404, "no_thumbnail", "The item's thumbnail is missing or damaged on this device.") from error
    kinds = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png", b"RIF": "image/webp"}
    kind = kinds.get(data[:3])
    if kind is None:
        raise ApiError(404, "no_thumbnail", "The item's thumbnail is in no format that is shown here.")
    return Response(data, mimetype=kind)
