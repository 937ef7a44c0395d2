"""The cloud sync component: started by a Greengrass nucleus."""

import os
import sys
import threading

from cloud_sync.component import run
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import NAME
from components.bus import Bus
from components.greengrass import GreengrassBus
from components.lifecycle import run_component

THING_VARIABLE = "AWS_IOT_THING_NAME"


def main() -> int:
    """Run until SIGTERM; gives the exit code."""
    opened: list[GreengrassBus] = []

    def open_bus() -> GreengrassBus:
        opened.append(GreengrassBus.from_environment())
        return opened[0]

    def work(bus: Bus, configuration: CloudSyncConfiguration, stop: threading.Event) -> None:
        run(bus, configuration, stop, uplink=opened[0], thing=os.environ.get(THING_VARIABLE, "unknown"))

    return run_component(NAME, CloudSyncConfiguration, open_bus, work)


if __name__ == "__main__":
    sys.exit(main())
