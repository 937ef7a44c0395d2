"""The featurizer's settings."""

import hashlib
import re
from dataclasses import dataclass

from components.core.configuration import setting
from components.core.errors import ConfigurationError
from components.core.messages import MAX_OBJECTS
from components.featurizer.quality import Limits
from components.featurizer.region import parse_region
from components.featurizer.sources import parse_source, redacted
from components.ram import DEFAULT_RAM_DIR

CROPS = ("foreground", "none")


@dataclass(frozen=True)
class FeaturizerConfiguration:
    """What a deployment may set; raises ConfigurationError for a source or a name that cannot be."""

    source: str = setting("usb:0", "the camera: usb:0, rtsp://..., http://..., awscam:, file:..., folder:...")
    camera: str = setting("camera", "the camera's name in results: letters, digits, - and _")
    index_dir: str = setting("/var/lib/lookalike/index", "folder of the index generations, which hold the model")
    ram_dir: str = setting(DEFAULT_RAM_DIR, "folder in RAM for previews and uploaded pictures")
    device: str = setting("AUTO", "what computes embeddings", choices=("AUTO", "GPU", "CPU"))
    region: str = setting("", "part of the frame: left,top,width,height or x,y x,y x,y ... in shares; empty: all of it")
    crop: str = setting("foreground", "what is searched: what is new before the camera, or all", choices=CROPS)
    max_objects: int = setting(1, "how many objects of a frame are searched, largest first", low=1, high=MAX_OBJECTS)
    min_brightness: float = setting(
        Limits.min_brightness, "a darker picture is not searched; 0: every one is", low=0, high=255
    )
    min_sharpness: float = setting(
        Limits.min_sharpness, "a more blurred picture is not searched; 0: every one is", low=0, high=1
    )
    max_speed: float = setting(
        Limits.max_speed, "an item moving more of its sizes a second is not searched; 0: every one is", low=0, high=100
    )
    min_object: float = setting(
        Limits.min_object,
        "an item smaller than this share of the region is not searched; 0: every one is",
        low=0,
        high=1,
    )
    max_fps: float = setting(8.0, "how many searches a second at most", low=0.1, high=60)
    threads: int = setting(1, "threads of the CPU for embeddings", low=1, high=16)
    cache_dir: str = setting("", "folder of compiled models; empty: openvino-cache in the component's work folder")
    k: int = setting(8, "how many matches a search shall bring", low=1, high=50)
    gpu_ready_s: float = setting(
        300.0, "how long the GPU may take to compile the model and to qualify", low=1, high=3600
    )
    gpu_rest_s: float = setting(
        3600.0, "for so long the CPU computes after the GPU failed twice within ten minutes", low=1, high=86_400
    )
    frozen_after_s: float = setting(5.0, "without a new picture for so long, the camera is reopened", low=1, high=600)

    def __post_init__(self) -> None:
        parse_source(self.source)
        parse_region(self.region)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.camera):
            raise ConfigurationError(
                f"Setting 'camera' is {self.camera!r}; expected 1 to 64 letters, digits, - and _ (it names a file)."
            )

    @property
    def camera_digest(self) -> str:
        """Tells one camera, region or crop from another in its place: a hash of them, without the source's password."""
        decisive = "\n".join((redacted(self.source), self.region, self.crop))
        return hashlib.sha256(decisive.encode(errors="surrogatepass")).hexdigest()[:16]
