"""The settings of the cloud sync component."""

from dataclasses import dataclass

from components.core.configuration import setting


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
    batches_per_s: float = setting(5.0, "so many messages of what waits are sent in a second", low=0.1, high=50)
    gather_s: float = setting(10.0, "so long matches are gathered for one message", low=0, high=3_600)
    acknowledged: bool = setting(
        True, "wait for the cloud's acknowledgement; without its rule: 15 minutes after the nucleus took a message"
    )
    features_interval_s: float = setting(1.0, "at most one embedding in so many seconds", low=0.1, high=86_400)
