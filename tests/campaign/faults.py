"""The faults of the campaign: how each comes, how it must be told, how it goes."""

import dataclasses
import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from components.store import Store
from tests.campaign import disk, wall_clock
from tests.campaign.device import COMPONENTS, Device, wait_for

INFERENCE = "components.featurizer.inference_child"
_numbers = itertools.count(1)

Act = Callable[[Device], object]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    begin: Act
    component: str
    """Who must tell it ..."""
    reason: str
    """... with these words, a regular expression."""
    end: Act
    restarts: bool = False
    """Whether it begins with a start of every component."""
    why_not: Callable[[], str] = lambda: ""
    """Why it cannot be had here; "" where it can."""


def _camera(name: str, mode: str, reason: str) -> Fault:
    def show(mode: str) -> Act:
        return lambda device: setattr(device.camera, "mode", mode)

    return Fault(name, show(mode), "featurizer", reason, show("live"))


def _gpu(name: str, reason: str, blow: Act = lambda device: None, **orders: str) -> Fault:
    def begin(device: Device) -> None:
        device.gpu.give(**{f"GPU-{name}": order for name, order in orders.items()})
        blow(device)

    return Fault(name, begin, "featurizer", reason, lambda device: device.gpu.give())


def _strike(number: int) -> Act:
    return lambda device: os.kill(device.child(INFERENCE), number)


def _fill(device: Device) -> None:
    """The disk is full, and then comes a generation for which there is much to write."""
    device.disk.fill()
    publish_again(device)


def publish_again(device: Device) -> None:
    """The same catalog as a new generation, with another forest."""
    store = Store(device.index)
    newest = store.manifest(store.require_active())
    search = dataclasses.replace(newest.search, n_trees=10 + newest.seq % 40)
    store.write_manifest(dataclasses.replace(newest, seq=newest.seq + 1, search=search))


def _make_read_only(device: Device) -> None:
    """The disk turns read-only, and then comes a configuration that ought to be kept."""
    wait_for(lambda: _remounts(device), "nobody writes on the disk")
    device.nucleus.configure("Searcher", {"poll_interval_s": str(1 + next(_numbers) / 1000)})


def _remounts(device: Device) -> bool:
    try:
        device.disk.set_read_only(True)
    except OSError:
        return False
    return True


def _start_in_1970(device: Device) -> None:
    device.clock.set_to(600)
    for name in COMPONENTS.values():
        device.nucleus.restart(name)


def _set_ahead(days: float) -> Act:
    return lambda device: device.clock.set_ahead(days * 86_400)


def _clock(name: str, begin: Act, reason: str, *, restarts: bool = False) -> Fault:
    return Fault(name, begin, "cloud_sync", reason, _set_ahead(0), restarts, wall_clock.why_not)


FAULTS = (
    _camera("camera hangs", "hang", "has given no frame for 2 s"),
    _camera("camera frozen", "frozen", "very same picture"),
    Fault(
        "camera unplugged",
        lambda device: device.camera.unplug(),
        "featurizer",
        "gives no more frames|cannot be opened",
        lambda device: device.camera.plug_in(),
    ),
    _camera("camera sends garbage", "garbage", "has given no frame|gives no more frames|cannot be opened"),
    _gpu("GPU compiler hangs", "not ready on the GPU within 10 s", _strike(signal.SIGKILL), compile="hang"),
    _gpu("inference crashes", r"exit code -11", infer="crash"),
    _gpu("inference hangs", "no answer within 2 s", _strike(signal.SIGSTOP)),
    _gpu("GPU gives wrong vectors", "come to give wrong embeddings", infer="other"),
    Fault("disk full", _fill, "searcher", "No space left", lambda d: d.disk.make_room(), why_not=disk.why_not),
    Fault(
        "work folder read-only",
        _make_read_only,
        "searcher",
        "cannot be kept in .*Read-only",
        lambda device: device.disk.set_read_only(False),
        why_not=disk.why_not,
    ),
    _clock("clock at 1970 at start", _start_in_1970, "clock was never set", restarts=True),
    _clock("clock jumps forward", _set_ahead(400), r"clock jumped by \+400 d"),
    _clock("clock jumps back", _set_ahead(-400), r"clock jumped by -400 d"),
    Fault(
        "bus cut",
        lambda device: device.bus.cut(),
        "dashboard",
        "the nucleus is away",
        lambda device: device.bus.turn_on(),
    ),
    Fault(
        "bus silent",
        lambda device: device.bus.fall_silent(),
        "featurizer|searcher|cloud_sync",
        "not been heard of",
        lambda device: device.bus.turn_on(),
    ),
)
