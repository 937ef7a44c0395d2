"""The cloud sync component as a nucleus starts it: what is joined to what."""

import itertools
import os
import threading

from cloud_sync.component import run
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import NAME
from cloud_sync.downlink import Downlink
from cloud_sync.drain import drain_of
from components.bus import Bus
from components.greengrass import GreengrassBus
from components.lifecycle import run_component

THING_VARIABLE = "AWS_IOT_THING_NAME"


def main() -> int:
    """Run until SIGTERM; gives the exit code."""
    opened: list[GreengrassBus] = []
    downlinks: list[Downlink] = []
    rounds = itertools.count()
    thing = os.environ.get(THING_VARIABLE, "unknown")

    def open_bus() -> GreengrassBus:
        opened.append(GreengrassBus.from_environment())
        downlinks.append(Downlink(opened[0]))
        return opened[0]

    def work(bus: Bus, configuration: CloudSyncConfiguration, stop: threading.Event) -> None:
        drain = drain_of(configuration, opened[0], downlinks[0], thing)
        run(bus, configuration, stop, uplink=opened[0], thing=thing, drain=drain, soon=next(rounds) > 0)

    return run_component(NAME, CloudSyncConfiguration, open_bus, work)
