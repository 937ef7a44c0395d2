"""Teaching on the bus: wishes in, answers out, and the searcher's index as the taught items now want it."""

import logging
import queue
import threading
from collections.abc import Callable

from components.bus import Bus
from components.core import messages
from components.core.errors import LookalikeError, MessageError
from components.core.taught import TaughtCatalog
from components.core.teach_messages import Teach
from components.searcher.camera_means import CameraMeans
from components.searcher.taught_upstream import TaughtUpstream
from components.searcher.teaching import Teaching
from components.taught_store import TaughtStore

log = logging.getLogger(__name__)

MAX_WAITING = 32
_LOOK_EVERY_S = 1.0


class Inbox:
    """Wishes that wait; more than 32 are not kept: whoever asks gives up first."""

    def __init__(self) -> None:
        self._wishes: queue.Queue[Teach] = queue.Queue(MAX_WAITING)

    def receive(self, payload: bytes) -> None:
        """Take a wish from the bus; what is none is logged and dropped."""
        try:
            self._wishes.put_nowait(messages.decode(Teach, payload))
        except MessageError as error:
            log.warning("%s", error)
        except queue.Full:
            log.warning("Too many wishes at once: one is lost.")

    def take(self, timeout_s: float) -> Teach | None:
        """The next one, or None where none came in time."""
        try:
            return self._wishes.get(timeout=timeout_s)
        except queue.Empty:
            return None


class TaughtItems:
    """The taught items as they are on the disk, kept in memory for the index."""

    def __init__(self, store: TaughtStore) -> None:
        self._store = store
        self._version: tuple[int, int] | None = None
        self.catalog = TaughtCatalog()
        self.problem = ""
        """Why they cannot be read; "" when all is well."""

    def found(self, model: str) -> int:
        """How many items are found in an index of ``model``."""
        return len({view.item_id for view in self.catalog.searched() if view.model == model})

    def reason(self, model: str) -> str:
        """Why not all of them can be found in an index of ``model``; "" when all is well."""
        asleep = len({view.item_id for view in self.catalog.searched()}) - self.found(model)
        if self.problem or not asleep:
            return self.problem
        return f"{asleep} taught items are kept, but not found: the index has another model; teach them again"

    def refresh(self) -> bool:
        """Read them again where somebody changed them; whether searches find something else then."""
        try:
            version = self._store.version()
            if version == self._version:
                return False
            before, self.catalog, self._version = self.catalog, self._store.catalog(), version
        except LookalikeError as error:
            if str(error) != self.problem:
                log.warning("%s", error)
            self.problem = str(error)
            return False
        self.problem = ""
        return _searched(before) != _searched(self.catalog)


def _searched(taught: TaughtCatalog) -> object:
    """What an index takes of the items: a new draft or a new title does not begin every search anew."""
    views = [(view.view_id, view.item_id, taught.items[view.item_id].category) for view in taught.searched()]
    return views, taught.gone() - {item.item_id for item in taught.items.values() if item.own}


def answer_wishes(
    bus: Bus,
    inbox: Inbox,
    teaching: Teaching,
    items: TaughtItems,
    relay: Callable[[], None],
    stop: threading.Event,
    upstream: TaughtUpstream | None = None,
) -> None:
    """Until ``stop``: do wishes; ``relay`` brings changed items into the index, before the answer says so.

    ``upstream`` is told of all changes, also of those that somebody else made.
    """
    while not stop.is_set():
        wish = inbox.take(_LOOK_EVERY_S / 2)
        answer = None if wish is None else teaching.do(wish)
        if items.refresh():
            relay()
        if answer is not None:
            try:
                bus.publish(messages.TAUGHT_TOPIC, messages.encode(answer))
            except LookalikeError as error:
                log.warning("an answer to who teaches is lost: %s", error)
        if upstream is not None and not items.problem:
            upstream.tell(items.catalog)


def follow_the_camera(
    means: CameraMeans, taught: TaughtItems, relay: Callable[[], None], stop: threading.Event
) -> None:
    """Lay the taught items anew as the camera's mean, by which they are centered, becomes clearer."""
    stage = 0
    while not stop.wait(_LOOK_EVERY_S):
        if means.stage != stage:
            stage = means.stage
            if taught.catalog.items:
                relay()
