"""Pictures that a person uploaded: taken from RAM, embedded between two frames of the camera, searched like them."""

import logging
import queue
import threading
import time
from pathlib import Path

from components.bus import Bus
from components.core import messages
from components.core.errors import BadContentError, LookalikeError, MessageError, UnavailableError
from components.core.messages import PictureQuery, Query, SearchResult
from components.featurizer.decode import decode_picture
from components.featurizer.frame import Image
from components.featurizer.pipeline import HasEmbedder
from components.picture_header import MAX_BYTES
from components.ram import picture_path

log = logging.getLogger(__name__)

MAX_WAITING = 8
FORGOTTEN_AFTER_S = 60.0
_NO_MODEL = "0" * 64


class Pictures:
    """Answers every PictureQuery: with a Query to the searcher, or with a result that says what is wrong.

    Works on a thread of its own (``run``), so that an upload is served without any camera too; the embedder takes one
    picture after the other.
    """

    def __init__(self, bus: Bus, active: HasEmbedder, ram_dir: Path, *, camera: str = "camera") -> None:
        self._bus = bus
        self._active = active
        self._ram_dir = ram_dir
        self._camera = camera
        self._waiting: queue.Queue[tuple[PictureQuery, int]] = queue.Queue(MAX_WAITING)

    def receive(self, payload: bytes) -> None:
        """The bus's handler: put the picture in line; beyond eight in line it is refused at once."""
        try:
            wanted = messages.decode(PictureQuery, payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        try:
            self._waiting.put_nowait((wanted, time.monotonic_ns()))
        except queue.Full:
            picture_path(self._ram_dir, wanted.query_id).unlink(missing_ok=True)
            self._refuse(wanted, time.monotonic_ns(), "Too many pictures wait already: try again in a moment.")

    def run(self, stop: threading.Event) -> None:
        """Serve pictures until ``stop``."""
        self._remove_forgotten()
        while not stop.is_set():
            try:
                wanted, arrived_ns = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._serve(wanted, arrived_ns)
            self._remove_forgotten()

    def _serve(self, wanted: PictureQuery, arrived_ns: int) -> None:
        try:
            image = decode_picture(_take(picture_path(self._ram_dir, wanted.query_id)))
            message = messages.encode(self._query(wanted, image, arrived_ns))
        except LookalikeError as error:
            self._refuse(wanted, arrived_ns, str(error))
            return
        self._publish(messages.QUERY_TOPIC, message)

    def _query(self, wanted: PictureQuery, image: Image, arrived_ns: int) -> Query:
        embedder = self._active.embedder
        if embedder is None:
            raise UnavailableError("There is no model on this device yet: try again when its status is `running`.")
        began_ns = time.monotonic_ns()
        embedding = embedder.embed(image)
        return Query(
            query_id=wanted.query_id,
            origin="upload",
            camera=self._camera,
            captured_at=time.time(),
            captured_ns=arrived_ns,
            inference_ms=(time.monotonic_ns() - began_ns) / 1e6,
            embedding=embedding,
            model=embedder.model_digest,
            k=wanted.k,
            filters=wanted.filters,
            mode=wanted.mode,
        )

    def _refuse(self, wanted: PictureQuery, arrived_ns: int, reason: str) -> None:
        embedder = self._active.embedder
        result = SearchResult(
            query_id=wanted.query_id,
            origin="upload",
            camera=self._camera,
            captured_at=time.time(),
            captured_ns=arrived_ns,
            model=embedder.model_digest if embedder else _NO_MODEL,
            generation=0,
            mode=wanted.mode,
            decision="no_match",
            cause="unavailable",
            reason=reason[:300],
        )
        self._publish(messages.RESULT_TOPIC, messages.encode(result))

    def _publish(self, topic: str, message: bytes) -> None:
        try:
            self._bus.publish(topic, message)
        except UnavailableError as error:
            log.info("The answer to a picture is lost: %s", error)

    def _remove_forgotten(self) -> None:
        """Pictures whose message never came must not fill the RAM."""
        for path in picture_path(self._ram_dir, "any").parent.glob("*"):
            try:
                if time.time() - path.stat().st_mtime > FORGOTTEN_AFTER_S:
                    path.unlink(missing_ok=True)
            except OSError:
                continue  # somebody else was faster


def _take(path: Path) -> bytes:
    """The bytes at ``path``, which is gone afterwards."""
    try:
        with path.open("rb") as file:
            path.unlink(missing_ok=True)
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadContentError("The picture is no longer there: send it again.") from error
    return data
