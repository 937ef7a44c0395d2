"""``Bus`` over the nucleus's IPC; it survives everything that the nucleus does."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from components.bus import Handler
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES
from components.greengrass.link import ANSWER_S, Connector, Link
from components.greengrass.subscriptions import Deliveries, Subscriptions
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

SOCKET_VARIABLE = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
TOKEN_VARIABLE = "SVCUID"  # noqa: S105  # the variable's name

# A connection that ends sooner than this counts as a failure: the next pause grows.
_STEADY_S = 5.0


class GreengrassBus:
    """``Bus`` over the nucleus's IPC; handlers run one after the other on one thread of their own.

    When the nucleus goes away it connects again, with growing pauses, and subscribes to everything anew. ``refresh_s``
    is how long a subscription may be quiet before it is made again, in case that it died silently (see
    ``Subscriptions``); ``poll_s`` is how often the configuration is read for changes of which no notice came.
    """

    def __init__(self, socket_path: str, token: str, *, refresh_s: float = 15.0, poll_s: float = 30.0) -> None:
        self._connector = Connector(socket_path, token)
        self._poll_s = poll_s
        self._tend_s = min(1.0, refresh_s / 2)
        self._link: Link | None = None
        self._problem = "it has not answered yet"
        self._configuration: dict[str, Any] | None = None
        self._listeners: list[Callable[[dict[str, Any]], None]] = []
        self._polled_at = time.monotonic()
        self._closing, self._wake, self._linked = threading.Event(), threading.Event(), threading.Event()
        self._deliveries = Deliveries()
        self._subscriptions = Subscriptions(self._deliveries, refresh_s, self._wake.set)
        self._keeper = threading.Thread(target=self._keep, name="bus-keeper", daemon=True)
        self._keeper.start()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "GreengrassBus":
        """The bus of the nucleus that started this process; raises UnavailableError where none did."""
        missing = [name for name in (SOCKET_VARIABLE, TOKEN_VARIABLE) if not environment.get(name)]
        if missing:
            raise UnavailableError(
                f"This program was not started by a Greengrass nucleus ({' and '.join(missing)} not set): deploy it as "
                "a component, or run it on a laptop with python -m components.nucleus."
            )
        return cls(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE])

    @property
    def problem(self) -> str:
        """Why the bus is away, in words, or what is or lately was wrong with a subscription; "" when all is well."""
        if self._link is None:
            return f"the nucleus is away: {self._problem}"
        refused, died = self._subscriptions.refused(), self._subscriptions.died()
        said = [f"the nucleus refuses to subscribe to {', '.join(refused)}"] if refused else []
        said += [f"the nucleus had silently dropped {', '.join(died)}, which is subscribed to again"] if died else []
        return "; ".join(said)

    def wait_until_connected(self, timeout_s: float = 10.0) -> bool:
        """Wait until the nucleus answered; False where it did not in time."""
        return self._linked.wait(timeout_s)

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand ``payload`` to the nucleus; returns when it took it.

        Raises UnavailableError while the nucleus is away or where it refuses, MessageError above 7,000 bytes.
        """
        _check_size(topic, payload)
        self._require_link().publish(topic, payload)

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Hand ``payload`` to the nucleus for AWS IoT Core; that it took it does not say that it arrived.

        Raises UnavailableError while the nucleus or, with one of the nuclei, the network is away, MessageError above
        7,000 bytes.
        """
        _check_size(topic, payload)
        self._require_link().publish_to_iot_core(topic, payload, qos)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call ``handler(payload)`` for every message on ``topic``, on the bus's own thread, where it may publish.

        While the nucleus is away this returns at once and the subscription is made when it comes back; otherwise it
        waits until the nucleus answered.
        """
        tried = self._subscriptions.add(topic, lambda link, listener: link.subscribe(topic, listener), handler)
        self._await(tried)

    def subscribe_to_iot_core(self, topic: str, handler: Handler) -> None:
        """As ``subscribe``, for what AWS IoT Core sends to this device on ``topic``.

        Returns at once: it may be that the network must come first.
        """
        self._subscriptions.add(
            f"AWS IoT Core's {topic}",
            lambda link, listener: link.subscribe_to_iot_core(topic, listener),
            handler,
            of_cloud=True,
        )
        self._wake.set()

    def configuration(self) -> dict[str, Any]:
        """The component's own configuration, without its permissions.

        Waits a while for the nucleus; raises UnavailableError where it stays away.
        """
        self.wait_until_connected()
        settings = self._require_link().configuration()
        settings.pop("accessControl", None)
        self._configuration = settings
        return dict(settings)

    def on_configuration_change(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call ``callback(configuration)``, on the bus's own thread, whenever it is not what was read last.

        One nucleus restarts a component instead, and a notice can be lost: so it is also read every ``poll_s``.
        """
        self._listeners.append(callback)
        if len(self._listeners) == 1:
            self._await(
                self._subscriptions.add(
                    "its configuration", Link.subscribe_to_configuration, lambda _: self._compare_configuration()
                )
            )

    def close(self) -> None:
        """End the connection and the bus's threads; nothing is delivered afterwards."""
        self._closing.set()
        if (link := self._link) is not None:
            link.lost.set()  # nobody waits any longer for what the nucleus may not answer
        self._wake.set()
        self._deliveries.close()
        for thread in (self._deliveries.thread, self._keeper):
            if thread is not threading.current_thread():
                thread.join(ANSWER_S)

    def _require_link(self) -> Link:
        link = self._link
        if link is None:
            raise UnavailableError(f"The bus cannot be used: the nucleus is away ({self._problem}).")
        return link

    def _await(self, tried: threading.Event) -> None:
        self._wake.set()
        if self._link is not None and threading.current_thread() is not self._deliveries.thread:
            tried.wait(ANSWER_S)

    def _compare_configuration(self) -> None:
        before = self._configuration
        try:
            settings = self.configuration()
        except UnavailableError as error:
            log.info("%s", error)
            return
        if before is not None and settings != before:
            for listener in self._listeners:
                listener(dict(settings))

    # -- the keeper's thread -----------------------------------------------------------------------------------------

    def _keep(self) -> None:
        pause = GrowingPause(first_s=0.1, longest_s=5.0)
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                link = self._connector.connect(self._wake.set)
            except UnavailableError as error:
                self._say_away(str(error))
            else:
                self._tend(link)
                self._drop(link)
                if time.monotonic() - began >= _STEADY_S:
                    pause.reset()
            self._closing.wait(pause.next_s())

    def _tend(self, link: Link) -> None:
        log.info("Connected to the nucleus.")
        self._link, self._problem = link, ""
        self._linked.set()
        while not (self._closing.is_set() or link.lost.is_set()):
            self._wake.clear()
            self._subscriptions.tend(link)
            self._poll_configuration()
            self._wake.wait(self._tend_s)

    def _poll_configuration(self) -> None:
        if self._listeners and time.monotonic() - self._polled_at >= self._poll_s:
            self._polled_at = time.monotonic()
            self._deliveries.put(self._compare_configuration)

    def _drop(self, link: Link) -> None:
        self._link = None
        self._linked.clear()
        self._subscriptions.drop()
        if not self._closing.is_set():
            self._say_away("the connection ended")
        link.close()

    def _say_away(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("The nucleus is away (%s); connecting again until it is back.", problem)
        self._problem = problem


def _check_size(topic: str, payload: bytes) -> None:
    # One nucleus answers a larger one by closing the connection, with everything that stands on it.
    if len(payload) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A message of {len(payload)} bytes on {topic} is too large; at most {MAX_MESSAGE_BYTES} may travel."
        )
