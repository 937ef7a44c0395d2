"""The dashboard component: joins the bus with the web process."""

import dataclasses
import json
import logging
import signal
import threading
import time

from components.bus import Bus
from components.core.configuration import from_mapping
from components.core.errors import ConfigurationError, LookalikeError
from components.core.messages import STATUS_TOPIC, Status, encode
from components.greengrass import GreengrassBus
from components.lifecycle import log_to_stderr
from dashboard.configuration import DashboardConfiguration
from dashboard.supervisor import COMPONENT, Supervisor

log = logging.getLogger(__name__)

_ASK_AGAIN_S = 10.0


def main() -> None:
    """Until SIGTERM: keep the web process running."""
    log_to_stderr()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bus = GreengrassBus.from_environment()
    configuration = read_configuration(bus, stop)
    if configuration is not None:
        supervisor = Supervisor(bus, json.dumps(dataclasses.asdict(configuration)), time.monotonic)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop())
        if not stop.is_set():
            supervisor.run()
    bus.close()


def read_configuration(bus: GreengrassBus, stop: threading.Event) -> DashboardConfiguration | None:
    """The deployment's settings; while they are wrong, says so and asks again. None once ``stop`` is set."""
    while not stop.is_set():
        try:
            return from_mapping(DashboardConfiguration, bus.configuration())
        except ConfigurationError as error:
            _say_degraded(bus, str(error))
        except LookalikeError as error:
            log.warning("The configuration waits for the bus: %s", error)
        stop.wait(_ASK_AGAIN_S)
    return None


def _say_degraded(bus: Bus, reason: str) -> None:
    log.error("%s", reason)
    try:
        bus.publish(STATUS_TOPIC, encode(Status(component=COMPONENT, state="degraded", reason=reason[:500])))
    except LookalikeError as error:
        log.warning("The status could not be told: %s", error)


if __name__ == "__main__":
    main()
