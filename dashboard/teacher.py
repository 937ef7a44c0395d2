"""Brings the wishes of who teaches to the searcher and waits for its answer."""

import logging
import secrets
import threading
from pathlib import Path
from typing import Any

from components.bus import Bus
from components.core.errors import LookalikeError, MessageError, UnavailableError
from components.core.messages import TEACH_TOPIC, decode, encode
from components.core.teach_messages import Taught, Teach
from components.ram import taught_picture_path, write_aside
from dashboard.errors import ApiError

log = logging.getLogger(__name__)

TIMEOUT_S = 8.0
_MISSING = ("unknown_item", "unknown_view", "unknown_query")
_WRONG = ("no_title", "of_catalog")
_AWAY = ("not_saved", "no_index")


class Teacher:
    """One wish, one answer; a wish that is refused becomes the refusal of the request."""

    def __init__(self, bus: Bus, ram_dir: Path, camera: str, timeout_s: float = TIMEOUT_S) -> None:
        self._bus = bus
        self._ram_dir = ram_dir
        self._camera = camera
        self._timeout_s = timeout_s
        self._awaited: dict[str, Taught | None] = {}
        self._came = threading.Condition()

    def on_answer(self, payload: bytes) -> None:
        """Take an answer from the bus, for the one who waits for it."""
        try:
            answer = decode(Taught, payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        with self._came:
            if answer.request_id in self._awaited:
                self._awaited[answer.request_id] = answer
                self._came.notify_all()

    def ask(self, action: str, **wish: Any) -> Taught:
        """What the searcher did; raises ApiError where it did not, or cannot be heard."""
        return self._ask(secrets.token_hex(16), action, wish)

    def keep_picture(self, view_id: str, webp: bytes) -> None:
        """Hand a view's thumbnail to the searcher; without one the view is as good, so failing is only logged."""
        request_id = secrets.token_hex(16)
        path = taught_picture_path(self._ram_dir, request_id)
        try:
            write_aside(path, webp)
            self._ask(request_id, "picture", {"view_id": view_id})
        except (OSError, ApiError) as error:
            log.warning("A view has no picture: %s", error)
        finally:
            path.unlink(missing_ok=True)

    def _ask(self, request_id: str, action: str, wish: dict[str, Any]) -> Taught:
        try:
            message = encode(Teach(request_id=request_id, action=action, camera=self._camera, **wish))
        except MessageError as error:
            raise ApiError(400, "bad_request", str(error)) from error
        with self._came:
            self._awaited[request_id] = None
        try:
            self._bus.publish(TEACH_TOPIC, message)
            with self._came:
                self._came.wait_for(lambda: self._awaited[request_id] is not None, self._timeout_s)
                answer = self._awaited[request_id]
        except UnavailableError as error:
            raise ApiError(503, "unavailable", str(error), {"Retry-After": "2"}) from error
        except LookalikeError as error:
            raise ApiError(400, "bad_request", str(error)) from error
        finally:
            with self._came:
                self._awaited.pop(request_id, None)
        if answer is None:
            raise ApiError(504, "timeout", "The searcher did not answer in time: see /api/v1/status.")
        return _done(answer)


def _done(answer: Taught) -> Taught:
    if not answer.why:
        return answer
    more = {"guidance": answer.guidance, "looks_like": answer.looks_like}
    status = 404 if answer.why in _MISSING else 400 if answer.why in _WRONG else 503 if answer.why in _AWAY else 409
    raise ApiError(403 if answer.why == "learning_off" else status, answer.why, answer.sentence, more=more)
