"""The dashboard's settings."""

from dataclasses import dataclass

from components.core.configuration import setting
from components.core.errors import ConfigurationError
from components.ram import DEFAULT_RAM_DIR

LANGUAGES = ("en", "ko", "zh")
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class DashboardConfiguration:
    """What a deployment may set; raises ConfigurationError for an address that is not the device itself."""

    index_dir: str = setting("/var/lib/lookalike/index", "where the index generations lie")
    ram_dir: str = setting(DEFAULT_RAM_DIR, "directory in RAM through which pictures pass")
    taught_dir: str = setting("/var/lib/lookalike/taught", "folder of the items taught at the camera")
    operate: bool = setting(
        False, "open the operator's pages (/operate) to whoever sits at the device itself; they have no login"
    )
    host: str = setting("127.0.0.1", "address to listen on; only the device itself (loopback)")
    port: int = setting(8080, "port to listen on", low=1, high=65_535)
    max_age_s: float = setting(3.0, "a result or preview older than this is not shown", low=0.5, high=60)
    language: str = setting("en", "first language of the kiosk", choices=LANGUAGES)
    camera: str = setting("camera", "name of the camera that the kiosk shows")
    search_timeout_s: float = setting(5.0, "how long a search by upload may take", low=0.5, high=60)

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK_HOSTS:
            raise ConfigurationError(
                f"Setting 'host' is {self.host!r}; expected one of {', '.join(LOOPBACK_HOSTS)}: "
                "the dashboard answers only the device itself."
            )
        if not self.camera or "/" in self.camera or self.camera.startswith("."):
            raise ConfigurationError(f"Setting 'camera' is {self.camera!r}; expected a name without slashes.")
