"""The featurizer component: what is joined to what."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from components.core import messages
from components.core.configuration import from_mapping
from components.core.errors import LookalikeError, UnavailableError
from components.core.messages import Status
from components.featurizer.active_model import ActiveModel
from components.featurizer.capture import Capture
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.embedder import Embedder
from components.featurizer.figures import Figures
from components.featurizer.gate import Gate
from components.featurizer.health import Health
from components.featurizer.model import Model
from components.featurizer.pictures import Pictures
from components.featurizer.pipeline import Pipeline
from components.featurizer.preview import Preview
from components.featurizer.sources import redacted
from components.greengrass import GreengrassBus
from components.lifecycle import log_to_stderr, report_status, stop_at_signal

logger = logging.getLogger("featurizer")

DOWN_WITHIN_S = 2.5


def main() -> int:
    """Until SIGTERM: camera -> frame -> embedding -> query. Gives 1 where the deployment itself is wrong."""
    log_to_stderr()
    stop = stop_at_signal()
    threading.Thread(target=insist, args=(stop,), name="last-resort", daemon=True).start()
    try:
        bus = GreengrassBus.from_environment()
        configuration = read_configuration(bus, stop)
        if configuration is not None:
            run(bus, configuration, stop)
    except LookalikeError as error:
        logger.error("%s", error)
        return 1
    bus.close()
    return 0


def run(bus: GreengrassBus, configuration: FeaturizerConfiguration, stop: threading.Event) -> None:
    """Join the parts and work until ``stop``."""
    ram_dir = Path(configuration.ram_dir)
    health, figures = Health(), Figures()
    capture = Capture(
        configuration.source,
        on_health=lambda problem: health.note("camera", problem),
        frozen_after_s=configuration.frozen_after_s,
    )
    active = ActiveModel(
        Path(configuration.index_dir),
        lambda model: make_embedder(model, configuration),
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
        camera=configuration.camera,
        k=configuration.k,
    )
    bus.subscribe(messages.PICTURE_TOPIC, pictures.receive)
    background: list[Callable[[], None]] = [
        lambda: active.run(stop),
        lambda: pictures.run(stop),
        lambda: report_status(bus, lambda: status(configuration, active, figures, health), stop),
    ]
    threads = [threading.Thread(target=work, daemon=True) for work in background]
    for thread in threads:
        thread.start()
    pipeline.run(capture, stop)
    preview.close()
    for thread in threads:
        thread.join(DOWN_WITHIN_S)


def make_embedder(model: Model, configuration: FeaturizerConfiguration) -> Embedder:
    """The embedder of ``model`` as the deployment wants it."""
    cache_dir = Path(configuration.cache_dir or "openvino-cache").resolve()
    return Embedder(model, device=configuration.device, cache_dir=cache_dir, threads=configuration.threads)


def read_configuration(bus: GreengrassBus, stop: threading.Event) -> FeaturizerConfiguration | None:
    """The deployment's settings, however long the nucleus takes to answer; None where ``stop`` came first."""
    pause_s = 0.5
    while not stop.is_set():
        try:
            return from_mapping(FeaturizerConfiguration, bus.configuration())
        except UnavailableError as error:
            logger.warning("%s", error)
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, 30.0)
    return None


def status(
    configuration: FeaturizerConfiguration, active: ActiveModel[Embedder], figures: Figures, health: Health
) -> Status:
    """How the featurizer is now."""
    embedder, reason = active.embedder, health.reason
    counted = figures.details()
    works = embedder is not None and counted["frames"] > 0
    details: dict[str, str | int | float | bool] = {"source": redacted(configuration.source)[:200], **counted}
    if embedder is not None:
        details["model"] = embedder.model_digest[:12]
        details["device"] = embedder.device
        details["device_reason"] = embedder.device_reason[:300]
    state = "degraded" if reason else "running" if works else "starting"
    return Status(component="featurizer", state=state, reason=reason[:500], details=details)


def insist(stop: threading.Event) -> None:
    """End the process a moment after ``stop``, whatever a compiler, a driver or the bus still waits for."""
    stop.wait()
    threading.Event().wait(DOWN_WITHIN_S)
    logger.warning("Not everything came to its end in %g s; leaving all the same.", DOWN_WITHIN_S)
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
