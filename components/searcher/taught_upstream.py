"""Tells the cloud of the items taught at the camera, where a deployment asks for it."""

import logging
import time
from collections.abc import Callable

from components.core.errors import LookalikeError
from components.core.outbox_documents import TAUGHT
from components.core.taught import TaughtCatalog
from components.core.taught_documents import gone_document, taught_documents
from components.outbox import Outbox
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

SEND_OFF, SEND_TEXTS, SEND_EMBEDDINGS = SEND = ("off", "texts", "embeddings")


class TaughtUpstream:
    """Puts into the outbox what is taught and was not told yet, over restarts and whoever changed it."""

    def __init__(
        self, outbox: Outbox | None, send: str = SEND_OFF, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._outbox = None if send == SEND_OFF else outbox
        self._embeddings, self._monotonic_s = send == SEND_EMBEDDINGS, monotonic_s
        self._told: TaughtCatalog | None = None
        self._pause, self._not_before_s = GrowingPause(2.0, 300.0), 0.0

    def tell(self, taught: TaughtCatalog) -> None:
        """Note what is new in ``taught``; harmless to call often. Where the disk takes nothing, it is tried again."""
        if self._outbox is None or taught is self._told or self._monotonic_s() < self._not_before_s:
            return
        try:
            self._outbox.mirror(TAUGHT, taught_documents(taught, embeddings=self._embeddings), gone_document)
        except LookalikeError as error:
            log.warning("What is taught is not told to the cloud: %s", error)
            self._not_before_s = self._monotonic_s() + self._pause.next_s()
            return
        self._told = taught
        self._pause.reset()
