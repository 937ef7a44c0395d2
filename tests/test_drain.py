"""cloud_sync empties the outbox: nothing leaves it before the cloud has it, whatever the way there does."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.downlink import Downlink
from cloud_sync.drain import Drain, DrainSettings, outbox_topic
from cloud_sync.flight import REFUSED_AFTER
from components.core.errors import UnavailableError
from components.core.match_events import as_json
from components.core.outbox_documents import FEEDBACK, MATCHES, MAX_BATCH_BYTES, TAUGHT, Document
from components.outbox import Outbox, Waiting
from tests.cloud_kit import Store

THING = "kiosk-1"


class Way:
    """The way to the cloud and back, on a clock of its own; a test decides what becomes of each batch."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.now_s = 1_000.0
        self.store = Store()
        self.online = True
        self.takes: Callable[[bytes], bool] = lambda _: True
        """Whether a batch that was sent arrives; the nucleus says "ok" all the same."""
        self.acknowledges = settings.get("acknowledged", True)
        self.published: list[tuple[str, bytes]] = []
        self.outbox = Outbox(folder)
        self.settings = DrainSettings(**{"gather_s": 0.0, "batches_per_s": 1e6, **settings})
        self.drain = self._drain()

    def _drain(self) -> Drain:
        return Drain(self.outbox, self, THING, self.settings, lambda: self.now_s, lambda: 1.8e9)

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        if not self.online:
            raise UnavailableError("not connected to IoT Core")
        assert qos == 1
        self.published.append((topic, payload))
        if self.takes(payload):
            _, acknowledgement = self.store.keep(payload)
            if self.acknowledges:
                self.drain.hear(acknowledgement)

    def add(self, *names: object, kind: str = MATCHES, size: int = 300) -> None:
        self.outbox.add([Document(kind, as_json({"n": name, "pad": "x" * size})) for name in names])

    def pass_s(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += self.drain.send_due()

    def restart(self) -> None:
        """cloud_sync begins anew: it knows nothing of what it sent."""
        self.drain = self._drain()

    @property
    def waiting(self) -> int:
        return self.outbox.figures().depth

    @property
    def arrived(self) -> list[Any]:
        return [event["n"] for event in self.store.made]


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    made = Way(tmp_path)
    with contextlib.closing(made.outbox):
        yield made


def test_everything_arrives_once_in_order_in_small_messages(way: Way) -> None:
    way.add(*range(1_000))
    way.pass_s(30)
    assert (way.arrived, way.waiting) == (list(range(1_000)), 0)
    assert way.store.deliveries == 1_000
    assert 4_000 < way.store.largest <= MAX_BATCH_BYTES
    assert {topic for topic, _ in way.published} == {outbox_topic(THING, MATCHES)}


def test_nothing_leaves_the_outbox_before_it_is_acknowledged(way: Way) -> None:
    way.acknowledges = False
    way.add(*range(20))
    way.pass_s(3_600)
    assert (len(way.arrived), way.waiting) == (20, 20)
    way.acknowledges = True
    way.pass_s(3_600)
    assert way.waiting == 0


def test_what_the_nucleus_took_and_lost_is_sent_again(way: Way) -> None:
    lost = iter([False, False, True])
    way.takes = lambda _: next(lost, True)
    way.add(*range(5))
    way.pass_s(10)
    assert (way.arrived, way.waiting) == ([], 5)
    way.pass_s(60)
    assert (way.arrived, way.waiting) == (list(range(5)), 0)


def test_while_nothing_arrives_ever_fewer_messages_are_sent(way: Way) -> None:
    way.takes = lambda _: False
    way.add(*range(500))
    way.pass_s(3_600)
    first_hour = len(way.published)
    way.pass_s(3_600)
    assert first_hour < 25
    assert len(way.published) - first_hour <= 8
    way.takes = lambda _: True
    way.pass_s(960)
    assert (sorted(way.arrived), way.waiting) == (list(range(500)), 0)


@pytest.mark.parametrize("seed", range(3))
def test_way_that_drops_a_third_both_ways_loses_nothing(way: Way, seed: int) -> None:
    chance = random.Random(seed)
    way.takes = lambda _: chance.random() > 0.3
    for _ in range(20):
        way.add(*range(len(way.store.events), len(way.store.events) + 30))
        way.acknowledges = chance.random() > 0.3
        way.pass_s(60)
    way.acknowledges = True
    made = way.outbox.figures().depth + len(way.store.events)
    way.takes = lambda _: True
    way.pass_s(1_000)
    assert way.waiting == 0
    assert {seq for _, _, seq in way.store.events} == set(range(1, len(way.store.events) + 1))
    assert len(way.store.events) <= made
    assert way.store.gaps == []


def test_offline_nothing_is_lost_and_the_pauses_grow(way: Way) -> None:
    way.online = False
    way.add(*range(100))
    tries = 0

    def count(payload: bytes) -> bool:
        nonlocal tries
        tries += 1
        return True

    way.pass_s(7_200)
    assert (way.arrived, way.waiting, way.drain.report()["problem"]) == ([], 100, "not connected to IoT Core")
    way.online, way.takes = True, count
    way.pass_s(400)
    assert (way.arrived, way.waiting) == (list(range(100)), 0)
    assert "problem" not in way.drain.report()


def test_urgent_events_go_before_the_matches(way: Way) -> None:
    way.online = False
    way.add(*range(200))
    way.pass_s(5)
    way.add("taught", kind=TAUGHT)
    way.add("verdict", kind=FEEDBACK)
    way.online = True
    way.pass_s(20)
    place = {name: position for position, name in enumerate(way.arrived)}
    assert place["verdict"] < place[50]
    assert place["taught"] < place[50]
    assert way.waiting == 0


def test_matches_are_gathered_for_one_message_and_verdicts_are_not(tmp_path: Path) -> None:
    way = Way(tmp_path, gather_s=10.0)
    for second in range(9):
        way.add(second, size=20)
        way.pass_s(1)
    way.add("verdict", kind=FEEDBACK)
    way.pass_s(0.6)
    assert way.arrived == ["verdict"]
    way.pass_s(3)
    assert len(way.published) == 2
    assert way.arrived == ["verdict", *range(9)]


def test_sending_is_paced(tmp_path: Path) -> None:
    way = Way(tmp_path, batches_per_s=2.0)
    way.add(*range(500))
    way.pass_s(10)
    assert 18 <= len(way.published) <= 21


def test_after_a_restart_what_was_under_way_is_sent_again(way: Way) -> None:
    way.acknowledges = False
    way.add(*range(30))
    way.pass_s(2)
    way.restart()
    way.acknowledges = True
    way.pass_s(5)
    assert (way.arrived, way.waiting) == (list(range(30)), 0)
    assert way.store.deliveries > 30


def test_event_that_the_cloud_never_takes_is_put_aside_and_holds_up_nobody(way: Way) -> None:
    way.takes = lambda payload: b'"poison"' not in payload
    way.add(*range(50), "poison", *range(50, 100))
    for more in range(100, 100 + 4 * REFUSED_AFTER):
        way.add(more)
        way.pass_s(16)
    way.pass_s(60)
    assert sorted(way.arrived) == list(range(100 + 4 * REFUSED_AFTER))
    (gap,) = way.store.gaps
    assert (gap["reason"], gap["events"], gap["first_seq"], gap["last_seq"]) == ("refused", 1, 51, 51)
    assert (way.waiting, way.drain.report()["quarantined"]) == (0, 1)


def test_event_that_is_too_large_is_put_aside(way: Way) -> None:
    way.add(1, 2)
    way.add("large", size=5_000)
    way.add(3)
    way.pass_s(10)
    assert (way.arrived, way.store.missing, way.waiting) == ([1, 2, 3], 1, 0)


def test_acknowledgements_of_others_and_of_other_times_change_nothing(way: Way) -> None:
    way.acknowledges = False
    way.add(*range(5))
    way.pass_s(2)
    epoch = way.outbox.figures().epoch
    good = {"thing": THING, "epoch": epoch, "kind": MATCHES, "first_seq": 1, "last_seq": 5}
    for change in ({"thing": "kiosk-2"}, {"epoch": "other"}, {"kind": TAUGHT}, {"last_seq": 6}, {"first_seq": 0}):
        way.drain.hear(as_json({**good, **change}))
    way.drain.hear(b"nonsense")
    way.pass_s(2)
    assert way.waiting == 5
    way.drain.hear(as_json(good))
    way.pass_s(2)
    assert way.waiting == 0


def test_acknowledgement_of_a_database_that_is_gone_removes_nothing_of_the_new_one(way: Way, tmp_path: Path) -> None:
    way.acknowledges = False
    way.add(*range(5))
    way.pass_s(2)
    old = way.outbox.figures().epoch
    (tmp_path / "outbox.2.sqlite").touch()  # as the searcher does where the first is damaged
    way.add("new")
    way.drain.hear(as_json({"thing": THING, "epoch": old, "kind": MATCHES, "first_seq": 1, "last_seq": 5}))
    way.pass_s(5)
    assert way.waiting == 1
    way.acknowledges = True
    way.pass_s(60)
    assert (way.arrived, way.waiting) == ([*range(5), "new"], 0)


class Failing(Outbox):
    """An outbox whose disk fails once, just after another epoch was noticed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.epochs: list[str] = []

    def waiting(self, kind: str, after_seq: int = 0, limit: int = 200) -> Waiting:
        waiting = super().waiting(kind, after_seq, limit)
        self.epochs.append(waiting.epoch)
        if self.epochs.count(waiting.epoch) == 2 and waiting.epoch != self.epochs[0]:
            raise UnavailableError("the disk takes a rest")
        return waiting


def test_what_arrived_of_one_epoch_removes_nothing_of_the_next_also_when_the_disk_fails(tmp_path: Path) -> None:
    now_s, sent, folder = [100.0], list[dict[str, Any]](), tmp_path / "outbox"

    class Cloud:
        def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
            sent.append(json.loads(payload))

    outbox = Failing(folder)
    drain = Drain(outbox, Cloud(), "thing", DrainSettings(gather_s=0), monotonic_s=lambda: now_s[0])
    outbox.add([Document(MATCHES, b'{"old":1}')] * 3)
    drain.send_due()
    drain.hear(json.dumps(sent[0]).encode())
    outbox.close()
    (folder / "outbox.1.sqlite").rename(folder / "outbox.0.sqlite")
    with contextlib.closing(Outbox(folder / "other")) as other:
        other.add([Document(MATCHES, b'{"new":1}')] * 3)
    (folder / "other" / "outbox.1.sqlite").rename(folder / "outbox.2.sqlite")
    drain._remove_s = now_s[0] + 2.0  # what has arrived waits to be removed
    for _ in range(5):
        now_s[0] += 1.1
        drain.send_due()
    with contextlib.closing(Outbox(folder)) as left:
        assert len(left.waiting(MATCHES).rows) == 3
    outbox.close()


def test_without_a_rule_what_was_taken_counts_as_arrived_15_minutes_later(tmp_path: Path) -> None:
    way = Way(tmp_path, acknowledged=False)
    way.add(*range(100))
    way.pass_s(880)
    assert (len(way.arrived), way.waiting) == (100, 100)
    way.pass_s(30)
    assert way.waiting == 0
    assert way.store.deliveries == 100


def test_without_a_rule_a_lost_way_has_the_last_15_minutes_sent_again(tmp_path: Path) -> None:
    way = Way(tmp_path, acknowledged=False)
    way.takes = lambda _: False  # the nucleus says "ok", and its connection is dead already
    way.add(*range(100))
    way.pass_s(600)
    way.online = False
    way.add("last")
    way.pass_s(5)
    way.online, way.takes = True, lambda _: True
    way.pass_s(1_000)
    assert (way.arrived, way.waiting) == ([*range(100), "last"], 0)


def test_report_says_what_waits(way: Way) -> None:
    assert way.drain.report() == {}
    way.online = False
    way.add(1, 2)
    way.pass_s(6)
    report = way.drain.report()
    assert (report["depth"], report["lost"], report["quarantined"]) == (2, 0, 0)
    assert int(report["bytes"]) > 0
    assert int(report["oldest_s"]) >= 0


def test_outbox_that_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    way = Way(tmp_path / "outbox")
    way.pass_s(5)
    assert "cannot be used" in str(way.drain.report()["problem"])
    (tmp_path / "outbox").unlink()
    way.add(1)
    way.pass_s(60)
    assert way.arrived == [1]


class Cloud:
    """AWS IoT Core's side of a bus."""

    def __init__(self) -> None:
        self.handlers: list[tuple[str, Callable[[bytes], None]]] = []

    def subscribe_to_iot_core(self, topic: str, handler: Callable[[bytes], None]) -> None:
        self.handlers.append((topic, handler))


def test_work_that_begins_anew_hears_alone_what_the_cloud_says() -> None:
    cloud, heard = Cloud(), []
    downlink = Downlink(cloud)
    downlink.hear("a", lambda payload: heard.append(("old", payload)))
    downlink.hear("a", lambda payload: heard.append(("new", payload)))
    ((topic, handler),) = cloud.handlers
    handler(json.dumps(1).encode())
    assert (topic, heard) == ("a", [("new", b"1")])
