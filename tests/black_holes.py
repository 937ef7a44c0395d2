"""Updates from a place that falls silent at some request, with the clocks of a real device."""

import contextlib
import functools
import itertools
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud_sync.index import worker
from components.child import start_module
from tests.lies import Told
from tests.lying_server import BUCKET, HOLES, LyingServer, honest, never_accepting
from tests.object_place import as_device
from tests.update_kit import Publisher

DEADLINE_S = 300.0
"""Three tries of a minute each with their pauses after small files that come just in time, or three minutes of silence
from the process; and the start of fifty processes."""
REQUESTS = (0, 1, 3, 4, 5, 9)
"""How many honest answers come before: metadata, the manifest, and objects."""
AT_ONCE = 50


@dataclass(frozen=True)
class Hole:
    """One that ``name`` says, after so many honest answers."""

    name: str
    after: int


def holes(count: int) -> list[Hole]:
    """So many of them, the different ones first."""
    every = [Hole(name, after) for after in REQUESTS for name in HOLES]
    return list(itertools.islice(itertools.cycle(every), count))


def fall_into(several: Sequence[Hole], deadline_s: float = DEADLINE_S) -> list[Told]:
    """One pass for each, in a process of its own as the component starts it."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        as_device(patch)
        patch.setattr(worker, "start_module", functools.partial(start_module, stderr=subprocess.DEVNULL))
        publisher = Publisher(Path(folder) / "publisher")
        publisher.offer(1)
        files = publisher.files()

        def one(numbered: tuple[int, Hole]) -> Told:
            number, hole = numbered
            return _fall(publisher, files, Path(folder) / f"index-{number}", hole, deadline_s)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, enumerate(several)))


def _fall(publisher: Publisher, files: Mapping[str, bytes], index: Path, hole: Hole, deadline_s: float) -> Told:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(LyingServer(files, drips_s=10 * deadline_s))
        server.will(itertools.chain([honest] * hole.after, itertools.repeat(HOLES[hole.name])))
        deaf = hole.name == "never accepts" and hole.after == 0
        address = stack.enter_context(never_accepting()) if deaf else server.address
        orders = publisher.orders(index, source=f"s3://{BUCKET}", endpoint_url=address)
        stop, began = threading.Event(), time.monotonic()
        limit = threading.Timer(deadline_s, stop.set)
        limit.start()
        outcome = worker.work(orders, lambda _: None, stop.is_set)
        limit.cancel()
        seconds = time.monotonic() - began
        late = "it did not give up in time" if stop.is_set() else ""
        problem = late or ("" if outcome.state == "failed" and outcome.reason else f"it is not told: {outcome}")
        return Told(f"{hole.name} after {hole.after}", seconds, server.sent, problem)


@contextlib.contextmanager
def hangs_after(seconds: float) -> Iterator[None]:
    """The component gives a silent process up after so long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "HANGS_S", {"checking": seconds, "fetching": seconds})
        yield
