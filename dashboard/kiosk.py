"""The page that a shopper sees."""

import json
from functools import cache
from pathlib import Path

from flask import Blueprint, render_template, send_from_directory

from dashboard.configuration import LANGUAGES
from dashboard.routes import route

_STATIC = Path(__file__).parent / "static"


@cache
def texts(language: str) -> dict[str, str]:
    """All strings of the kiosk in one language."""
    loaded: dict[str, str] = json.loads((_STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


def kiosk_blueprint(language: str) -> Blueprint:
    """``/`` and its files."""
    blueprint = Blueprint("kiosk", __name__)

    @route(blueprint, "/", role="kiosk")
    def kiosk() -> str:
        names = {code: texts(code)["language.name"] for code in LANGUAGES}
        return render_template("kiosk.html", language=language, t=texts(language), languages=names)

    @route(blueprint, "/static/<path:name>", role="kiosk")
    def static_file(name: str) -> object:
        response = send_from_directory(_STATIC, name, conditional=True, etag=True)
        response.headers["Cache-Control"] = "no-cache"
        return response

    return blueprint
