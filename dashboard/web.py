"""The web process: serves the kiosk and the API; reaches the bus through a pipe to the component, and nothing else.

``python -m dashboard.web FD CONFIGURATION``: the pipe's file descriptor, and the configuration as JSON.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from components.core.configuration import from_mapping
from components.core.errors import UnavailableError
from components.core.messages import Status
from components.lifecycle import log_to_stderr, report_status
from components.pauses import GrowingPause
from dashboard.app import create_app
from dashboard.catalogs import StoredCatalogs
from dashboard.configuration import DashboardConfiguration
from dashboard.pipe import PipeBus
from dashboard.server import serve
from dashboard.supervisor import COMPONENT

log = logging.getLogger(__name__)


class Listener:
    """Serves the app, again with growing pauses while the port is taken, and says how it is."""

    def __init__(self, configuration: DashboardConfiguration) -> None:
        self._configuration = configuration
        self._problem = ""
        self._listening = threading.Event()

    def status(self) -> Status:
        """How the dashboard is now."""
        details = {"port": self._configuration.port}
        return Status.of(COMPONENT, self._problem, works=self._listening.is_set(), details=details)

    def run(self, bus: PipeBus) -> None:
        """Serve until the process ends."""
        configuration = self._configuration
        app = create_app(configuration, bus, StoredCatalogs(Path(configuration.index_dir)))
        bus.start()
        threading.Thread(target=report_status, args=(bus, self.status, threading.Event()), daemon=True).start()
        pause = GrowingPause(first_s=1.0, longest_s=30.0)
        while True:
            try:
                serve(app, configuration.host, configuration.port, self._on_listening)
                return
            except UnavailableError as error:
                log.warning("%s", error)
                self._problem = str(error)
            time.sleep(pause.next_s())

    def _on_listening(self) -> None:
        self._problem = ""
        self._listening.set()


def main(arguments: list[str]) -> None:
    """Serve until the component ends or asks for it."""
    log_to_stderr()
    # Streams have threads that wait; they hold nothing that must be put down in order.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=int(arguments[0]))
    configuration = from_mapping(DashboardConfiguration, json.loads(arguments[1]))
    Listener(configuration).run(PipeBus(connection, on_end=lambda: os._exit(0)))


if __name__ == "__main__":
    main(sys.argv[1:])
