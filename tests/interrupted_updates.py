"""Updates that are interrupted: killed at random or at a chosen operation on a file, or by a disk that runs full.

``python -m tests.interrupted_updates [BREAK]`` is one pass in a process of its own, with a part of it broken.
"""

import contextlib
import dataclasses
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud_sync.index import generation_objects, pass_child, probe, update_pass
from cloud_sync.index.orders import COLLECT, Orders, Outcome, encode_orders
from cloud_sync.index.pass_child import perform
from cloud_sync.index.recovery import is_whole
from components.core.errors import LookalikeError
from components.core.generations import Manifest
from components.searcher.snapshot import load_snapshot
from components.store import Store
from tests.file_operations import counted, environment
from tests.update_kit import Publisher, confirmed, passed

ITEMS = 12
SMALL = (1, 2)
MANY = 60
"""Items with a picture each: so that there is something to interrupt."""


@dataclass(frozen=True)
class Scene:
    """A device with generation 1, and a place that offers generation 2."""

    device: Path
    orders: Orders

    def copy(self, folder: Path) -> "Scene":
        """The same device once more."""
        shutil.copytree(self.device, folder, symlinks=True)
        return Scene(folder, dataclasses.replace(self.orders, index_dir=str(folder)))


def scene(folder: Path, more: int = 2) -> Scene:
    """Made in ``folder``; the device is in ``folder``/index, and generation 2 has so many items more."""
    publisher, device = Publisher(folder / "publisher"), folder / "index"
    orders = publisher.orders(device)
    publisher.offer(1, ITEMS, seed=1)
    assert passed(orders) == Outcome("trial")
    confirmed(device)
    publisher.offer(2, ITEMS + more, seed=2)
    return Scene(device, orders)


@contextlib.contextmanager
def quick_probe() -> Iterator[None]:
    """The trial of a generation in this process instead of a child: the same check in a hundredth of the time."""

    def here(index_dir: Path, manifest: Manifest) -> None:
        probe.check(Store(index_dir, generation_objects.STAGED), manifest.seq)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(update_pass, "probe_generation", here)
        yield


def wrong(device: Path, allowed: tuple[int, ...]) -> str:
    """What is wrong with a device that must have one of ``allowed``, whole; ""."""
    store = Store(device)
    try:
        seq = store.require_active()
        load_snapshot(store, seq)
    except LookalikeError as error:
        return str(error)
    if seq not in allowed:
        return f"generation {seq} is active"
    return "" if is_whole(store, seq) else f"generation {seq} is not whole"


def goes_on(scene: Scene, newest: int = 2) -> str:
    """What is wrong with the next update; ""."""
    outcome = passed(scene.orders)
    if outcome.state not in ("trial", "idle"):
        return f"the next update: {outcome}"
    if problem := wrong(scene.device, (newest,)):
        return f"after the next update: {problem}"
    confirmed(scene.device)
    collected = perform(dataclasses.replace(scene.orders, work=COLLECT), lambda *_: None)
    if collected.state != "idle" or [*scene.device.glob("partial/*"), *scene.device.rglob(".*-*")]:
        return f"what was begun is not cleared away: {collected}"
    return wrong(scene.device, (newest,))


# -- kills


def killed_at_random(count: int, broken: str = "", seed: int = 0) -> list[str]:
    """Problems of so many updates that are killed, each at a random moment after it has begun."""
    with tempfile.TemporaryDirectory() as folder, quick_probe():
        start = scene(Path(folder), MANY)
        code, takes_s = _run(start.copy(Path(folder) / "whole"), Kill(after_s=60.0), broken)
        assert code == 0
        chance = random.Random(seed)
        # Most of a pass is the trial's child; most of what can go wrong is before.
        kills = [Kill(after_s=chance.uniform(0, takes_s) * chance.choice((0.2, 0.4, 1.0))) for _ in range(count)]
        return _problems(start, Path(folder), kills, broken)


def killed_at_operations(count: int, broken: str = "") -> list[str]:
    """Problems of updates that are killed at so many of their operations on files, evenly chosen."""
    with tempfile.TemporaryDirectory() as folder, quick_probe():
        start = scene(Path(folder))
        last = _operations(start.copy(Path(folder) / "whole"), broken)
        points = sorted({1 + number * last // count for number in range(count)})
        return _problems(start, Path(folder), [Kill(at=point) for point in points], broken)


@dataclass(frozen=True)
class Kill:
    """When a process is killed."""

    after_s: float = 0.0
    """After it has said its first word."""
    at: int = 0
    """At this operation."""

    def __str__(self) -> str:
        return f"killed at operation {self.at}" if self.at else f"killed after {self.after_s:.3f} s"


def _problems(start: Scene, folder: Path, kills: list[Kill], broken: str) -> list[str]:
    def suffer(numbered: tuple[int, Kill]) -> str:
        number, kill = numbered
        return _killed(start.copy(folder / str(number)), kill, broken)

    with ThreadPoolExecutor(2) as pool:
        return list(filter(None, pool.map(suffer, enumerate(kills))))


def _operations(scene: Scene, broken: str) -> int:
    """How many operations on files one update has."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        assert _run(scene, Kill(after_s=60.0), broken, log=log)[0] == 0
        return counted(log)


def _killed(scene: Scene, kill: Kill, broken: str) -> str:
    code, _ = _run(scene, kill, broken)
    if kill.at and code != -signal.SIGKILL:
        return f"{kill}: it was not, but ended with {code}"
    problem = wrong(scene.device, SMALL) or goes_on(scene)
    shutil.rmtree(scene.device)
    return f"{kill}: {problem}" if problem else ""


def _run(scene: Scene, kill: Kill, broken: str, *, log: Path | None = None) -> tuple[int, float]:
    """One pass in a process of its own; its exit code, and how long it took after its first word."""
    command = [sys.executable, "-m", "tests.interrupted_updates", *([broken] if broken else [])]
    env = environment(scene.device, log=log, kill_at=kill.at)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=env, cwd=_ROOT, **pipes) as child:  # type: ignore[call-overload]
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(encode_orders(scene.orders))
        child.stdin.close()
        child.stdout.readline()
        began = time.monotonic()
        if not kill.at:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(kill.after_s)
            child.kill()
        child.stdout.read()
        return child.wait(), time.monotonic() - began


_ROOT = Path(__file__).parents[1]


# -- what is broken on purpose


@contextlib.contextmanager
def _commits_first() -> Iterator[None]:
    """The product that lets a generation count before it is there."""

    def bring(self: update_pass._Pass, seq: int, data: bytes) -> Outcome:
        manifest = update_pass.decode_manifest_of(seq, data)
        self._stage(manifest, data)
        self._commit(manifest)
        self._fetch_all(manifest)
        return Outcome("trial")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(update_pass._Pass, "_bring", bring)
        yield


BREAKS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "": contextlib.nullcontext,
    "commits first": _commits_first,
}


if __name__ == "__main__":
    with BREAKS[" ".join(sys.argv[1:])]():
        sys.exit(pass_child.main())
