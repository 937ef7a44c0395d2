"""The searcher component: what is joined to what. ``taught`` as its first argument: see taught_cli."""

import contextlib
import sys
import threading
from pathlib import Path

from components.bus import Bus
from components.core import messages
from components.core.steadiness import Patience
from components.greengrass import GreengrassBus
from components.lifecycle import in_background, report_status, run_component
from components.searcher import taught_cli
from components.searcher.activation import Activation
from components.searcher.camera_means import CameraMeans
from components.searcher.configuration import SearcherConfiguration
from components.searcher.mailbox import Mailbox
from components.searcher.recent import Recent
from components.searcher.searcher import Searcher
from components.searcher.service import COMPONENT, answer_queries, receive, status
from components.searcher.taught_layer import layered
from components.searcher.teaching import Teaching
from components.searcher.teaching_service import Inbox, TaughtItems, answer_wishes, follow_the_camera
from components.store import Store
from components.taught_store import TaughtStore


def run(bus: Bus, configuration: SearcherConfiguration, stop: threading.Event) -> None:
    """Until ``stop``: answer queries from the newest generation and the items taught at the camera."""
    means = CameraMeans(Path(configuration.state_dir or "state"))
    patience = Patience(frames=configuration.enter_frames, leave_s=configuration.leave_after_s)
    searcher, mailbox, recent, inbox = Searcher(means=means, patience=patience), Mailbox(), Recent(), Inbox()
    store = TaughtStore(Path(configuration.taught_dir))
    taught = TaughtItems(store)
    activation = Activation(
        Store(Path(configuration.index_dir)),
        searcher,
        annoy=configuration.annoy,
        poll_interval_s=configuration.poll_interval_s,
        layer=lambda bare: layered(
            bare, taught.catalog, means.center(bare.manifest.model.digest, bare.projection.query_mean)
        ),
    )
    teaching = Teaching(
        store,
        recent,
        in_catalog=activation.holds,
        ram_dir=Path(configuration.ram_dir),
        learn=configuration.learn,
    )
    taught.refresh()
    bus.subscribe(messages.QUERY_TOPIC, lambda payload: receive(payload, mailbox))
    bus.subscribe(messages.TEACH_TOPIC, inbox.receive)
    with (
        contextlib.closing(store),
        in_background(
            lambda: activation.run(stop),
            lambda: follow_the_camera(means, taught, activation.relay, stop),
            lambda: answer_wishes(bus, inbox, teaching, taught, activation.relay, stop),
            lambda: report_status(bus, lambda: status(searcher, activation, taught), stop),
        ),
    ):
        answer_queries(bus, mailbox, searcher, recent, stop)
    means.save()


if __name__ == "__main__":
    if sys.argv[1:2] == ["taught"]:
        sys.exit(taught_cli.main(sys.argv[2:], print, lambda text: print(text, file=sys.stderr)))
    sys.exit(run_component(COMPONENT, SearcherConfiguration, GreengrassBus.from_environment, run))
