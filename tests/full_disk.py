"""Updates of a device whose disk, a small ext4 of its own, runs full at any moment of them."""

import contextlib
import dataclasses
import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cloud_sync.index.orders import COLLECT
from cloud_sync.index.pass_child import perform
from tests.interrupted_updates import BREAKS, Scene, goes_on, quick_probe, wrong
from tests.update_kit import Publisher, confirmed

SIZE_MB = 16
BLOCK = 4_096
STATES = ("checking", "planning", "fetching", "staging", "probing")
MOST_LEFT = 12
"""An update takes about so many blocks."""
ITEMS = 100


def why_not() -> str:
    """Why no disk can be made here; "" where it can."""
    if os.geteuid() != 0:
        return "only root may mount a disk"
    failures = (OSError, subprocess.CalledProcessError)
    with contextlib.suppress(*failures), tempfile.TemporaryDirectory() as folder, small_disk(Path(folder)):
        return ""
    return "no ext4 can be made and mounted here (mkfs.ext4, a loop device)"


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """An ext4 of 16 MB, mounted until the end of the block."""
    image, mounted = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(SIZE_MB * 2**20)
    mounted.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-b", str(BLOCK), "-m", "0", str(image)], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mounted)], check=True, capture_output=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def runs_full(count: int, broken: str = "", moments: Sequence[str] = STATES, seed: int = 0) -> list[str]:
    """Problems of so many updates in which the disk is full from a random moment on, in one of these states."""
    chance, problems = random.Random(seed), []
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder)) as disk, quick_probe(), BREAKS[broken]():
        publisher = Publisher(Path(folder) / "publisher")
        device = Scene(disk / "index", publisher.orders(disk / "index"))
        publisher.offer(1, ITEMS, seed=1)
        problems.append(goes_on(device, 1))
        for seq in range(2, count + 2):
            publisher.offer(seq, ITEMS, seed=seq)
            problems.append(_full(device, seq, disk / "ballast", chance.choice(moments), chance))
    return list(filter(None, problems))


def _full(device: Scene, seq: int, ballast: Path, moment: str, chance: random.Random) -> str:
    """One update on a disk that runs full, and one when there is room again."""
    left = seq % MOST_LEFT
    perform(device.orders, _when(moment, chance.randrange(100), lambda: _fill(ballast, left)))
    problem = wrong(device.device, (seq - 1, seq))
    ballast.unlink(missing_ok=True)
    problem = problem or goes_on(device, seq)
    if problem:  # so that the next update begins with a whole device
        goes_on(device, seq)
    confirmed(device.device)
    perform(dataclasses.replace(device.orders, work=COLLECT), lambda *_: None)
    return f"full while {moment}, {left} blocks left: {problem}" if problem else ""


def _when(state: str, progress: int, act: Callable[[], None]) -> Callable[[str, int], None]:
    """A listener to a pass that does something once the pass has come so far."""
    waiting = [act]

    def say(now: str, percent: int) -> None:
        if waiting and now == state and (percent >= progress or now != "fetching"):
            waiting.pop()()

    return say


def _fill(ballast: Path, left: int) -> None:
    with ballast.open("ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(16 * BLOCK))
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(BLOCK))
        file.truncate(max(0, file.tell() - left * BLOCK))
