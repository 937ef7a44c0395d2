"""The searcher component: what is joined to what."""

import sys
import threading
from pathlib import Path

from components.bus import Bus
from components.core import messages
from components.core.steadiness import Patience
from components.greengrass import GreengrassBus
from components.lifecycle import in_background, report_status, run_component
from components.searcher.activation import Activation
from components.searcher.camera_means import CameraMeans
from components.searcher.configuration import SearcherConfiguration
from components.searcher.mailbox import Mailbox
from components.searcher.searcher import Searcher
from components.searcher.service import COMPONENT, answer_queries, receive, status
from components.store import Store


def run(bus: Bus, configuration: SearcherConfiguration, stop: threading.Event) -> None:
    """Until ``stop``: answer queries from the newest generation."""
    means = CameraMeans(Path(configuration.state_dir or "state"))
    patience = Patience(frames=configuration.enter_frames, leave_s=configuration.leave_after_s)
    searcher, mailbox = Searcher(means=means, patience=patience), Mailbox()
    activation = Activation(
        Store(Path(configuration.index_dir)),
        searcher,
        annoy=configuration.annoy,
        poll_interval_s=configuration.poll_interval_s,
    )
    bus.subscribe(messages.QUERY_TOPIC, lambda payload: receive(payload, mailbox))
    with in_background(
        lambda: activation.run(stop), lambda: report_status(bus, lambda: status(searcher, activation), stop)
    ):
        answer_queries(bus, mailbox, searcher, stop)
    means.save()


if __name__ == "__main__":
    sys.exit(run_component(COMPONENT, SearcherConfiguration, GreengrassBus.from_environment, run))
