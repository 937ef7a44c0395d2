"""The outbox: days without a network, a month against a small cap, kills while the way to the cloud lies."""

import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cloud_sync.drain import Drain, DrainSettings
from components.child import start_child
from components.core.match_events import Presence
from components.core.messages import Match, Query, SearchResult
from components.core.outbox_documents import MATCHES, Document
from components.outbox import Limits, Outbox, gaps
from tests.campaign.updates import Row
from tests.cloud_kit import Store
from tests.generations import query, unit_vectors
from tests.mosquitto_kit import Cloud, Mosquitto, cloud
from tests.nucleus_support import wait_for
from tests.uplink_kit import THING, shop

GROUP = 50
DROPS = 0.3
CAP = 64 * 1024 * 1024
MAX_OFFLINE_BYTES = 160_000_000
_HERE = Path(__file__).parents[2]
_VECTOR = unit_vectors(1)[0]
_PATIENCE_S = 900.0
_KILLED = Path(__file__).with_name("outbox_process.py")


class Day:
    """A camera before which an item is shown every other second: one event a second, on a clock of its own."""

    def __init__(self) -> None:
        self._presence, self.seconds, self.start_s = Presence(), 0, 1.8e9

    def events(self, count: int) -> list[Document]:
        """The next ``count``."""
        found: list[Document] = []
        while len(found) < count:
            self.seconds += 1
            found += [Document(MATCHES, event.encoded()) for event in self._presence.take(*self._answer())]
        return found

    def _answer(self) -> tuple[Query, SearchResult]:
        at_s, is_shown = self.seconds, self.seconds % 2
        asked = query(_VECTOR, query_id=f"{at_s:032x}", captured_ns=at_s * 10**9, captured_at=self.start_s + at_s)
        best = Match(f"grocery-item-{at_s // 2 % 1_000}", 0.81, 0.97)
        matches = (best, *(Match(f"grocery-item-{n}", 0.5 - n / 10, 0.01) for n in range(4)))
        decision = "match" if is_shown else "no_match"
        return asked, SearchResult.answering(asked, generation=41, decision=decision, matches=matches)


# -- three days without a network -------------------------------------------------------------------------------------


def offline(hours: int) -> Iterator[Row]:
    """So many hours at one match a second, then drained through the real components into a real broker."""
    made = hours * 3_600
    with tempfile.TemporaryDirectory() as name, cloud(Path(name) / "mosquitto") as (mosquitto, far):
        filled = _fill(Path(name) / "outbox", made)
        began = time.monotonic()
        with shop(Path(name), mosquitto, "classic", {"batches_per_s": "1000"}) as device:
            wait_for(lambda: device.waiting() == 0, "the outbox is empty", _PATIENCE_S)
        minutes = (time.monotonic() - began) / 60
        order = [int(event["visit"], 16) for event in far.store.made]
        bad = abs(made - len(order)) + (order != sorted(order)) + (filled > MAX_OFFLINE_BYTES) + far.store.missing
        said = f"{filled / 1e6:.0f} MB on the disk, drained in {minutes:.1f} min, largest {far.store.largest} bytes"
    lost = _lost_without_acknowledgements(min(made, 3_000))
    yield Row(f"{hours} h offline", made, bad, "leaves when the nucleus took it", lost, said)


def _fill(folder: Path, count: int) -> int:
    """Put ``count`` events into the outbox as the searcher does; gives what they take on the disk."""
    day = Day()
    with contextlib.closing(Outbox(folder, wall_s=lambda: day.start_s + day.seconds)) as outbox:
        for _ in range(0, count, GROUP):
            outbox.add(day.events(GROUP))
        return outbox.figures().bytes


class Lossy:
    """A nucleus that says "ok", and loses some of what it took; ``store`` is what the cloud got."""

    def __init__(self, drops: float) -> None:
        self.store, self._drops, self._chance = Store(), drops, random.Random(1)
        self.hear: Callable[[bytes], None] = lambda _: None

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        if self._chance.random() >= self._drops:
            _, acknowledgement = self.store.keep(payload)
            self.hear(acknowledgement)


def _drained(folder: Path, way: Lossy, *, acknowledged: bool = True, wait_s: float = 15.0) -> Store:
    """Empty an outbox over ``way``, on a clock that runs as fast as it can."""
    now_s = 0.0
    with contextlib.closing(Outbox(folder)) as outbox:
        settings = DrainSettings(
            batches_per_s=1e6, gather_s=0.0, acknowledged=acknowledged, first_wait_s=wait_s, longest_wait_s=wait_s
        )
        drain = Drain(outbox, way, THING, settings, lambda: now_s)
        way.hear = drain.hear
        while outbox.figures().depth:
            now_s += drain.send_due()
    return way.store


def _lost_without_acknowledgements(count: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        _fill(Path(name), count)
        return count - len(_drained(Path(name), Lossy(DROPS), acknowledged=False, wait_s=0.01).made)


# -- a month against a cap --------------------------------------------------------------------------------------------


def month(days: int) -> Iterator[Row]:
    """So many days at one match a second against a cap of 64 MB: what is sent and what is a gap is what was made."""
    with tempfile.TemporaryDirectory() as name:
        bad, said = _against_the_cap(Path(name), days * 86_400)
    with tempfile.TemporaryDirectory() as name, _broken(gaps, "keep_gap", lambda *_: None):
        caught, _ = _against_the_cap(Path(name), 250_000)
    yield Row(f"{days} days, cap 64 MB", days * 86_400, bad, "drops without a gap", caught, said)


def _against_the_cap(folder: Path, made: int) -> tuple[int, str]:
    """By how many sent and missing events are not those that were made, and figures."""
    now_s, largest, event = 0, 0, Day().events(1)[0].body.replace(b"0" * 31 + b"1", b"%032x")
    limits = Limits(max_bytes=CAP, keep_s=made + 1.0)
    clock = {"monotonic_s": lambda: float(now_s), "wall_s": lambda: 1.8e9 + now_s}
    with contextlib.closing(Outbox(folder, limits, **clock)) as outbox:
        for now_s in range(0, made, 10 * GROUP):
            outbox.add([Document(MATCHES, event % n) for n in range(now_s, min(now_s + 10 * GROUP, made))])
            if now_s % (1_000 * GROUP) == 0:
                largest = max(largest, outbox.figures().bytes)
    sent = _drained(folder, Lossy(0.0))
    bad = abs(made - len(sent.made) - sent.missing) + max(0, largest - CAP)
    return bad, f"{len(sent.made)} sent, {sent.missing} in {len(sent.gaps)} gaps, at most {largest / 1e6:.0f} MB"


# -- kills ------------------------------------------------------------------------------------------------------------


def kills(count: int) -> Iterator[Row]:
    """Producer, sync and broker are killed, while 30 % of the batches and of the acknowledgements are lost."""
    bad, said = killed(count)
    caught, _ = killed(max(10, count // 10), "--careless")
    yield Row("kills, lossy way", count, bad, "leaves when the nucleus took it", caught, said)


def killed(count: int, *options: str) -> tuple[int, str]:
    """How many events are lost, or nobody made, after so many kills; figures."""
    with tempfile.TemporaryDirectory() as name, cloud(Path(name) / "mosquitto", drops=DROPS) as (mosquitto, far):
        folder = Path(name)
        _strike(folder, mosquitto, count, options)
        sync = _start("sync", folder, mosquitto, *options)
        before = far.store.deliveries
        with contextlib.closing(Outbox(folder / "outbox", read_only=True)) as outbox:
            some = min(500, outbox.figures().depth // 2)
            wait_for(lambda: far.store.deliveries >= before + some, "some of it came over the lossy way", _PATIENCE_S)
        far.drops = 0.0
        with contextlib.closing(Outbox(folder / "outbox", read_only=True)) as outbox:
            wait_for(lambda: outbox.figures().depth == 0, "the outbox is empty", _PATIENCE_S)
        _kill(sync)
        return _compared(folder, far)


def _strike(folder: Path, mosquitto: Mosquitto, count: int, options: tuple[str, ...]) -> None:
    chance = random.Random(7)
    mosquitto.endpoint(THING)
    running = {role: _start(role, folder, mosquitto, *options) for role in ("produce", "sync")}
    for _ in range(count):
        role = chance.choice(sorted(running))
        time.sleep(chance.uniform(0.2, 1.2))  # from before it is up to the middle of its work
        if chance.random() < 0.1:
            mosquitto.stop()
            mosquitto.start()
        _kill(running[role])
        running[role] = _start(role, folder, mosquitto, *options)
    for process in running.values():
        _kill(process)


def _start(role: str, folder: Path, mosquitto: Mosquitto, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(_KILLED), role, str(folder), str(mosquitto.folder), str(mosquitto.port), *options]
    return start_child(command, cwd=_HERE, env={"PYTHONPATH": f"{_HERE}:{_HERE / 'tests'}", "PATH": "/usr/bin"})


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _compared(folder: Path, far: Cloud) -> tuple[int, str]:
    """How many events the cloud has that nobody made, or lacks though they were kept; figures."""
    sent = {event["n"] for event in far.store.made}
    kept, tried = (_names(folder / name) for name in ("kept.log", "tried.log"))
    numbers = sorted(seq for _, _, seq in far.store.events)
    bad = len(kept - sent) + len(sent - tried) + len(set(range(1, numbers[-1] + 1)) - set(numbers)) + far.store.missing
    again = far.store.deliveries - len(far.store.events)
    return bad, f"{len(sent)} made and sent, {again} of them came again"


def _names(file: Path) -> set[int]:
    """The numbers in a log, of which the last line may be torn."""
    lines = file.read_text().split("\n")[:-1]
    return {number for line in lines for number in range(*json.loads(line))}


@contextlib.contextmanager
def _broken(module: Any, name: str, mutant: Callable[..., Any]) -> Iterator[None]:
    """Inside the block, a part of the product is another one."""
    whole = getattr(module, name)
    setattr(module, name, mutant)
    try:
        yield
    finally:
        setattr(module, name, whole)


PARTS: dict[str, tuple[Callable[[int], Iterator[Row]], int, str]] = {
    "offline": (offline, 72, "how many hours without a network the outbox gathers"),
    "month": (month, 30, "how many days it gathers against a cap of 64 MB"),
    "outbox-kills": (kills, 200, "how often its producer and its sync are killed"),
}
"""As updates.PARTS."""
