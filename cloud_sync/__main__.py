"""The cloud sync component: started by a Greengrass nucleus."""

import logging
import signal
import sys
import threading

from cloud_sync.component import run
from cloud_sync.configuration import CloudSyncConfiguration
from components.core.configuration import from_mapping
from components.core.errors import LookalikeError
from components.greengrass import GreengrassBus


def main() -> int:
    """Run until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        bus = GreengrassBus.from_environment()
    except LookalikeError as error:
        print(error, file=sys.stderr)
        return 1
    run(bus, _configuration(bus), stop)
    bus.close()
    return 0


def _configuration(bus: GreengrassBus) -> CloudSyncConfiguration:
    try:
        return from_mapping(CloudSyncConfiguration, bus.configuration())
    except LookalikeError as error:
        # A component that exits three times is given up: better to run with the defaults, and say so.
        logging.getLogger(__name__).warning("%s Going on with the defaults.", error)
        return CloudSyncConfiguration()


if __name__ == "__main__":
    sys.exit(main())
