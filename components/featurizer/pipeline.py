"""The way of a frame: from the camera to the published query."""

import logging
import threading
import time
import uuid
from typing import Protocol

from components.bus import Bus
from components.core import messages
from components.core.errors import LookalikeError, UnavailableError
from components.core.messages import Embedding, Query
from components.featurizer.figures import Figures
from components.featurizer.frame import Frame, Image, Source
from components.featurizer.gate import Gate
from components.featurizer.preview import Preview
from components.problems import Problems

log = logging.getLogger(__name__)


class Embeds(Protocol):
    """What makes a vector of a picture."""

    @property
    def model_digest(self) -> str:
        """The model's identity, 64 hex digits."""

    def embed(self, image: Image) -> Embedding:
        """The unit vector of ``image``; raises UnavailableError where it cannot be computed now."""


class HasEmbedder(Protocol):
    """Where the embedder of the active model is found; None while there is none."""

    @property
    def embedder(self) -> Embeds | None:
        """The one to use for the next picture."""


class Pipeline:
    """Turns the frames of one camera into queries on the bus. Whatever fails, the next frame is tried."""

    def __init__(
        self,
        bus: Bus,
        active: HasEmbedder,
        *,
        gate: Gate,
        preview: Preview,
        figures: Figures,
        health: Problems,
        camera: str = "camera",
        k: int = 8,
    ) -> None:
        self._bus = bus
        self._active = active
        self._gate = gate
        self._preview = preview
        self._figures = figures
        self._health = health
        self._camera = camera
        self._k = k

    def run(self, source: Source, stop: threading.Event) -> None:
        """Search the frames of ``source`` until ``stop`` or its end."""
        for frame in source.frames(stop):
            self._figures.saw_frame()
            if self._gate.opens(frame.image, time.monotonic()):
                self._search(frame)
            self._preview.offer(frame.image, time.monotonic())

    def _search(self, frame: Frame) -> None:
        embedder = self._active.embedder
        if embedder is None:
            return
        try:
            query = self._query(frame, embedder)
            self._health.note("embedder", "")
        except LookalikeError as error:
            self._health.note("embedder", str(error))
            return
        self._publish(query)

    def _query(self, frame: Frame, embedder: Embeds) -> Query:
        began_ns = time.monotonic_ns()
        embedding = embedder.embed(frame.image)
        return Query(
            query_id=uuid.uuid4().hex,
            camera=self._camera,
            frame_seq=frame.seq,
            captured_at=frame.captured_at,
            captured_ns=frame.captured_ns,
            inference_ms=(time.monotonic_ns() - began_ns) / 1e6,
            label=frame.label,
            embedding=embedding,
            model=embedder.model_digest,
            k=self._k,
        )

    def _publish(self, query: Query) -> None:
        age_ms = (time.monotonic_ns() - query.captured_ns) / 1e6
        try:
            self._bus.publish(messages.QUERY_TOPIC, messages.encode(query))
        except UnavailableError as error:
            log.info("A query is lost: %s", error)
            return
        self._figures.sent_query(age_ms=age_ms, inference_ms=query.inference_ms)
