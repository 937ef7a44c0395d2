"""The settings of the cloud sync component."""

from dataclasses import dataclass

from components.core.configuration import setting


@dataclass(frozen=True)
class CloudSyncConfiguration:
    """One deployment's settings."""

    report_interval_s: float = setting(60.0, "how often the counts are written to the log", low=1, high=86_400)
