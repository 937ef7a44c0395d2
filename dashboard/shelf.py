"""The HTTP API of the items themselves: list, save, edit, hide, remove, and all of them as one file."""

from itertools import islice
from typing import Any

from flask import Blueprint, Response, request

from components.core.taught import TaughtCatalog
from components.taught_archive import encode_archive, exported
from dashboard.api import read_number
from dashboard.catalogs import Catalogs
from dashboard.errors import ApiError
from dashboard.routes import route
from dashboard.teach import read_flag, read_json, read_text
from dashboard.teacher import Teacher
from dashboard.views import Json, item_view

MAX_ITEMS = 200
_TEXTS = ("title", "category", "description")
_STATES = {"active": "show", "hidden": "hide"}


def shelf_blueprint(teacher: Teacher, catalogs: Catalogs) -> Blueprint:
    """What ``/api/v1/items`` does beside showing one."""
    blueprint = Blueprint("shelf", __name__)

    @route(blueprint, "/api/v1/items", role="operator")
    def items() -> Json:
        limit, after = read_number("limit", 50, 1, MAX_ITEMS), request.args.get("after", "")
        ids = _taught(catalogs.taught.catalog()) if "taught" in request.args else _all(catalogs)
        left = [item_id for item_id in ids if not after or item_id > after]
        shown = [_listed(item_id, catalogs) for item_id in islice(left, limit)]
        return {"items": [item for item in shown if item], "total": len(ids), "more": len(left) > limit}

    @route(blueprint, "/api/v1/items", role="operator", methods=("POST",))
    def save() -> tuple[Json, int]:
        fields = read_json()
        texts = {name: read_text(fields, name) for name in _TEXTS}
        item_id, sure = read_text(fields, "item_id"), read_flag(fields, "sure")
        answer = teacher.ask("save", item_id=item_id, sure=sure, **texts)
        return {"item": _listed(answer.item_id, catalogs), "operation": answer.operation}, 201

    @route(blueprint, "/api/v1/items/<path:item_id>", role="operator", methods=("PATCH",))
    def edit(item_id: str) -> Json:
        fields = read_json()
        if unknown := sorted(set(fields) - {*_TEXTS, "state"}):
            raise ApiError(400, "bad_field", f"Field {unknown[0][:40]!r} is not known: fields are title, category, ...")
        texts: dict[str, Any] = {name: read_text(fields, name) for name in _TEXTS if name in fields}
        state = read_text(fields, "state")
        if state and (state not in _STATES or texts):
            raise ApiError(400, "bad_state", "Field 'state' must be active or hidden, and stand alone.")
        answer = teacher.ask(_STATES.get(state, "edit"), item_id=item_id, **texts)
        return {"item": _listed(answer.item_id, catalogs), "operation": answer.operation}

    @route(blueprint, "/api/v1/items/<path:item_id>", role="operator", methods=("DELETE",))
    def remove(item_id: str) -> Json:
        return {"operation": teacher.ask("remove", item_id=item_id).operation}

    @route(blueprint, "/api/v1/taught.zip", role="operator")
    def export() -> Response:
        archive = encode_archive(exported(catalogs.taught.catalog()), catalogs.taught.thumbnail)
        headers = {"Content-Disposition": 'attachment; filename="taught.zip"', "Cache-Control": "no-store"}
        return Response(archive, mimetype="application/zip", headers=headers)

    return blueprint


def _taught(taught: TaughtCatalog) -> list[str]:
    return sorted(item.item_id for item in taught.items.values() if item.state in ("active", "hidden"))


def _all(catalogs: Catalogs) -> list[str]:
    items = catalogs.get(catalogs.current())
    return _taught(catalogs.taught.catalog()) if items is None else sorted(items)


def _listed(item_id: str, catalogs: Catalogs) -> Json | None:
    taught, seq = catalogs.taught.catalog(), catalogs.current()
    item, here = catalogs.item(item_id, None) or catalogs.taught.shown(item_id, None), taught.items.get(item_id)
    if item is None:
        return None
    views = taught.views_of(item_id)
    return {
        **item_view(item, seq),
        "own": here is not None and here.own,
        "state": "active" if here is None else here.state,
        "taught_views": sum(view.state == "active" for view in views),
        "waiting_views": sum(view.state == "quarantined" for view in views),
    }
