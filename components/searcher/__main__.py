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
from components.outbox import Limits, Outbox
from components.searcher import taught_cli
from components.searcher.activation import Activation
from components.searcher.camera_means import CameraMeans
from components.searcher.configuration import SearcherConfiguration
from components.searcher.mailbox import Mailbox
from components.searcher.recent import Recent
from components.searcher.recorder import Recorder
from components.searcher.searcher import Searcher
from components.searcher.service import COMPONENT, answer_queries, receive, status
from components.searcher.starts import Starts
from components.searcher.taught_layer import layered
from components.searcher.taught_upstream import TaughtUpstream
from components.searcher.teaching import Teaching
from components.searcher.teaching_service import Inbox, TaughtItems, answer_wishes, follow_the_camera
from components.store import Store
from components.taught_store import TaughtStore


def run(bus: Bus, configuration: SearcherConfiguration, stop: threading.Event) -> None:
    """Until ``stop``: answer queries from the newest generation and the items taught at the camera."""
    state_dir = Path(configuration.state_dir or "state")
    means = CameraMeans(state_dir)
    patience = Patience(frames=configuration.enter_frames, leave_s=configuration.leave_after_s)
    searcher, mailbox, recent, inbox = Searcher(means=means, patience=patience), Mailbox(), Recent(), Inbox()
    store, outbox = TaughtStore(Path(configuration.taught_dir)), _outbox(configuration)
    recorder = Recorder(outbox, embeddings=configuration.match_embeddings)
    upstream = TaughtUpstream(outbox, configuration.send_taught)
    taught = TaughtItems(store)
    activation = Activation(
        Store(Path(configuration.index_dir)),
        searcher,
        annoy=configuration.annoy,
        poll_interval_s=configuration.poll_interval_s,
        starts=Starts(state_dir / "starts.json"),
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
        tell=recorder.add,
    )
    taught.refresh()
    bus.subscribe(messages.QUERY_TOPIC, lambda payload: receive(payload, mailbox))
    bus.subscribe(messages.TEACH_TOPIC, inbox.receive)
    with (
        contextlib.closing(store),
        in_background(
            lambda: activation.run(stop),
            lambda: follow_the_camera(means, taught, activation.relay, stop),
            lambda: answer_wishes(bus, inbox, teaching, taught, activation.relay, stop, upstream),
            lambda: report_status(bus, lambda: status(searcher, activation, taught, recorder), stop),
            lambda: recorder.run(stop),
        ),
    ):
        answer_queries(bus, mailbox, searcher, recent, stop, recorder)
    recorder.finish()
    means.save()


def _outbox(configuration: SearcherConfiguration) -> Outbox | None:
    if not configuration.outbox_dir:
        return None
    limits = Limits(
        max_bytes=configuration.outbox_max_mb * 1024 * 1024, keep_s=configuration.outbox_keep_days * 86_400.0
    )
    return Outbox(Path(configuration.outbox_dir), limits)


if __name__ == "__main__":
    if sys.argv[1:2] == ["taught"]:
        sys.exit(taught_cli.main(sys.argv[2:], print, lambda text: print(text, file=sys.stderr)))
    sys.exit(run_component(COMPONENT, SearcherConfiguration, GreengrassBus.from_environment, run))
