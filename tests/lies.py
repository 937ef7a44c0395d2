"""What becomes of a download from a server that lies, breaks off or falls silent."""

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from cloud_sync import pace
from cloud_sync.index import fetching
from cloud_sync.index.fetching import Fetcher
from cloud_sync.index.generation_objects import Wanted
from cloud_sync.pace import Pace
from cloud_sync.sources import Source, open_source, read_small, s3
from components.core.errors import LookalikeError
from components.store import Store
from tests.lying_server import BUCKET, HOLES, LIES, Answer, LyingServer, cut_at, honest, never_accepting
from tests.object_place import as_device

SIZE = 300_000
QUICK_S = 1.0
SILENT = ("never answers", "stops in the headers", "stops in the body", "never accepts")
"""The holes that one who waits for a byte notices; out of the others only the end of the process helps."""
LONGEST_S = 30.0
"""For three tries, each of which may take what the quick clocks allow."""
SLACK_BYTES = 64 * 1024
"""For each answer that breaks off: what was on its way."""


@contextlib.contextmanager
def quick_clocks() -> Iterator[None]:
    """A device's patience in seconds instead of minutes, and the credentials of one."""
    with pytest.MonkeyPatch.context() as patch:
        as_device(patch)
        patch.setattr(s3, "CONNECT_S", QUICK_S)
        patch.setattr(s3, "ANSWER_S", QUICK_S)
        patch.setattr(pace, "PATIENCE_S", 2 * QUICK_S)
        patch.setattr(pace, "SLOWEST_BYTES_S", SIZE / 10)
        yield


@dataclass(frozen=True)
class Told:
    """What one download from a liar came to."""

    name: str
    seconds: float
    sent: int
    problem: str = ""


@dataclass(frozen=True)
class Place:
    """A liar's place with one object."""

    server: LyingServer
    wanted: Wanted
    source: Source

    def fetched(self, store: Store) -> bool:
        """Whether the object came, as the product says."""
        try:
            Fetcher(store, self.source, Pace(), pause=lambda _: None).fetch(self.wanted)
        except LookalikeError:
            return False
        return True


@contextlib.contextmanager
def _place(data: bytes, address: str = "") -> Iterator[Place]:
    wanted = Wanted(sha256(data).hexdigest(), len(data))
    with LyingServer({wanted.path: data}) as server:
        yield Place(server, wanted, open_source(f"s3://{BUCKET}", address or server.address))


def lie(name: str) -> Told:
    """Fetch an object while every answer lies, then go on with one that lies once in the middle."""
    began, problem = time.monotonic(), ""
    with tempfile.TemporaryDirectory() as folder, _place(_data(name)) as place:
        try:
            _only_lies(Path(folder) / "a", place, LIES[name])
            _lies_once(Path(folder) / "b", place, LIES[name])
        except AssertionError as error:
            problem = str(error).partition("\n")[0]
        return Told(name, time.monotonic() - began, place.server.sent, problem)


def hole(name: str) -> Told:
    """Fetch an object from a server that never answers, or stops; it must give up in time."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(never_accepting()) if name == "never accepts" else ""
        place = stack.enter_context(_place(_data(name), address))
        place.server.will(_ever(HOLES[name]))
        began = time.monotonic()
        came = place.fetched(Store(folder))
        with contextlib.suppress(LookalikeError):
            came = came or bool(read_small(place.source, place.wanted.path, SIZE))
        seconds = time.monotonic() - began
        problem = "it came all the same" if came else "it takes too long" if seconds > LONGEST_S else ""
        return Told(name, seconds, place.server.sent, problem)


def several(what: Callable[[str], Told], names: Sequence[str]) -> list[Told]:
    """Many at once: they wait for the most part."""
    with quick_clocks(), ThreadPoolExecutor(16) as pool:
        return list(pool.map(what, names))


def cut(size: int, cuts: int, seed: int = 0) -> Told:
    """Fetch an object of ``size`` bytes whose download breaks off ``cuts`` times, at random offsets."""
    chance = random.Random(seed)
    at = sorted(chance.randrange(size) for _ in range(cuts))
    lengths = [end - begin for begin, end in zip([0, *at], at, strict=False)]
    began = time.monotonic()
    with quick_clocks(), tempfile.TemporaryDirectory() as folder, _place(chance.randbytes(size)) as place:
        place.server.will(cut_at(lengths))
        store = Store(Path(folder))
        came = any(place.fetched(store) for _ in range(cuts))
        most = size * 1.02 + cuts * SLACK_BYTES
        problem = "" if place.server.sent <= most else f"more than {most / 1e6:.1f} MB were moved"
        whole = came and store.holds(place.wanted.sha256)
        return Told("cut", time.monotonic() - began, place.server.sent, problem if whole else "it never came whole")


def _only_lies(folder: Path, place: Place, answer: Answer) -> None:
    place.server.will(_ever(answer))
    before, began, store = place.server.sent, time.monotonic(), Store(folder)
    came = place.fetched(store)
    assert came == store.holds(place.wanted.sha256), "what was said about it is not so"
    assert _all_whole(folder), "an object with another content than its name says"
    assert time.monotonic() - began < LONGEST_S, "it takes too long"
    sent = place.server.sent - before
    assert sent <= 6 * (SIZE + 4 * SLACK_BYTES), f"{sent} bytes were let come"
    with contextlib.suppress(LookalikeError):
        assert len(read_small(place.source, place.wanted.path, SIZE)) <= SIZE
    place.server.will(())
    assert place.fetched(store), "afterwards it does not come either"


def _lies_once(folder: Path, place: Place, answer: Answer) -> None:
    store = Store(folder)
    for number in range(4):
        place.server.will([*cut_at([SIZE // 3]), *[honest] * number, answer])
        if place.fetched(store):
            break
    assert store.holds(place.wanted.sha256), "one lie and it never comes"
    assert _all_whole(folder), "an object with another content than its name says"


def _all_whole(folder: Path) -> bool:
    return all(sha256(path.read_bytes()).hexdigest() == path.name for path in folder.glob("objects/*/*"))


def _data(name: str) -> bytes:
    return random.Random(name).randbytes(SIZE)


def _ever(answer: Answer) -> Iterator[Answer]:
    while True:
        yield answer


@contextlib.contextmanager
def no_hash() -> Iterator[None]:
    """The product without a look at what came."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "_digest", lambda part: part.name)
        yield


@contextlib.contextmanager
def no_deadline() -> Iterator[None]:
    """The product that waits for ever as long as a byte comes now and then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace.Deadline, "took", lambda self, size: None)
        yield


@contextlib.contextmanager
def no_resume() -> Iterator[None]:
    """The product that begins anew each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "_read_etag", lambda part: "")
        yield
