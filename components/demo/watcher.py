"""Listens to the components as an operator's own client does."""

import logging
import threading
import time
from collections.abc import Callable

from components.bus import Bus
from components.core import messages
from components.core.errors import MessageError
from components.core.messages import SearchResult, Status
from components.demo.tally import Tally

log = logging.getLogger(__name__)


class Watcher:
    """Counts queries and results; tells ``say`` when a component gives a new reason for not being well."""

    def __init__(self, bus: Bus, say: Callable[[str], None]) -> None:
        self.tally = Tally()
        self.first_result = threading.Event()
        self._say = say
        self._reasons: dict[str, str] = {}
        bus.subscribe(messages.QUERY_TOPIC, lambda _: self.tally.saw_query())
        bus.subscribe(messages.RESULT_TOPIC, self._result)
        bus.subscribe(messages.STATUS_TOPIC, self._status)

    def _result(self, payload: bytes) -> None:
        arrived_ns = time.monotonic_ns()
        try:
            self.tally.add(messages.decode(SearchResult, payload), arrived_ns)
            self.first_result.set()
        except MessageError as error:
            log.warning("%s", error)

    def _status(self, payload: bytes) -> None:
        try:
            status = messages.decode(Status, payload)
        except MessageError as error:
            log.warning("%s", error)
            return
        if status.reason and status.reason != self._reasons.get(status.component):
            self._say(f"  {status.component} is {status.state}: {status.reason}")
        self._reasons[status.component] = status.reason
