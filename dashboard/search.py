"""Search by upload: a picture goes to the featurizer through RAM, its answer comes back over the bus."""

import logging
import secrets
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from flask import Blueprint, Request, request
from werkzeug.datastructures import MultiDict

from components.bus import Bus
from components.core.errors import BadContentError, UnavailableError
from components.core.messages import MAX_K, MODES, PICTURE_TOPIC, PictureQuery, SearchResult, encode
from components.ram import picture_path, write_aside
from dashboard.catalogs import Catalogs
from dashboard.errors import ApiError
from dashboard.live import Live
from dashboard.pictures import PictureCleaner
from dashboard.routes import route
from dashboard.views import Json, result_view

log = logging.getLogger(__name__)

_ATTRIBUTE = "attr."
_MAX_FILTER_VALUES = 50
_MAX_DIGITS = 9


class RequestInRam(Request):
    """A request whose upload stays in memory: a picture of a person's hand must not touch the disk."""

    def _get_file_stream(self, *_args: Any, **_kwargs: Any) -> IO[bytes]:
        return BytesIO()


class Search:
    """Asks the featurizer and the searcher about a picture and waits for their answer."""

    def __init__(self, live: Live, bus: Bus, ram_dir: Path, timeout_s: float) -> None:
        self._live = live
        self._bus = bus
        self._ram_dir = ram_dir
        self._timeout_s = timeout_s

    def ask(self, jpeg: bytes, k: int, filters: dict[str, tuple[str, ...]], mode: str = "item") -> SearchResult:
        """The result for the picture; ``mode`` is one of messages.MODES.

        Raises UnavailableError, BadContentError, or TimeoutError where no answer came in time.
        """
        query_id = secrets.token_hex(16)
        message = encode(PictureQuery(query_id=query_id, k=k, filters=filters, mode=mode))
        path = picture_path(self._ram_dir, query_id)
        self._live.expect(query_id)
        try:
            write_aside(path, jpeg)
            self._bus.publish(PICTURE_TOPIC, message)
            result = self._live.collect(query_id, self._timeout_s)
        except OSError as error:
            raise UnavailableError(f"The picture found no place in RAM ({error.strerror}): try again.") from error
        finally:
            self._live.forget(query_id)
            path.unlink(missing_ok=True)
        if result is None:
            raise TimeoutError
        return result


def search_blueprint(search: Search, cleaner: PictureCleaner, catalogs: Catalogs) -> Blueprint:
    """``POST /api/v1/search``."""
    blueprint = Blueprint("search", __name__)

    @route(blueprint, "/api/v1/search", role="kiosk", methods=("POST",))
    def search_by_picture() -> Json:
        k, filters, mode = read_k(request.form), read_filters(request.form), read_mode(request.form)
        picture = request.files.get("image")
        if picture is None:
            raise ApiError(400, "no_image", "The request has no file field 'image': send the picture as multipart.")
        try:
            return result_view(search.ask(cleaner.clean(picture.read()), k, filters, mode), catalogs)
        except BadContentError as error:
            raise ApiError(400, "bad_picture", str(error)) from error
        except UnavailableError as error:
            raise ApiError(503, "unavailable", str(error), {"Retry-After": "2"}) from error
        except TimeoutError as error:
            raise ApiError(504, "timeout", "The device did not answer in time: see /api/v1/status.") from error

    return blueprint


def read_k(form: MultiDict[str, str]) -> int:
    """How many matches are wanted; 5 where nothing is said."""
    text = form.get("k", "5")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and 1 <= int(text) <= MAX_K):
        raise ApiError(400, "bad_k", f"Field 'k' is {text[:20]!r}; expected a whole number from 1 to {MAX_K}.")
    return int(text)


def read_mode(form: MultiDict[str, str]) -> str:
    """What is looked for: ``item``, the same one, which is the default, or items of the same ``style``."""
    mode = form.get("mode", "item")
    if mode not in MODES:
        raise ApiError(400, "bad_mode", f"Field 'mode' is {mode[:20]!r}; expected {' or '.join(MODES)}.")
    return mode


def read_filters(form: MultiDict[str, str]) -> dict[str, tuple[str, ...]]:
    """``category`` and ``attr.<name>``, each given once or more: AND over the names, OR over a name's values."""
    filters = {}
    for field in form:
        name = field[len(_ATTRIBUTE) :] if field.startswith(_ATTRIBUTE) else field
        if name == field and field not in ("category", "k", "mode"):
            raise ApiError(
                400, "bad_field", f"Field {field[:40]!r} is not known: fields are image, k, mode, category, attr.*."
            )
        if field not in ("k", "mode") and name:
            filters[name] = tuple(form.getlist(field))
    if sum(len(values) for values in filters.values()) > _MAX_FILTER_VALUES:
        raise ApiError(400, "bad_filter", f"At most {_MAX_FILTER_VALUES} filter values may be given.")
    return filters
