"""The searcher's settings."""

from dataclasses import dataclass

from components.core.configuration import setting
from components.ram import DEFAULT_RAM_DIR
from components.searcher.taught_upstream import SEND, SEND_OFF


@dataclass(frozen=True)
class SearcherConfiguration:
    """What a deployment may set."""

    index_dir: str = setting("/var/lib/lookalike/index", "folder of the index generations")
    annoy: bool = setting(True, "build Annoy's index in the background; without it every search is an exact scan")
    poll_interval_s: float = setting(1.0, "how often to look for a newer generation", low=0.1, high=3600)
    enter_frames: int = setting(3, "so many frames in a row must show an item before it is the answer", low=1, high=20)
    leave_after_s: float = setting(
        0.3, "so long nothing must be seen before an answer goes, while something moves", low=0, high=10
    )
    state_dir: str = setting(
        "", "folder of what is learned of the cameras; empty: state in the component's work folder"
    )
    taught_dir: str = setting("/var/lib/lookalike/taught", "folder of the items taught at the camera")
    ram_dir: str = setting(DEFAULT_RAM_DIR, "directory in RAM through which pictures pass")
    learn: str = setting(
        "off",
        "what a verdict on an answer does: it is not taken, it is taken and nothing is learned, it is learned from",
        choices=("off", "never", "confirm"),
    )
    outbox_dir: str = setting(
        "/var/lib/lookalike/outbox", "folder of what waits for the cloud; empty: the cloud is told of no match"
    )
    outbox_max_mb: int = setting(256, "so much of the disk may wait for the cloud", low=16, high=65_536)
    outbox_keep_days: float = setting(30.0, "so long may it wait, while the device runs", low=0.01, high=3_650)
    match_embeddings: bool = setting(False, "tell with an item that enters what the camera saw of it as a vector")
    send_taught: str = setting(
        SEND_OFF, "tell the cloud of items taught at the camera: their texts, or also their vectors", choices=SEND
    )
