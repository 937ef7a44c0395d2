"""The device's named shadow: what is reported, how seldom, and that the newest wins."""

import json
import threading
from typing import Any

import pytest

from cloud_sync.clock import Clocks
from cloud_sync.index_report import IndexReport
from cloud_sync.shadow import Part, Shadow, index_part, shadow_topic
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES
from components.nucleus.access import topic_matches


class Cloud:
    """The shadow service, as far as a device uses it: it merges what is reported; null removes."""

    def __init__(self) -> None:
        self.online = True
        self.messages: list[dict[str, Any]] = []
        self.shadow: dict[str, Any] = {}
        self.tried = 0

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        self.tried += 1
        assert (topic, qos) == ("$aws/things/kiosk-1/shadow/name/lookalike/update", 1)
        if not self.online:
            raise UnavailableError("not connected to IoT Core")
        if len(payload) > MAX_MESSAGE_BYTES:
            raise MessageError("too large")
        reported = json.loads(payload)["state"]["reported"]
        self.messages.append(reported)
        merge(self.shadow, reported)


def merge(target: dict[str, Any], changes: dict[str, Any]) -> None:
    """As AWS IoT's shadow service does."""
    for name, value in changes.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            merge(target.setdefault(name, {}), value)
        else:
            target[name] = value


class Device:
    """A shadow on a clock that stands until it is moved."""

    def __init__(self, **more: Any) -> None:
        self.now_s, self.cloud = 1_000.0, Cloud()
        self.index: dict[str, Any] = IndexReport(active=41, state="idle", channel="stable", desired="latest").to_dict()
        self.outbox: dict[str, Any] = {"depth": 0}
        parts = {"index": index_part(lambda: self.index), "outbox": Part(read=lambda: self.outbox)}
        clocks = Clocks(monotonic_s=lambda: self.now_s)
        self.shadow = Shadow(self.cloud, "kiosk-1", parts, clocks=clocks, **more)
        self.shadow.send_due()

    def say(self, **index: Any) -> None:
        self.index = {**self.index, **index}
        self.shadow.send_due()

    def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            self.shadow.send_due()


def test_all_is_reported_at_the_start_and_then_only_what_changed() -> None:
    device = Device()
    (first,) = device.cloud.messages
    assert first == {"index": device.index, "outbox": {"depth": 0}}
    device.say(state="fetching", staged=42)
    assert device.cloud.messages[1:] == [{"index": {"state": "fetching", "staged": 42}}]


def test_shadow_is_what_the_device_says_after_every_step_of_an_update() -> None:
    device = Device()
    for step in (
        {"state": "fetching", "progress": 3},
        {"state": "trial", "progress": 100, "active": 42, "previous": 41},
        {"state": "rolled_back", "active": 41, "previous": None, "reason": "it crashed"},
    ):
        device.say(**step)
        assert device.cloud.shadow["index"] == {k: v for k, v in device.index.items() if v is not None}


def test_nothing_is_sent_while_nothing_changes_but_all_of_it_once_a_day() -> None:
    device = Device(interval_s=86_400.0)
    for _ in range(86_399):
        device.now_s += 1.0
        device.shadow.send_due()
    assert len(device.cloud.messages) == 1
    device.pass_s(1)
    assert device.cloud.messages[1] == device.cloud.messages[0]


def test_progress_of_a_download_is_told_once_a_minute() -> None:
    device = Device()
    for second in range(600):
        device.pass_s(1)
        device.say(progress=second // 6)
    assert 8 <= len(device.cloud.messages) - 1 <= 10
    assert all(set(message["index"]) == {"progress"} for message in device.cloud.messages[1:])


def test_outbox_alone_is_told_every_quarter_of_an_hour_and_travels_along_otherwise() -> None:
    device = Device()
    device.outbox = {"depth": 7}
    device.pass_s(800)
    assert len(device.cloud.messages) == 1
    device.say(state="checking")
    assert device.cloud.messages[1] == {"index": {"state": "checking"}, "outbox": {"depth": 7}}
    device.outbox = {"depth": 8}
    device.pass_s(899)
    assert len(device.cloud.messages) == 2
    device.pass_s(1)
    assert device.cloud.messages[2] == {"outbox": {"depth": 8}}


def test_flapping_state_sends_at_most_twenty_reports_in_any_ten_minutes_and_ends_with_the_truth() -> None:
    device, at_s = Device(), [1_000.0]
    for number in range(2_000):
        before = len(device.cloud.messages)
        device.say(state="failed" if number % 2 else "idle")
        at_s += [device.now_s] * (len(device.cloud.messages) - before)
        device.now_s += 1.0
    assert max(sum(start <= other < start + 600 for other in at_s) for start in at_s) <= 20
    device.pass_s(600)
    assert device.cloud.shadow["index"]["state"] == "failed"


def test_offline_only_the_newest_is_kept_and_pauses_grow() -> None:
    device = Device()
    device.cloud.online = False
    for number in range(3_600):
        device.say(reason=f"problem {number}")
        device.now_s += 1.0
    assert device.cloud.tried < 30
    assert device.shadow.problem == "not connected to IoT Core"
    device.cloud.online = True
    device.pass_s(300)
    assert device.cloud.messages[1:] == [{"index": {"reason": "problem 3599"}}]
    assert device.shadow.problem == ""


def test_what_failed_does_not_use_up_the_limit() -> None:
    device = Device()
    device.cloud.online = False
    device.say(state="checking")
    device.pass_s(32)
    device.cloud.online = True
    device.pass_s(32)
    for state in ("planning", "fetching", "probing"):
        device.say(state=state)
    assert [message["index"]["state"] for message in device.cloud.messages[1:]] == [
        *("checking", "planning", "fetching", "probing")
    ]


def test_what_changed_back_while_offline_is_not_told() -> None:
    device = Device()
    device.cloud.online = False
    device.say(state="failed")
    device.say(state="idle")
    device.cloud.online = True
    device.pass_s(600)
    assert len(device.cloud.messages) == 1


def test_part_and_field_that_are_gone_leave_the_shadow() -> None:
    device = Device()
    device.outbox = {}
    device.pass_s(900)
    assert device.cloud.shadow["outbox"] == {}


def test_device_without_parts_sends_nothing() -> None:
    cloud = Cloud()
    Shadow(cloud, "kiosk-1", {}).send_due()
    assert cloud.tried == 0


def test_longest_report_fits_a_message() -> None:
    text = "가" * 2_000
    device = Device()
    device.index = IndexReport(reason=text, model=text, channel=text, desired=text).to_dict()
    device.shadow.send_due()
    assert len(device.cloud.messages) == 2


def test_a_report_that_cannot_be_sent_ends_nothing() -> None:
    device = Device()
    device.say(reason="x" * MAX_MESSAGE_BYTES)
    assert device.shadow.problem == "too large"
    device.say(reason="short")
    device.pass_s(2)
    assert device.cloud.shadow["index"]["reason"] == "short"


def test_it_runs_until_it_is_stopped() -> None:
    device, stop = Device(), threading.Event()
    thread = threading.Thread(target=device.shadow.run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("thing", ["kiosk-1", "a:b_c-1"])
def test_topic_is_that_of_the_named_shadow(thing: str) -> None:
    assert topic_matches("$aws/things/+/shadow/name/lookalike/update", shadow_topic(thing))
