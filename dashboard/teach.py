"""The HTTP API of teaching: a draft, its views, and judging an answer."""

from typing import Any

from flask import Blueprint, Response, request

from components.core.errors import LookalikeError
from components.core.messages import Region
from components.core.taught import TaughtView
from components.core.teach_messages import VERDICTS
from components.core.teaching import GOOD_VIEWS, LEAST_VIEWS, MOST_VIEWS, looks_like
from dashboard.catalogs import Catalogs
from dashboard.errors import ApiError
from dashboard.live import Live
from dashboard.pictures import PictureCleaner
from dashboard.preview import Preview
from dashboard.routes import route
from dashboard.teacher import Teacher
from dashboard.views import Json, item_view

_A_MOMENT_NS = 2_000_000_000


class Photographer:
    """Makes a view's thumbnail of what the camera shows at that moment."""

    def __init__(self, live: Live, preview: Preview, cleaner: PictureCleaner) -> None:
        self._live = live
        self._preview = preview
        self._cleaner = cleaner

    def look(self) -> tuple[bytes, Region | None] | None:
        """The preview of now, and which part of it is searched; None while the camera is away."""
        jpeg, newest = self._preview.read(), self._live.newest()
        if jpeg is None:
            return None
        is_near = newest is not None and newest.age_ns(self._live.clock()) < _A_MOMENT_NS
        return jpeg, newest.result.region if newest is not None and is_near else None

    def develop(self, seen: tuple[bytes, Region | None]) -> bytes | None:
        """The thumbnail; None where it could not be made."""
        try:
            return self._cleaner.shrink(*seen)
        except LookalikeError:
            return None


def teach_blueprint(teacher: Teacher, photographer: Photographer, catalogs: Catalogs) -> Blueprint:
    """A draft from its first view to the last."""
    blueprint = Blueprint("teach", __name__)

    @route(blueprint, "/api/v1/teach", role="operator", methods=("POST",))
    def begin() -> tuple[Json, int]:
        answer = teacher.ask("begin", item_id=read_text(read_json(), "item_id"))
        return {"draft": draft_view(answer.item_id, catalogs)}, 201

    @route(blueprint, "/api/v1/teach/<path:item_id>", role="operator")
    def draft(item_id: str) -> Json:
        return {"draft": draft_view(item_id, catalogs)}

    @route(blueprint, "/api/v1/teach/<path:item_id>/views", role="operator", methods=("POST",))
    def take_view(item_id: str) -> tuple[Json, int]:
        sure = read_flag(read_json(), "sure")
        seen = photographer.look()
        answer = teacher.ask("view", item_id=item_id, sure=sure)
        picture = None if seen is None else photographer.develop(seen)
        if picture is not None:
            teacher.keep_picture(answer.view_id, picture)
        return {"draft": draft_view(item_id, catalogs), "operation": answer.operation}, 201

    @route(blueprint, "/api/v1/teach/<path:item_id>/move", role="operator", methods=("POST",))
    def move(item_id: str) -> Json:
        answer = teacher.ask("move", item_id=item_id, into=read_text(read_json(), "into"))
        return {"item_id": answer.item_id, "operation": answer.operation}

    return blueprint


def views_blueprint(teacher: Teacher, catalogs: Catalogs) -> Blueprint:
    """Single views, what can be undone, and verdicts on answers."""
    blueprint = Blueprint("views", __name__)

    @route(blueprint, "/api/v1/teach/views/<view_id>", role="operator", methods=("DELETE",))
    def drop(view_id: str) -> Json:
        answer = teacher.ask("drop", view_id=view_id)
        return {"draft": draft_view(answer.item_id, catalogs), "operation": answer.operation}

    @route(blueprint, "/api/v1/teach/views/<view_id>/thumbnail", role="operator")
    def thumbnail(view_id: str) -> Response:
        view = next((view for view in catalogs.taught.catalog().views if view.view_id == view_id), None)
        picture = catalogs.taught.thumbnail(view.thumbnail) if view is not None and view.thumbnail else None
        if picture is None:
            raise ApiError(404, "no_thumbnail", "There is no such view, or it has no picture.")
        return Response(picture, mimetype="image/webp", headers={"Cache-Control": "no-store"})

    @route(blueprint, "/api/v1/teach/undo", role="operator", methods=("POST",))
    def undo() -> Json:
        operation = read_json().get("operation")
        if not isinstance(operation, int) or isinstance(operation, bool):
            raise ApiError(400, "bad_operation", "Field 'operation' must be the number of what is undone.")
        return {"operation": teacher.ask("undo", operation=operation).operation}

    @route(blueprint, "/api/v1/feedback", role="kiosk", methods=("POST",))
    def feedback() -> Json:
        fields = read_json()
        verdict = read_text(fields, "verdict")
        if verdict not in VERDICTS[1:]:
            raise ApiError(400, "bad_verdict", f"Field 'verdict' must be one of {', '.join(VERDICTS[1:])}.")
        query_id, item_id = read_text(fields, "query_id"), read_text(fields, "item_id")
        answer = teacher.ask("feedback", query_id=query_id, item_id=item_id, verdict=verdict)
        return {"learned": answer.operation > 0}

    return blueprint


def draft_view(item_id: str, catalogs: Catalogs) -> Json:
    """What is known of an item while it is taught; raises ApiError where there is none."""
    taught = catalogs.taught.catalog()
    item = taught.items.get(item_id)
    if (item is None and catalogs.item(item_id, None) is None) or (item is not None and item.state == "removed"):
        raise ApiError(404, "unknown_item", f"There is no item {item_id[:64]!r} here.")
    views = [view for view in taught.views_of(item_id) if view.source == "taught"]
    is_draft = item is not None and item.state == "draft"
    alike = looks_like(views) if is_draft else ""
    other = catalogs.item(alike, None) if alike else None
    return {
        "item_id": item_id,
        "state": "active" if item is None else item.state,
        "views": [_view(view) for view in views],
        "least": LEAST_VIEWS,
        "good": GOOD_VIEWS,
        "most": MOST_VIEWS,
        "looks_like": item_view(other, catalogs.current()) if other is not None else None,
    }


def _view(view: TaughtView) -> Json:
    address = f"/api/v1/teach/views/{view.view_id}/thumbnail"
    return {"view_id": view.view_id, "taken_at": view.taken_at, "thumbnail": address if view.thumbnail else ""}


def read_json() -> dict[str, Any]:
    """The request's JSON object; raises the refusal of anything else. No body is an empty object."""
    if not request.data:
        return {}
    fields = request.get_json(silent=True)
    if not isinstance(fields, dict):
        raise ApiError(400, "bad_json", "The request must be a JSON object, sent as application/json.")
    return fields


def read_text(fields: dict[str, Any], name: str) -> str:
    """A text; "" where it is not there."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise ApiError(400, f"bad_{name}", f"Field {name!r} must be text.")
    return value


def read_flag(fields: dict[str, Any], name: str) -> bool:
    """True or false; false where it is not there."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise ApiError(400, f"bad_{name}", f"Field {name!r} must be true or false.")
    return value
