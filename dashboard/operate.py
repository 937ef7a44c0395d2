"""The pages of who runs the shop."""

from flask import Blueprint, render_template

from dashboard.configuration import LANGUAGES
from dashboard.kiosk import texts
from dashboard.routes import route


def operate_blueprint(language: str) -> Blueprint:
    """``/operate/...``."""
    blueprint = Blueprint("operate", __name__)

    @route(blueprint, "/operate/teach", role="operator")
    def teach() -> str:
        names = {code: texts(code)["language.name"] for code in LANGUAGES}
        return render_template("teach.html", language=language, t=texts(language), languages=names)

    return blueprint
