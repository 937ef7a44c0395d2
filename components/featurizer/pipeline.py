"""The way of a frame: from the camera to the published query."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from components.bus import Bus
from components.core import messages
from components.core.errors import LookalikeError, UnavailableError
from components.core.messages import Embedding, Query, SearchResult
from components.featurizer.advice import Advice
from components.featurizer.crop import Crop, crops
from components.featurizer.figures import Figures
from components.featurizer.foreground import Foreground, Scene
from components.featurizer.frame import Frame, Image, Source
from components.featurizer.gate import Gate
from components.featurizer.preview import Preview
from components.featurizer.quality import REASONS, Limits
from components.featurizer.region import Region
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
        region: Region | None = None,
        foreground: Foreground | None = None,
        max_objects: int = 1,
        limits: Limits | None = None,
        camera: str = "camera",
        camera_digest: str = "",
        k: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._active = active
        self._gate = gate
        self._preview = preview
        self._figures = figures
        self._health = health
        self._region = region or Region()
        self._foreground = foreground
        self._max_objects = max_objects
        self._limits = limits or Limits()
        self._advice = Advice()
        self._camera, self._camera_digest = camera, camera_digest
        self._k = k
        self._clock = clock

    def run(self, source: Source, stop: threading.Event) -> None:
        """Search the frames of ``source`` until ``stop`` or its end."""
        for frame in source.frames(stop):
            self._figures.saw_frame()
            view = self._region.of(frame.image)
            scene = self._foreground.look(view, frame.captured_ns / 1e9) if self._foreground else Scene(is_loose=True)
            if self._gate.opens(view, self._clock()):
                self._search_or_advise(frame, view, scene)
            self._preview.offer(frame.image, self._clock())

    def _search_or_advise(self, frame: Frame, view: Image, scene: Scene) -> None:
        embedder = self._active.embedder
        if embedder is None:
            return
        found = crops(view, scene, self._region, self._max_objects)
        poor = [self._limits.guidance(crop, scene, view) for crop in found]
        if self._advice.is_due(poor[0], self._clock()):
            self._publish_advice(frame, found[0], poor[0], embedder)
        if poor[0]:
            self._gate.reopen()
        else:
            self._search(frame, [crop for crop, guidance in zip(found, poor, strict=True) if not guidance], embedder)

    def _search(self, frame: Frame, found: list[Crop], embedder: Embeds) -> None:
        try:
            for index, crop in enumerate(found):
                self._publish(self._query(frame, crop, index, embedder))
            self._health.note("embedder", "")
        except LookalikeError as error:
            self._health.note("embedder", str(error))

    def _query(self, frame: Frame, crop: Crop, index: int, embedder: Embeds) -> Query:
        began_ns = time.monotonic_ns()
        embedding = embedder.embed(crop.image)
        return Query(
            **self._asked(frame, crop),
            inference_ms=(time.monotonic_ns() - began_ns) / 1e6,
            object_index=index,
            embedding=embedding,
            model=embedder.model_digest,
            k=self._k,
            camera_digest=self._camera_digest,
        )

    def _asked(self, frame: Frame, crop: Crop) -> dict[str, Any]:
        """What a query and a result both say of the picture."""
        return {
            "query_id": uuid.uuid4().hex,
            "camera": self._camera,
            "frame_seq": frame.seq,
            "captured_at": frame.captured_at,
            "captured_ns": frame.captured_ns,
            "label": frame.label,
            "region": crop.region,
        }

    def _publish_advice(self, frame: Frame, crop: Crop, guidance: str, embedder: Embeds) -> None:
        result = SearchResult(
            **self._asked(frame, crop),
            model=embedder.model_digest,
            generation=0,
            decision="no_match",
            cause="poor_picture",
            guidance=guidance,
            reason=REASONS[guidance],
        )
        try:
            self._bus.publish(messages.RESULT_TOPIC, messages.encode(result))
        except UnavailableError as error:
            log.info("What is wrong with a picture is not said: %s", error)

    def _publish(self, query: Query) -> None:
        age_ms = (time.monotonic_ns() - query.captured_ns) / 1e6
        try:
            self._bus.publish(messages.QUERY_TOPIC, messages.encode(query))
        except UnavailableError as error:
            log.info("A query is lost: %s", error)
            return
        self._figures.sent_query(age_ms=age_ms, inference_ms=query.inference_ms)
