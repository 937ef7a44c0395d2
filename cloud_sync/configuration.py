"""The settings of the cloud sync component."""

from dataclasses import dataclass, field

from cloud_sync.index.orders import CHANNEL, VERSION
from cloud_sync.index.window import Window
from components.core.configuration import setting
from components.core.errors import ConfigurationError


@dataclass(frozen=True)
class IndexSettings:
    """Which generations the device shall run, and where they come from."""

    source: str = setting("", "where generations come from: s3://bucket/prefix, a folder or a tar; empty: no updates")
    channel: str = setting("stable", "which of the publisher's channels")
    version: str = setting("latest", "latest, or the number of one generation")
    trusted_root: str = setting("", "the text of the channel's first root.json, or an absolute path of it")
    endpoint_url: str = setting("", "address of an S3 that is not Amazon's")

    def __post_init__(self) -> None:
        """Refuse what no update could ever use."""
        if not VERSION.fullmatch(self.version):
            raise ConfigurationError(f"Setting 'index.version' is {self.version!r}; expected latest or a number.")
        if not CHANNEL.fullmatch(self.channel):
            raise ConfigurationError(
                f"Setting 'index.channel' is {self.channel!r}; expected letters a to z, 0 to 9, -."
            )
        if self.source and not self.trusted_root:
            raise ConfigurationError("Setting 'index.trusted_root' is empty; expected the channel's root.json.")


@dataclass(frozen=True)
class CloudSyncConfiguration:
    """One deployment's settings."""

    report_interval_s: float = setting(60.0, "how often the counts are written to the log", low=1, high=86_400)
    status_interval_s: float = setting(
        900.0, "how often a component's status goes to AWS IoT Core though nothing changed", low=10, high=86_400
    )
    status_limit: int = setting(
        10, "at most so many status events of one component in any ten minutes", low=2, high=1_000
    )
    shadow_interval_s: float = setting(
        86_400.0, "how often the whole shadow is reported though nothing changed", low=600, high=2_592_000
    )
    legacy_topic: bool = setting(False, "send the DeepLens project's texts on $aws/things/<thing>/infer, too")
    features: bool = setting(False, "send every embedding as text on $aws/things/<thing>/infer: it leaves the device")
    outbox_dir: str = setting(
        "/var/lib/lookalike/outbox", "folder of what waits for the cloud; empty: the cloud is told of no match"
    )
    batches_per_s: float = setting(5.0, "so many messages of what waits are sent in a second", low=0.1, high=1_000)
    gather_s: float = setting(60.0, "so long matches are gathered for one message", low=0, high=3_600)
    acknowledged: bool = setting(
        True, "wait for the cloud's acknowledgement; without its rule: 15 minutes after the nucleus took a message"
    )
    features_interval_s: float = setting(1.0, "at most one embedding in so many seconds", low=0.1, high=86_400)
    index: IndexSettings = field(default_factory=IndexSettings)
    index_dir: str = setting("/var/lib/lookalike/index", "folder of the index generations")
    poll_interval_s: float = setting(300.0, "how often to ask for another generation, on average", low=1, high=604_800)
    download_limit_kbytes_s: int = setting(
        0, "how fast updates may come; 0: as fast as they can", low=0, high=1_000_000
    )
    download_window: str = setting("", "when updates may come, local time, like 22:00-06:00; empty: always")
    keep_free_mbytes: int = setting(1_000, "so much of the disk stays free of updates", low=0, high=1_000_000)
    trial_s: float = setting(60.0, "how long a new generation must serve well before it is kept", low=1, high=86_400)
    scrub_interval_s: float = setting(
        86_400.0, "how often all of the index is read to find what the disk lost", low=60, high=31_536_000
    )

    def __post_init__(self) -> None:
        """Refuse a window that is none."""
        Window.of(self.download_window)
