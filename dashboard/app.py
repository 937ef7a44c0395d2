"""Joins the parts into one Flask app."""

from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from components.bus import Bus
from components.core.messages import RESULT_TOPIC, STATUS_TOPIC, TAUGHT_TOPIC
from components.picture_header import MAX_BYTES
from components.taught_store import TaughtStore
from dashboard.api import device_blueprint, items_blueprint, matches_blueprint
from dashboard.catalogs import Catalogs, CatalogSource
from dashboard.configuration import DashboardConfiguration
from dashboard.errors import register_errors
from dashboard.events import HEARTBEAT_S, MAX_STREAMS, Events
from dashboard.health import Health
from dashboard.kiosk import kiosk_blueprint
from dashboard.live import Live
from dashboard.operate import operate_blueprint
from dashboard.overlay import Overlay
from dashboard.pictures import PictureCleaner
from dashboard.preview import Preview
from dashboard.search import RequestInRam, Search, search_blueprint
from dashboard.security import register_security
from dashboard.shelf import shelf_blueprint
from dashboard.teach import Photographer, teach_blueprint, views_blueprint
from dashboard.teacher import TIMEOUT_S, Teacher

MAX_BODY_BYTES = MAX_BYTES + 64 * 1024
"""A picture of 8 MB and the fields around it."""
# Werkzeug holds its buffer to this bound too, files included: 64 KB that it reads at once, and what may be a boundary.
_MAX_FORM_BYTES = 4 * 64 * 1024


@dataclass(frozen=True)
class Parts:
    """What an app is made of beside its configuration; a test brings its own."""

    live: Live
    catalogs: Catalogs


def create_app(
    configuration: DashboardConfiguration,
    bus: Bus,
    source: CatalogSource,
    *,
    live: Live | None = None,
    max_streams: int = MAX_STREAMS,
    heartbeat_s: float = HEARTBEAT_S,
    teach_timeout_s: float = TIMEOUT_S,
) -> Flask:
    """The dashboard as a WSGI app, subscribed to ``bus``; ``app.extensions["lookalike"]`` holds its ``Parts``."""
    live = live or Live(configuration.camera)
    catalogs = Catalogs(source, Overlay(TaughtStore(Path(configuration.taught_dir), read_only=True)), live.touch)
    preview = Preview(Path(configuration.ram_dir), configuration.camera, configuration.max_age_s)
    health = Health(live, catalogs, preview)
    hello = {"language": configuration.language, "max_age_ms": round(configuration.max_age_s * 1000)}
    events = Events(live, catalogs, health, hello, max_streams, heartbeat_s)
    search, cleaner = Search(live, bus, Path(configuration.ram_dir), configuration.search_timeout_s), PictureCleaner()
    teacher = Teacher(bus, Path(configuration.ram_dir), configuration.camera, teach_timeout_s)

    app = Flask(__name__, static_folder=None)
    app.request_class = RequestInRam
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=_MAX_FORM_BYTES, MAX_FORM_PARTS=64)
    app.extensions["lookalike"] = Parts(live, catalogs)
    register_security(app, configuration.port, configuration.operate)
    register_errors(app)
    app.register_blueprint(kiosk_blueprint(configuration.language))
    app.register_blueprint(matches_blueprint(live, catalogs, events))
    app.register_blueprint(items_blueprint(catalogs))
    app.register_blueprint(device_blueprint(live, health, preview))
    app.register_blueprint(search_blueprint(search, cleaner, catalogs))
    app.register_blueprint(teach_blueprint(teacher, Photographer(live, preview, cleaner), catalogs))
    app.register_blueprint(views_blueprint(teacher, catalogs))
    app.register_blueprint(shelf_blueprint(teacher, catalogs))
    app.register_blueprint(operate_blueprint(configuration.language))
    bus.subscribe(RESULT_TOPIC, live.on_result)
    bus.subscribe(STATUS_TOPIC, live.on_status)
    bus.subscribe(TAUGHT_TOPIC, teacher.on_answer)
    catalogs.start()
    return app
