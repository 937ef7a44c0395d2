"""The searcher's settings."""

from dataclasses import dataclass

from components.core.configuration import setting


@dataclass(frozen=True)
class SearcherConfiguration:
    """What a deployment may set."""

    index_dir: str = setting("/var/lib/lookalike/index", "folder of the index generations")
    annoy: bool = setting(True, "build Annoy's index in the background; without it every search is an exact scan")
    poll_interval_s: float = setting(1.0, "how often to look for a newer generation", low=0.1, high=3600)
