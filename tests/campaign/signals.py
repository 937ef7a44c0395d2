"""SIGTERM to components that have much to do: each is down in three seconds, with nothing torn and nothing left."""

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from components.searcher.annoy_index import open_cached
from components.searcher.snapshot import load_snapshot
from components.store import Store
from tests.campaign.device import COMPONENTS, Device, Failure, wait_for
from tests.campaign.faults import publish_again
from tests.campaign.processes import ends_within, family_of, runs

DOWN_WITHIN_S = 3.0
_GENERATION_EVERY_S = 3.0


@dataclass(frozen=True)
class End:
    """How a component ended after a signal."""

    component: str
    seconds: float
    problem: str = ""
    """What the product owed and did not keep; "" where it kept all."""


@contextlib.contextmanager
def load(device: Device, picture: Path) -> Iterator[None]:
    """Inside the block: pictures are uploaded without a pause, and a generation comes every three seconds.

    Raises Failure where the first of them is not answered: that would be no load.
    """
    stop, answered = threading.Event(), threading.Event()

    def upload() -> None:
        jpeg = picture.read_bytes()
        while not stop.is_set():
            try:
                url = f"http://localhost:{device.port}/api/v1/search"
                if httpx.post(url, files={"image": jpeg}, timeout=10).json().get("matches"):
                    answered.set()
            except httpx.TransportError:
                stop.wait(0.1)  # the dashboard is just being started

    def publish() -> None:
        while not stop.wait(_GENERATION_EVERY_S):
            publish_again(device)

    threads = [threading.Thread(target=work) for work in (upload, upload, publish)]
    for thread in threads:
        thread.start()
    try:
        wait_for(answered.is_set, "an upload is answered")
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def strike(device: Device, count: int, seed: int = 0) -> Iterator[End]:
    """``count`` signals, to each component in turn, at moments that are drawn from ``seed``."""
    chance = random.Random(seed)
    names = list(COMPONENTS)
    for number in range(count):
        if number % len(names) == 0:
            chance.shuffle(names)
        yield _strike(device, names[number % len(names)], chance)


def _strike(device: Device, component: str, chance: random.Random) -> End:
    seconds = 0.0
    try:
        results = len(device.results)
        wait_for(lambda: len(device.results) > results, lambda: f"there is something to do; {device.complaints()}")
        wait_for(lambda: device.is_up(component), f"the {component} is up")
        time.sleep(chance.uniform(0, 2))  # a moment like any other
        pid = device.pid(component)
        family = family_of(pid)
        began = time.monotonic()
        # One nucleus tells the process alone, the other all of its group.
        os.kill(pid, signal.SIGTERM) if chance.random() < 0.5 else os.killpg(pid, signal.SIGTERM)
        ended = ends_within(pid, 10 * DOWN_WITHIN_S)
        seconds = time.monotonic() - began
        _check(device, component, pid, family)
        if not ended or seconds > DOWN_WITHIN_S:
            raise Failure(f"it was down after {seconds:.1f} s")
    except Failure as failure:
        return End(component, seconds, str(failure))
    finally:
        device.restart(component)
    return End(component, seconds)


def _check(device: Device, component: str, pid: int, family: set[int]) -> None:
    """Raise Failure where the process ended badly, or left something."""
    code = wait_for(lambda: device.exit_code(component, pid), "the nucleus has noticed the end")
    if code != "0":
        raise Failure(f"it ended with {code}")
    # Children of a killed parent are ended by the kernel, which takes its time on a busy machine.
    wait_for(lambda: not [one for one in family if runs(one)], f"no child of {family} outlives it", patience_s=5.0)
    kept = device.work(component) / "configuration" / "last-good.json"
    if not isinstance(json.loads(kept.read_text()), dict):
        raise Failure(f"{kept} is torn")
    if left := unfinished(device.work(component)):
        raise Failure(f"left behind: {left}")


def unfinished(folder: Path) -> list[str]:
    """The files that were being written when their writer ended."""
    return [str(Path(where) / name) for where, _, names in os.walk(folder) for name in names if name.startswith(".")]


def check_the_index(device: Device) -> None:
    """Raise Failure or a LookalikeError where the index is not whole; for when all components have ended."""
    store = Store(device.index)
    for file in (device.index / "generations").iterdir():
        load_snapshot(store, int(file.stem))
    broken = [object_.name for object_ in (device.index / "objects").rglob("*/*") if not store.holds(object_.name)]
    dim = store.manifest(store.require_active()).dim
    broken += [str(path) for path in (device.index / "annoy").glob("*.ann") if open_cached(path, dim) is None]
    if left := broken + unfinished(device.index):
        raise Failure(f"torn or left behind: {left}")
