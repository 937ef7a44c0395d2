"""What waits on the disk for the cloud."""

import time

from components.core.errors import LookalikeError
from components.doctor.finding import FAULT, OK, SKIPPED, WARN, Device, Finding
from components.outbox import Figures, Outbox

_LONG_S = 86_400.0


def check_outbox(device: Device) -> Finding:
    """How much waits, since when, and what was lost."""
    if not any(device.outbox_dir.glob("outbox.*")):
        return Finding("outbox", SKIPPED, f"nothing was kept for the cloud in {device.outbox_dir} yet")
    outbox = Outbox(device.outbox_dir, read_only=True)
    try:
        figures = outbox.figures()
    except LookalikeError as error:
        return Finding("outbox", FAULT, str(error), "run the doctor as the components' user; check the folder's owner")
    finally:
        outbox.close()
    return _judged(figures, max(0.0, time.time() - figures.oldest_at) if figures.depth else 0.0)


def _judged(figures: Figures, oldest_s: float) -> Finding:
    said = f"{figures.depth} events wait for the cloud, {figures.bytes / 1e6:.1f} MB"
    if figures.depth:
        said += f", the oldest for {oldest_s / 3_600:.1f} h"
    if figures.lost or figures.quarantined:
        said += f"; {figures.lost} were lost, which the cloud is told, {figures.quarantined} of them put aside"
        return Finding("outbox", WARN, said, "see the searcher's and cloud sync's logs; set outbox_max_mb higher")
    if oldest_s > _LONG_S:
        return Finding("outbox", WARN, said, "check the network and, in AWS IoT Core, the rule that acknowledges")
    return Finding("outbox", OK, said)
