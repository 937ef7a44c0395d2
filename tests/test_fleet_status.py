"""Status events to the fleet: what is told, how seldom, in whose words, and what never leaves."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nucleus_support import our_deployment, wait_for

from cloud_sync.clock import Clocks
from cloud_sync.features import Features, features_message
from cloud_sync.relay import AWAY_AFTER_S, Relay, RelaySettings
from cloud_sync.status_event import EARLIEST_WALL_S, MAX_EVENT_BYTES
from cloud_sync.token_bucket import TokenBucket
from components.core.errors import MessageError, UnavailableError
from components.core.messages import MAX_MESSAGE_BYTES, QUERY_TOPIC, STATUS_TOPIC, Query, Status, encode
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus
from components.nucleus.nucleus import Nucleus
from components.problems import Problems

ROOT = Path(__file__).parents[1]
OWN, INFER = "cloud_sync", "$aws/things/kiosk-1/infer"
NOW_S = 1_800_000_000.0
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 8


class Cloud:
    """AWS IoT Core as the device sees it; what was sent lies in ``sent``."""

    def __init__(self) -> None:
        self.online = True
        self.sent: list[tuple[str, bytes]] = []
        self.tried = 0

    def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
        self.tried += 1
        if not self.online:
            raise UnavailableError("not connected to IoT Core")
        self.sent.append((topic, payload))

    def events(self, component: str = "featurizer") -> list[dict[str, Any]]:
        told = [json.loads(payload) for topic, payload in self.sent if topic == "lookalike/kiosk-1/status"]
        return [event for event in told if event["component"] == component]

    def words(self) -> list[str]:
        return [event["message"] for event in self.events() if event["message"]]

    def on(self, topic: str) -> list[bytes]:
        return [payload for to, payload in self.sent if to == topic]


class Fleet:
    """A relay on clocks that stand until they are moved."""

    def __init__(self, wall_s: float = NOW_S, **settings: Any) -> None:
        self.now_s, self.wall_s, self.cloud = 1_000.0, wall_s, Cloud()
        clocks = Clocks(wall_s=lambda: self.wall_s, monotonic_s=lambda: self.now_s)
        self.relay = Relay(self.cloud, "kiosk-1", OWN, RelaySettings(**settings), clocks)

    def say(self, state: str = "running", reason: str = "", component: str = "featurizer", **details: Any) -> None:
        self.relay.hear(Status(component=component, state=state, reason=reason, details=details))
        self.relay.send_due()

    def after(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_s += seconds
        self.relay.send_due()


def test_concerns_name_what_is_not_well() -> None:
    health = Problems()
    assert health.concerns == ""
    health.note("model", "The model cannot be read.")
    health.note("camera", "The camera is away.")
    assert health.concerns == "camera model"
    health.note("model", "")
    assert health.concerns == "camera"


def test_event_says_who_how_and_when() -> None:
    fleet = Fleet()
    fleet.say("degraded", "The camera is away.", frames=3)
    assert fleet.cloud.events() == [
        {
            "version": 1,
            "kind": "status",
            "thing": "kiosk-1",
            "component": "featurizer",
            "state": "degraded",
            "reason": "The camera is away.",
            "message": "frame retrieved",
            "details": {"frames": 3},
            "at": NOW_S,
            "clock_unsynced": False,
            "age_s": 0.0,
            "seq": 1,
            "suppressed": 0,
        }
    ]


def test_nothing_is_told_while_nothing_changes_except_now_and_then() -> None:
    fleet = Fleet()
    for _ in range(179):
        fleet.say()
        fleet.after(5)
    assert len(fleet.cloud.events()) == 1
    fleet.say()
    fleet.after(5)
    assert len(fleet.cloud.events()) == 2
    assert fleet.cloud.events()[-1]["message"] == ""


def test_predecessors_words_come_in_their_order_and_once() -> None:
    fleet = Fleet()
    fleet.say("starting", frames=0, concerns="")
    for frames in range(1, 6):
        fleet.say("running", frames=frames, concerns="", model="0a1b2c")
    assert fleet.cloud.words() == ["Model optimization SUCCEEDED", "Model loaded SUCCESSFULLY", "frame retrieved"]


def test_frames_are_told_only_when_that_changes() -> None:
    fleet = Fleet(limit=100)
    fleet.say("running", frames=9, concerns="")
    for _ in range(3):
        fleet.say("degraded", "The camera has given no frame.", frames=9, concerns="camera")
    for frames in (10, 11):
        fleet.say("running", frames=frames, concerns="")
    assert fleet.cloud.words() == ["frame retrieved", "FAILED to get frame", "frame retrieved"]


def test_model_that_cannot_be_used_is_told_and_a_new_one_too() -> None:
    fleet = Fleet(limit=100)
    fleet.say("degraded", "model.bin is damaged.", concerns="model", frames=0)
    fleet.say("running", concerns="", frames=0, model="aaa")
    fleet.say("running", concerns="", frames=0, model="bbb")
    good = ["Model optimization SUCCEEDED", "Model loaded SUCCESSFULLY"]
    assert fleet.cloud.words() == ["Model optimization FAILED", *good, *good]


def test_words_are_the_featurizers_alone() -> None:
    fleet = Fleet()
    fleet.say(component="searcher", model="aaa", frames=3, concerns="camera")
    assert [event["message"] for event in fleet.cloud.events("searcher")] == [""]


def test_old_topic_has_the_same_words_as_they_are() -> None:
    fleet = Fleet(legacy_topic=INFER)
    fleet.say("running", frames=1, model="aaa")
    fleet.say("degraded", "The camera is away.", frames=1, model="aaa", concerns="camera")
    assert [payload.decode() for payload in fleet.cloud.on(INFER)] == fleet.cloud.words()
    assert len(fleet.cloud.words()) == 4


def test_old_topic_is_off_by_default() -> None:
    fleet = Fleet()
    fleet.say("running", frames=1, model="aaa")
    assert {topic for topic, _ in fleet.cloud.sent} == {"lookalike/kiosk-1/status"}


def test_flapping_component_sends_at_most_ten_events_in_any_ten_minutes() -> None:
    fleet, at_s = Fleet(), []
    for number in range(2_000):
        before = len(fleet.cloud.events())
        fleet.say("degraded" if number % 2 else "running", "flaps" if number % 2 else "")
        at_s += [fleet.now_s] * (len(fleet.cloud.events()) - before)
        fleet.after(1)
    assert len(at_s) > 10
    assert max(sum(start <= other < start + 600 for other in at_s) for start in at_s) <= 10
    told = fleet.cloud.events()
    assert sum(event["suppressed"] for event in told) + len(told) in range(1_700, 2_001), "the others are counted"


def test_other_component_is_told_while_one_flaps() -> None:
    fleet = Fleet()
    for number in range(50):
        fleet.say("degraded", f"problem {number}")
    fleet.say("degraded", "no index", component="searcher")
    assert [event["reason"] for event in fleet.cloud.events("searcher")] == ["no index"]


def test_last_state_of_a_flapping_component_is_told_in_the_end() -> None:
    fleet = Fleet()
    for number in range(51):
        fleet.say("degraded", f"problem {number}")
    fleet.after(600)
    assert fleet.cloud.events()[-1]["reason"] == "problem 50"


@pytest.mark.parametrize("limit", [2, 5, 10, 33])
def test_bucket_never_gives_more_than_its_limit_in_a_window(limit: int) -> None:
    bucket = TokenBucket(limit, 60)
    taken = [now_s for now_s in range(600) if bucket.take(now_s)]
    assert max(sum(start <= other < start + 60 for other in taken) for start in taken) <= limit
    assert len(taken) > 4


def test_offline_only_the_newest_of_each_component_is_kept() -> None:
    fleet = Fleet()
    fleet.cloud.online = False
    for number in range(200):
        fleet.say("degraded", f"problem {number}")
        fleet.say("degraded", f"trouble {number}", component="searcher")
        fleet.after(1)
    fleet.cloud.online = True
    fleet.after(300)
    assert [event["reason"] for event in fleet.cloud.events()] == ["problem 199"]
    assert [event["reason"] for event in fleet.cloud.events("searcher")] == ["trouble 199"]
    (event,) = fleet.cloud.events()
    assert event["suppressed"] == 199
    assert event["at"] == NOW_S + 199, "when it changed, not when it was sent"
    assert event["age_s"] == fleet.now_s - 1_000 - 199


def test_offline_pauses_grow_and_end_when_it_works_again() -> None:
    fleet = Fleet()
    fleet.cloud.online = False
    fleet.say("degraded", "x")
    for _ in range(3_600):
        fleet.after(1)
    assert 10 < fleet.cloud.tried < 30
    assert fleet.relay.figures.problem == "not connected to IoT Core"
    fleet.cloud.online = True
    fleet.after(300)
    assert fleet.relay.figures.problem == ""
    for number in range(4):
        fleet.say("degraded", f"problem {number}")
    assert len(fleet.cloud.events()) == 5, "what failed did not use up the limit"


def test_clock_that_was_never_set_is_said() -> None:
    for wall_s, unsynced in ((0.0, True), (EARLIEST_WALL_S - 1, True), (EARLIEST_WALL_S, False)):
        fleet = Fleet(wall_s=wall_s)
        fleet.say()
        assert fleet.cloud.events()[0]["clock_unsynced"] is unsynced


def test_clock_that_is_set_while_offline_gives_the_right_time() -> None:
    fleet = Fleet(wall_s=0.0)
    fleet.cloud.online = False
    fleet.say("degraded", "x")
    fleet.after(60)
    fleet.cloud.online, fleet.wall_s = True, NOW_S
    fleet.after(300)
    (event,) = fleet.cloud.events()
    assert (event["at"], event["age_s"], event["clock_unsynced"]) == (NOW_S + 300 - 360, 360.0, False)


def test_silent_component_is_away_and_comes_back() -> None:
    fleet = Fleet()
    fleet.say()
    for _ in range(10):
        fleet.after(AWAY_AFTER_S / 6)
        fleet.say(component=OWN)
    assert [event["state"] for event in fleet.cloud.events()] == ["running", "away"]
    fleet.say()
    assert fleet.cloud.events()[-1]["state"] == "running"


def test_nobody_is_away_while_the_bus_is() -> None:
    fleet = Fleet()
    fleet.say()
    fleet.say(component=OWN)
    fleet.after(10 * AWAY_AFTER_S)
    assert [event["state"] for event in fleet.cloud.events()] == ["running"]


def test_event_is_never_larger_than_it_may_be() -> None:
    fleet = Fleet()
    details = {f"{'한' * 20} {number}": "글 " * 60 for number in range(12)}
    fleet.relay.hear(Status(component="featurizer", state="degraded", reason="가 " * 250, details=details))
    fleet.relay.send_due()
    (_, payload), (event,) = fleet.cloud.sent[0], fleet.cloud.events()
    assert 3_000 < len(payload) <= MAX_EVENT_BYTES
    assert event["reason"].startswith("가"), "what is said stays, some details do not"


def vector(dim: int = 1_280, signed: bool = False) -> "np.ndarray[Any, np.dtype[np.float32]]":
    made = np.random.default_rng(7).standard_normal(dim).astype(np.float32)
    made = made if signed else np.abs(made)
    return np.asarray(made / np.linalg.norm(made), np.float32)


def query(embedding: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
    return encode(Query(query_id="q", embedding=embedding, model="0" * 64))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dim", [4, 512, 1_280])
def test_features_are_the_predecessors_message_and_the_same_vector(dim: int, signed: bool) -> None:
    embedding = vector(dim, signed)
    data = features_message(embedding)
    assert len(data) <= MAX_MESSAGE_BYTES
    assert re.fullmatch(rb'\{ "features": "[-.0-9]+(,[-.0-9]+)*" \}', data)
    read = np.array([float(text) for text in json.loads(data)["features"].split(",")])
    assert read.size == dim
    assert float(read @ embedding) / float(np.linalg.norm(read)) > 0.9995


def test_embedding_that_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(MessageError, match="2048 numbers do not fit"):
        features_message(vector(2_048))


def test_features_are_at_most_one_in_an_interval_and_the_newest() -> None:
    cloud, now_s = Cloud(), [100.0]
    features = Features(cloud, INFER, 10.0, lambda: now_s[0])
    for number in range(100):
        features.hear(query(vector(dim=number + 1)))
        features.send_due()
        now_s[0] += 1.0
    sizes = [len(json.loads(payload)["features"].split(",")) for payload in cloud.on(INFER)]
    assert sizes == [1 + 10 * number for number in range(10)]


def test_features_wait_while_offline_and_go_on() -> None:
    cloud, now_s = Cloud(), [100.0]
    features = Features(cloud, INFER, 1.0, lambda: now_s[0])
    cloud.online = False
    for _ in range(600):
        features.hear(query(vector(8)))
        features.send_due()
        now_s[0] += 1.0
    assert cloud.tried < 15
    assert "not connected" in features.problem
    cloud.online = True
    now_s[0] += 300
    features.hear(query(vector(8)))
    features.send_due()
    assert (len(cloud.on(INFER)), features.problem) == (1, "")


class Device:
    """The component on the stand-in nucleus, started as its recipe says, and a client that plays the others."""

    def __init__(self, tmp_path: Path, limits: str, **settings: Any) -> None:
        self.log = tmp_path / "cloud.jsonl"
        self.nucleus = Nucleus(
            our_deployment(
                tmp_path,
                limits,
                only=("cloudsync",),
                iot_core_log=self.log,
                thing_name="kiosk-1",
                overrides={"cloudsync": settings},
            )
        )

    def __enter__(self) -> "Device":
        self.nucleus.start()
        environment = self.nucleus.client_environment()
        self.bus = GreengrassBus(environment[SOCKET_VARIABLE], environment[TOKEN_VARIABLE])
        heard = threading.Event()
        self.bus.subscribe(STATUS_TOPIC, lambda payload: heard.set())
        assert heard.wait(20), "it said how it is"
        return self

    def __exit__(self, *_: object) -> None:
        self.bus.close()
        self.nucleus.stop()

    def say(self, state: str, reason: str, **details: Any) -> None:
        self.bus.publish(
            STATUS_TOPIC, encode(Status(component="featurizer", state=state, reason=reason, details=details))
        )

    def sent(self) -> list[tuple[str, bytes]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        messages = [json.loads(line) for line in lines]
        return [(message["topic"], _payload(message["payload"])) for message in messages]

    def events(self) -> list[dict[str, Any]]:
        told = [json.loads(payload) for topic, payload in self.sent() if topic == "lookalike/kiosk-1/status"]
        return [event for event in told if event["component"] == "featurizer"]

    def words(self) -> list[str]:
        return [payload.decode() for topic, payload in self.sent() if topic == INFER]

    def told(self, reason: str) -> bool:
        return any(event["reason"] == reason for event in self.events())


def _payload(text: str) -> bytes:
    return base64.b64decode(text)


def test_device_tells_the_fleet_online_and_after_it_was_offline(tmp_path: Path, limits: str) -> None:
    with Device(tmp_path, limits, legacy_topic="true", status_limit="100") as device:
        device.say("running", "", frames=1, model="aaa", concerns="")
        wait_for(lambda: len(device.words()) == 3, "the first events came")
        device.nucleus.set_online(False)
        for number in range(3):
            device.say("degraded", f"problem {number}", frames=1, model="aaa", concerns="camera")
        device.nucleus.set_online(True)
        wait_for(lambda: device.told("problem 2"), "the newest came when it was online again")
        wait_for(lambda: len(device.words()) == 4, "the old topic, too")
    good = ["Model optimization SUCCEEDED", "Model loaded SUCCESSFULLY", "frame retrieved"]
    assert device.words() == [*good, "FAILED to get frame"]
    assert device.nucleus.states()["com.lookalike.CloudSync"].exit_code == 0
    assert all(len(payload) <= MAX_EVENT_BYTES for _, payload in device.sent())


def traces(embedding: "np.ndarray[Any, np.dtype[np.float32]]") -> Iterator[bytes]:
    """How an embedding or a picture could show in a payload: raw, in base64, in hex, as numbers; a part is enough."""
    for raw in (embedding.astype("<f2").tobytes()[32:], embedding.tobytes()[32:], PICTURE[2:], PICTURE[300:]):
        yield from (raw[:12], base64.b64encode(raw[:-2])[4:24], raw.hex()[:24].encode())
    yield ",".join(f"{value:.3f}" for value in embedding[2:6]).encode()


def test_no_picture_and_no_embedding_leaves_the_device(tmp_path: Path, limits: str) -> None:
    embedding = vector()
    with Device(tmp_path, limits, legacy_topic="true") as device:
        for _ in range(20):
            device.bus.publish(QUERY_TOPIC, query(embedding))
        csv = ",".join(f"{value:.3f}" for value in embedding[:300])
        device.say("degraded", f"why {csv[:480]}", frames=1, csv=csv, hex=PICTURE.hex()[:900])
        device.say("degraded", "done", base=base64.b64encode(PICTURE[:900]).decode(), bytes=repr(PICTURE[:60]))
        wait_for(lambda: device.told("done"), "the last event came")
        payloads = [payload for _, payload in device.sent()]
    for trace in traces(embedding):
        assert not [payload for payload in payloads if trace in payload], trace
    assert not [payload for topic, payload in device.sent() if topic == INFER and b"features" in payload]


def test_password_of_the_camera_stays() -> None:
    fleet = Fleet()
    fleet.say("degraded", "rtsp://admin:geheim@192.0.2.7/x fails", source="http://192.0.2.7/v.cgi?user=a&pwd=geheim")
    (event,) = fleet.cloud.events()
    assert "geheim" not in json.dumps(event)
    assert event["reason"] == "rtsp://***@192.0.2.7/x fails"


def test_features_leave_when_a_deployment_asks_for_them(tmp_path: Path, limits: str) -> None:
    embedding = vector()
    with Device(tmp_path, limits, features="true", features_interval_s="0.5") as device:

        def came() -> bool:
            device.bus.publish(QUERY_TOPIC, query(embedding))
            return any(topic == INFER for topic, _ in device.sent())

        wait_for(came, "features came")
        payload = next(payload for topic, payload in device.sent() if topic == INFER)
    assert payload == features_message(embedding.astype(np.float16).astype(np.float32))
