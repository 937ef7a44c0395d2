"""The dashboard component: joins the bus with the web process."""

import dataclasses
import json
import sys
import threading
import time
from pathlib import Path

from components.bus import Bus
from components.greengrass import GreengrassBus
from components.lifecycle import in_background, run_component
from components.ram import forget_pictures, remove_empty
from dashboard.configuration import DashboardConfiguration
from dashboard.supervisor import COMPONENT, Supervisor


def run(bus: Bus, configuration: DashboardConfiguration, stop: threading.Event) -> None:
    """Keep the web process running until ``stop``."""
    supervisor = Supervisor(bus, json.dumps(dataclasses.asdict(configuration)), time.monotonic)

    def end() -> None:
        stop.wait()
        supervisor.stop()

    with in_background(end):
        # On the main thread: the web process ends with the thread that started it.
        supervisor.run()
    forget_pictures(Path(configuration.ram_dir))
    remove_empty(Path(configuration.ram_dir))


if __name__ == "__main__":
    sys.exit(run_component(COMPONENT, DashboardConfiguration, GreengrassBus.from_environment, run))
