"""The featurizer component: what is joined to what."""

import dataclasses
import sys
import threading
from pathlib import Path

from components.bus import Bus
from components.core import messages
from components.core.messages import Status
from components.featurizer.active_model import ActiveModel
from components.featurizer.capture import Capture
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.figures import Figures
from components.featurizer.foreground import Foreground
from components.featurizer.gate import Gate
from components.featurizer.inference import Deadlines, Inference
from components.featurizer.model import Model
from components.featurizer.pictures import Pictures
from components.featurizer.pipeline import Pipeline
from components.featurizer.preview import Preview
from components.featurizer.quality import Limits
from components.featurizer.region import parse_region
from components.featurizer.sources import redacted
from components.featurizer.strikes import Strikes
from components.greengrass import GreengrassBus
from components.lifecycle import in_background, report_status, run_component
from components.problems import Problems
from components.ram import remove_empty

COMPONENT = "featurizer"


def run(bus: Bus, configuration: FeaturizerConfiguration, stop: threading.Event) -> None:
    """Until ``stop``: camera -> frame -> embedding -> query."""
    ram_dir = Path(configuration.ram_dir)
    health, figures = Problems(between=" "), Figures()
    capture = Capture(
        configuration.source,
        on_health=lambda problem: health.note("camera", problem),
        frozen_after_s=configuration.frozen_after_s,
    )
    active = ActiveModel(
        Path(configuration.index_dir),
        lambda model: make_embedder(model, configuration, stop, health),
        on_health=lambda problem: health.note("model", problem),
    )
    pictures = Pictures(bus, active, ram_dir, camera=configuration.camera)
    preview = Preview(ram_dir, configuration.camera)
    pipeline = Pipeline(
        bus,
        active,
        gate=Gate(configuration.max_fps),
        preview=preview,
        figures=figures,
        health=health,
        region=parse_region(configuration.region),
        foreground=Foreground() if configuration.crop == "foreground" else None,
        max_objects=configuration.max_objects,
        limits=limits(configuration),
        camera=configuration.camera,
        camera_digest=configuration.camera_digest,
        k=configuration.k,
    )
    bus.subscribe(messages.PICTURE_TOPIC, pictures.receive)
    with in_background(
        lambda: active.run(stop),
        lambda: pictures.run(stop),
        lambda: report_status(bus, lambda: status(configuration, active, figures, health), stop),
    ):
        try:
            pipeline.run(capture, stop)
        finally:
            preview.close()
            remove_empty(ram_dir)
    active.close()


def limits(configuration: FeaturizerConfiguration) -> Limits:
    """What a picture must keep to be searched."""
    return Limits(**{field.name: getattr(configuration, field.name) for field in dataclasses.fields(Limits)})


def make_embedder(
    model: Model, configuration: FeaturizerConfiguration, stop: threading.Event, health: Problems
) -> Inference:
    """The embedder of ``model`` as the deployment wants it."""
    return Inference(
        model,
        configuration.device,
        stop=stop,
        cache_dir=Path(configuration.cache_dir or "openvino-cache").resolve(),
        threads=configuration.threads,
        on_health=lambda problem: health.note("embedder", problem),
        deadlines=Deadlines(gpu_start_s=configuration.gpu_ready_s),
        strikes=Strikes(rest_s=configuration.gpu_rest_s),
    )


def status(
    configuration: FeaturizerConfiguration, active: ActiveModel[Inference], figures: Figures, health: Problems
) -> Status:
    """How the featurizer is now."""
    embedder = active.embedder
    counted = figures.details()
    works = embedder is not None and counted["frames"] > 0
    details: dict[str, str | int | float | bool] = {"source": redacted(configuration.source)[:200], **counted}
    health.note("gpu", "" if embedder is None else embedder.gpu_problem)
    details["concerns"] = health.concerns
    if embedder is not None:
        details["model"] = embedder.model_digest[:12]
        details["device"] = embedder.device
        details["device_reason"] = embedder.device_reason[:300]
    return Status.of(COMPONENT, health.reason, works=works, details=details)


if __name__ == "__main__":
    sys.exit(run_component(COMPONENT, FeaturizerConfiguration, GreengrassBus.from_environment, run))
