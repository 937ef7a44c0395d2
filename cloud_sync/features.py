"""The predecessors' features: every embedding as text to the cloud. Off unless a deployment asks for it."""

import logging
import threading
import time
from collections.abc import Callable

from cloud_sync.relay import Uplink
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES, Embedding, Query, decode
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

_MOST_DIGITS, _FEWEST_DIGITS = 6, 3


def features_message(embedding: Embedding) -> bytes:
    """``{ "features": "<CSV of floats>" }`` with as many decimals as one message holds.

    Raises MessageError where not even three would fit: with fewer it would be another embedding.
    """
    for digits in range(_MOST_DIGITS, _FEWEST_DIGITS - 1, -1):
        csv = ",".join(_short(float(value), digits) for value in embedding)
        data = f'{{ "features": "{csv}" }}'.encode()
        if len(data) <= MAX_MESSAGE_BYTES:
            return data
    raise MessageError(
        f"Embeddings of {embedding.size} numbers do not fit a message of {MAX_MESSAGE_BYTES} bytes as text: "
        "set features to false."
    )


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


class Features:
    """Sends the newest embedding on ``topic``, at most one every ``interval_s`` seconds; those between are left out."""

    def __init__(
        self, uplink: Uplink, topic: str, interval_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._uplink, self._topic, self._interval_s, self._monotonic_s = uplink, topic, interval_s, monotonic_s
        self._newest: bytes | None = None
        self._not_before_s = 0.0
        self._pause = GrowingPause(max(1.0, interval_s), 300.0)
        self.sent = 0
        self.problem = ""
        """Why embeddings do not get through; "" while they do."""
        self.wake = threading.Event()

    def hear(self, payload: bytes) -> None:
        """Keep one query, as it came from the bus, in place of the one before."""
        self._newest = payload
        self.wake.set()

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop``."""
        while not stop.is_set():
            self.send_due()
            self.wake.wait(min(0.5, self._interval_s))
            self.wake.clear()

    def send_due(self) -> None:
        """Send the newest embedding, where there is one and it is time; never raises."""
        now_s, payload = self._monotonic_s(), self._newest
        if payload is None or now_s < self._not_before_s:
            return
        self._newest = None
        try:
            self._uplink.publish_to_iot_core(self._topic, features_message(decode(Query, payload).embedding), 0)
        except (UnavailableError, MessageError) as error:
            if not self.problem:
                log.warning("Features are not sent: %s", error)
            self.problem = str(error)
            self._not_before_s = now_s + self._pause.next_s()
            return
        self.sent, self.problem = self.sent + 1, ""
        self._pause.reset()
        self._not_before_s = now_s + self._interval_s
