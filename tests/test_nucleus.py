"""The stand-in nucleus, against the vendor's own client and with real processes."""

import base64
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from awsiot.eventstreamrpc import AccessDeniedError
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2
from awsiot.greengrasscoreipc.model import (
    InvalidArgumentsError,
    ResourceNotFoundError,
    ServiceError,
    UnauthorizedError,
)
from nucleus_support import binary, client, deployment, is_alive, json_message, recipe, wait_for, write_recipes

from components.core.errors import ConfigurationError, UnavailableError
from components.greengrass import SOCKET_VARIABLE, TOKEN_VARIABLE
from components.nucleus.access import MQTT, PUBSUB, Access, topic_matches
from components.nucleus.component_log import ComponentLog
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS, as_recipe_values, json_is_lost
from components.nucleus.nucleus import Nucleus
from components.nucleus.restarts import Restarts
from components.nucleus.wire import Decoder, Flags, Frame, MessageType, encode

ROOT = Path(__file__).parents[1]
SLEEP = "exec sleep 600"
BOTH = (
    recipe("talker", publishes=["a/b"], subscribes=["other"], settings={"k": 8, "deep": {"on": True, "text": "x"}}),
    recipe("listener", publishes=["other"], subscribes=["a/b"]),
)


@pytest.fixture
def nucleus(tmp_path: Path, limits: str) -> Iterator[Nucleus]:
    with Nucleus(deployment(tmp_path, *BOTH, limits=limits)) as running:
        yield running


def listen(to: GreengrassCoreIPCClientV2, topic: str, **more: Any) -> "queue.Queue[Any]":
    heard: queue.Queue[Any] = queue.Queue()
    to.subscribe_to_topic(topic=topic, on_stream_event=heard.put, **more)
    return heard


def small_json() -> dict[str, Any]:
    return {"list": list(range(42))}


# -- topics


def test_message_of_one_component_reaches_the_other(nucleus: Nucleus) -> None:
    with (
        client(nucleus.client_environment("talker")) as talker,
        client(nucleus.client_environment("listener")) as other,
    ):
        heard = listen(other, "a/b")
        talker.publish_to_topic(topic="a/b", publish_message=binary(b"\x00\xffhello"))
        event = heard.get(timeout=5)
        assert (event.binary_message.message, event.binary_message.context.topic) == (b"\x00\xffhello", "a/b")


def test_json_message_reaches_the_other(nucleus: Nucleus) -> None:
    with (
        client(nucleus.client_environment("talker")) as talker,
        client(nucleus.client_environment("listener")) as other,
    ):
        heard = listen(other, "a/b")
        talker.publish_to_topic(topic="a/b", publish_message=json_message({"n": [1, "two"]}))
        assert heard.get(timeout=5).json_message.message == {"n": [1, "two"]}


@pytest.mark.parametrize("topic", ["other", "a/b/c", "a", "#"])
def test_topic_that_the_recipe_does_not_name_is_unauthorized(nucleus: Nucleus, topic: str) -> None:
    with client(nucleus.client_environment("talker")) as talker, pytest.raises(UnauthorizedError):
        talker.publish_to_topic(topic=topic, publish_message=binary(b"x"))


def test_subscription_that_the_recipe_does_not_name_is_unauthorized(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker, pytest.raises(UnauthorizedError):
        listen(talker, "a/b")


def test_wrong_token_is_refused(nucleus: Nucleus) -> None:
    environment = {**nucleus.client_environment(), "SVCUID": "guessed"}
    with pytest.raises(AccessDeniedError), client(environment):
        pass


def test_closed_subscription_hears_no_more(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment()) as own:
        first: queue.Queue[Any] = queue.Queue()
        _, operation = own.subscribe_to_topic(topic="a/b", on_stream_event=first.put)
        operation.close().result(5)
        second = listen(own, "a/b")
        own.publish_to_topic(topic="a/b", publish_message=binary(b"x"))
        second.get(timeout=5)
        assert first.empty()


def test_nothing_is_sent_on_a_stream_that_the_client_closed(nucleus: Nucleus) -> None:
    environment = nucleus.client_environment()
    decoder, answers = Decoder(100_000), []
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(environment[SOCKET_VARIABLE])

        def ask(*frames: Frame) -> None:
            raw.sendall(b"".join(map(encode, frames)))

        def request(stream: int, name: str, body: dict[str, Any]) -> Frame:
            headers = {"operation": f"aws.greengrass#{name}"}
            return Frame(MessageType.APPLICATION_MESSAGE, stream, json.dumps(body).encode(), headers)

        token = json.dumps({"authToken": environment[TOKEN_VARIABLE]}).encode()
        ask(Frame(MessageType.CONNECT, 0, token, {":version": "0.1.0"}))
        ask(request(1, "SubscribeToTopic", {"topic": "a/b"}), request(2, "SubscribeToTopic", {"topic": "a/b"}))
        ask(Frame(MessageType.APPLICATION_MESSAGE, 1, flags=Flags.TERMINATE_STREAM))
        ask(request(3, "PublishToTopic", {"topic": "a/b", "publishMessage": {"binaryMessage": {"message": ""}}}))
        while not answers or answers[-1].stream_id != 3:
            decoder.receive(raw.recv(65_536))
            answers += list(iter(decoder.next_frame, None))
    assert [frame.stream_id for frame in answers] == [0, 1, 2, 2, 3]


def test_wildcard_subscription_hears_others_only(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment()) as own, client(nucleus.client_environment("talker")) as talker:
        heard = listen(own, "a/#")
        own.publish_to_topic(topic="a/b", publish_message=binary(b"own"))
        talker.publish_to_topic(topic="a/b", publish_message=binary(b"other's"))
        assert heard.get(timeout=5).binary_message.message == b"other's"


def test_unknown_operation_is_a_service_error(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment()) as own, pytest.raises(ServiceError):
        own.list_components()


def test_request_without_arguments_is_invalid(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment()) as own, pytest.raises(InvalidArgumentsError):
        own.publish_to_topic(topic="a/b")


# -- limits


@pytest.mark.parametrize("limits", ["lite"])
@pytest.mark.parametrize(("size", "passes"), [(7_300, True), (7_301, False), (8_000, False)])
def test_lite_closes_the_connection_on_a_too_large_message(nucleus: Nucleus, size: int, passes: bool) -> None:
    with client(nucleus.client_environment()) as own:
        heard = listen(own, "a/b")
        try:
            own.publish_to_topic_async(topic="a/b", publish_message=binary(b"x" * size)).result(5)
        except Exception:  # noqa: BLE001  # the client has several for a lost connection
            assert not passes
        assert passes == (not heard.empty())


@pytest.mark.parametrize("limits", ["classic"])
def test_classic_takes_a_large_message(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment()) as own:
        heard = listen(own, "a/b")
        own.publish_to_topic(topic="a/b", publish_message=binary(b"x" * 90_000))
        assert len(heard.get(timeout=5).binary_message.message) == 90_000


@pytest.mark.parametrize("limits", ["lite"])
@pytest.mark.parametrize("value", [{"list": list(range(43))}, {f"k{n}": n for n in range(24)}])
def test_lite_loses_a_large_json_message_and_its_subscriptions_silently(
    nucleus: Nucleus, value: dict[str, Any]
) -> None:
    with client(nucleus.client_environment()) as own:
        heard, elsewhere = listen(own, "a/b"), listen(own, "other")
        own.publish_to_topic(topic="a/b", publish_message=json_message(small_json()))
        assert heard.get(timeout=5)
        own.publish_to_topic(topic="a/b", publish_message=json_message(value))
        own.publish_to_topic(topic="a/b", publish_message=binary(b"after"))
        own.publish_to_topic(topic="other", publish_message=binary(b"after"))
        assert elsewhere.get(timeout=5)
        assert heard.empty()


@pytest.mark.parametrize("limits", ["classic"])
def test_classic_passes_a_large_json_message_on(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment()) as own:
        heard = listen(own, "a/b")
        own.publish_to_topic(topic="a/b", publish_message=json_message({"list": list(range(43))}))
        assert heard.get(timeout=5)


def test_json_is_counted_on_all_levels() -> None:
    lite, classic = LIMITS["lite"], LIMITS["classic"]
    assert not json_is_lost(lite, {"a": [1] * 21, "b": {"c": [1] * 21}})
    assert json_is_lost(lite, {"a": [1] * 21, "b": {"c": [1] * 22}})
    assert json_is_lost(lite, {"a": {str(n): n for n in range(12)}, "b": {str(n): n for n in range(12)}})
    assert not json_is_lost(classic, {"a": [1] * 1000})


# -- configuration


@pytest.mark.parametrize("limits", ["lite"])
def test_lite_hands_over_every_scalar_of_a_recipe_as_a_string(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker:
        assert talker.get_configuration(key_path=["deep"]).value == {"on": "true", "text": "x"}
        assert talker.get_configuration(key_path=["k"]).value == {"k": "8"}
        assert set(talker.get_configuration(key_path=[]).value) == {"k", "deep", "accessControl"}


@pytest.mark.parametrize("limits", ["classic"])
def test_classic_hands_over_typed_values(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker:
        assert talker.get_configuration(key_path=["deep", "on"]).value == {"on": True}


def test_setting_that_is_not_there_is_not_found(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker, pytest.raises(ResourceNotFoundError):
        talker.get_configuration(key_path=["deep", "nothing"])


def test_changed_configuration_is_read_back_and_told(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker:
        before = talker.get_configuration(key_path=["deep"]).value
        told: queue.Queue[Any] = queue.Queue()
        talker.subscribe_to_configuration_update(key_path=["deep"], on_stream_event=told.put)
        talker.update_configuration(key_path=["deep"], value_to_merge={"text": "y", "new": 1})
        assert talker.get_configuration(key_path=["deep"]).value == {**before, "text": "y", "new": 1}
        event = told.get(timeout=5).configuration_update_event
        assert (event.component_name, event.key_path) == ("talker", ["deep", "text"])


def test_values_that_stay_are_not_told(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker:
        told: queue.Queue[Any] = queue.Queue()
        talker.subscribe_to_configuration_update(key_path=[], on_stream_event=told.put)
        talker.update_configuration(key_path=[], value_to_merge=talker.get_configuration(key_path=["k"]).value)
        talker.update_configuration(key_path=[], value_to_merge={"k": "9"})
        told.get(timeout=5)
        assert told.empty()


def test_overrides_come_by_full_or_short_name(tmp_path: Path) -> None:
    one = recipe("com.example.Talker", settings={"k": 8, "deep": {"a": 1, "b": 2}})
    overrides = {"talker": {"k": "5"}, "com.example.Talker": {"deep": {"b": 3}}}
    with Nucleus(deployment(tmp_path, one, overrides=overrides)) as running:
        with client(running.client_environment("talker")) as talker:
            value = talker.get_configuration(key_path=[]).value
        assert (value["k"], value["deep"]) == ("5", {"a": "1", "b": 3})


def test_override_of_an_unknown_component_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no component 'nobody'"):
        Nucleus(deployment(tmp_path, *BOTH, overrides={"nobody": {"k": 1}})).start()


def test_recipe_values() -> None:
    value = {"i": 1, "f": 0.5, "b": False, "n": None, "l": [1, {"x": 2}], "s": "s"}
    assert as_recipe_values(LIMITS["classic"], value) == value
    strings = {"i": "1", "f": "0.5", "b": "false", "n": "", "l": ["1", {"x": "2"}], "s": "s"}
    assert as_recipe_values(LIMITS["lite"], value) == strings


# -- IoT Core


def to_iot_core(own: GreengrassCoreIPCClientV2, text: bytes) -> None:
    own.publish_to_iot_core(topic_name="cloud/x", qos="1", payload=text)


def test_message_to_iot_core_is_logged_and_heard(tmp_path: Path, limits: str) -> None:
    log = tmp_path / "cloud.jsonl"
    with (
        Nucleus(deployment(tmp_path, *BOTH, iot_core_log=log, limits=limits)) as running,
        client(running.client_environment()) as own,
    ):
        heard: queue.Queue[Any] = queue.Queue()
        own.subscribe_to_iot_core(topic_name="cloud/#", qos="1", on_stream_event=heard.put)
        to_iot_core(own, b"up")
        assert heard.get(timeout=5).message.payload == b"up"
    line = json.loads(log.read_text())
    assert (line["topic"], base64.b64decode(line["payload"]), line["qos"]) == ("cloud/x", b"up", "1")


def test_lite_refuses_messages_to_iot_core_while_offline(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, *BOTH, online=False)) as running, client(running.client_environment()) as own:
        with pytest.raises(ServiceError):
            to_iot_core(own, b"up")
        running.set_online(True)
        to_iot_core(own, b"up")


def test_classic_keeps_messages_until_it_is_online(tmp_path: Path) -> None:
    log = tmp_path / "cloud.jsonl"
    settings = deployment(tmp_path, *BOTH, online=False, iot_core_log=log, limits="classic")
    with Nucleus(settings) as running, client(running.client_environment()) as own:
        to_iot_core(own, b"up")
        assert not log.exists()
        running.set_online(True)
        assert len(log.read_text().splitlines()) == 1


def test_component_without_permission_may_not_reach_iot_core(nucleus: Nucleus) -> None:
    with client(nucleus.client_environment("talker")) as talker, pytest.raises(UnauthorizedError):
        to_iot_core(talker, b"up")


# -- permissions


@pytest.mark.parametrize(
    ("resource", "topic", "allowed"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/bc", False),
        ("a.b", "axb", False),
        ("*", "anything/at/all", True),
        ("a/*", "a/b/c", True),
        ("a/*/c", "a/b/c", True),
        ("a/*/c", "a/b/d", False),
        ("a/${*}", "a/*", True),
        ("a/${*}", "a/b", False),
    ],
)
def test_resources_of_a_policy(resource: str, topic: str, allowed: bool) -> None:
    operation = "aws.greengrass#PublishToTopic"
    access = Access({PUBSUB: {"p": {"operations": [operation], "resources": [resource]}}})
    assert access.allows(PUBSUB, operation, topic) is allowed
    assert not access.allows(PUBSUB, "aws.greengrass#SubscribeToTopic", topic)
    assert not access.allows(MQTT, operation, topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [("a/+", "a/b", True), ("a/+", "a/b/c", False), ("#", "a/b", True), ("a/#", "a", True), ("a/b", "a", False)],
)
def test_topic_filters(topic_filter: str, topic: str, matches: bool) -> None:
    assert topic_matches(topic_filter, topic) is matches


# -- processes


def running_pid(nucleus: Nucleus, name: str, *, other_than: int | None = None) -> int:
    def pid() -> int | None:
        status = nucleus.states()[name]
        return status.pid if status.state == "running" and status.pid != other_than else None

    found = wait_for(pid, f"{name} runs")
    assert isinstance(found, int)
    return found


def test_component_runs_in_its_directory_with_what_it_needs(tmp_path: Path, limits: str) -> None:
    one = recipe("teller", 'echo "$PWD|$WORD|$SVCUID|$AWS_IOT_THING_NAME"; exec sleep 600', settings={"word": "hi"})
    one["Manifests"][0]["Lifecycle"]["Setenv"] = {"WORD": "{configuration:/word}-{iot:thingName}"}
    lines: queue.Queue[str] = queue.Queue()
    with Nucleus(
        deployment(tmp_path, one, thing_name="box", limits=limits), lambda name, line: lines.put(line)
    ) as running:
        pwd, word, token, thing = lines.get(timeout=10).split("|")
        assert token == running.client_environment("teller")["SVCUID"]
    assert (pwd, word, thing) == (str(tmp_path / "root" / "work" / "teller"), "hi-box", "box")
    assert "|hi-box|" in (tmp_path / "root" / "logs" / "teller.log").read_text()


def test_source_tree_and_environment_are_linked_where_a_device_has_them(tmp_path: Path, limits: str) -> None:
    one = recipe("c", "test -e {artifacts:decompressedPath}/code/marker && exec {work:path}/venv/bin/python -V")
    one["Manifests"][0]["Lifecycle"]["install"] = "exit 9"
    one["Manifests"][0]["Artifacts"] = [{"URI": "s3://bucket/code.zip", "Unarchive": "ZIP"}]
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "marker").touch()
    settings = deployment(tmp_path, one, source=tmp_path / "source", python_env=Path(sys.prefix), limits=limits)
    with Nucleus(settings) as running:
        running.wait_running()
        wait_for(lambda: running.states()["c"].state == "finished", "it ended well")
        assert running.states()["c"].exit_code == 0


def test_root_inside_the_source_tree_makes_no_endless_path(tmp_path: Path) -> None:
    one = recipe("c")
    one["Manifests"][0]["Artifacts"] = [{"URI": "s3://bucket/code.zip", "Unarchive": "ZIP"}]
    with Nucleus(deployment(tmp_path, one, source=tmp_path)) as running:
        running.wait_running()
    code = tmp_path / "root/packages/artifacts-unarchived/c/1.0.0/code"
    assert [entry.name for entry in code.iterdir()] == ["recipes"]


def test_install_runs_once_before_run(tmp_path: Path) -> None:
    one = recipe("c", 'cat made; rm made; exec sh -c "exit 3"')
    one["Manifests"][0]["Lifecycle"]["install"] = {"Script": "echo installed > made"}
    lines: queue.Queue[str] = queue.Queue()
    with Nucleus(deployment(tmp_path, one), lambda name, line: lines.put(line)) as running:
        assert lines.get(timeout=10) == "installed"
        wait_for(lambda: running.states()["c"].state == "broken", "it was given up")
        assert "No such file" in lines.get(timeout=5)


def test_killed_component_comes_back_with_a_new_pid(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", SLEEP))) as running:
        pid = running_pid(running, "c")
        for _ in range(3):
            os.kill(pid, signal.SIGKILL)
            pid = running_pid(running, "c", other_than=pid)
        assert running.states()["c"].starts == 4


def test_three_failing_exits_stop_it_until_somebody_starts_it_anew(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", "exec false"))) as running:
        wait_for(lambda: running.states()["c"].state == "broken", "it was given up")
        assert (running.states()["c"].starts, running.states()["c"].exit_code) == (3, 1)
        with pytest.raises(UnavailableError, match="c is broken"):
            running.wait_running(0.0)
        running.restart("c")
        wait_for(lambda: running.states()["c"].starts == 6, "it got three new chances")


def test_component_that_ends_well_is_not_started_again(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", "true"), recipe("d", SLEEP))) as running:
        running.wait_running()
        wait_for(lambda: running.states()["c"].state == "finished", "it ended")
        assert running.states()["c"].starts == 1


def test_failures_count_for_an_hour_and_kills_do_not() -> None:
    restarts = Restarts()
    assert restarts.next_pause_s(1, 0.0, 0.0) is not None
    assert restarts.next_pause_s(1, 0.0, 10.0) is not None
    assert restarts.next_pause_s(-signal.SIGKILL, 0.0, 20.0) is not None
    assert restarts.next_pause_s(1, 0.0, 3601.0) is not None
    assert restarts.next_pause_s(-signal.SIGSEGV, 0.0, 3602.0) is None


def test_pauses_grow_and_shrink_again_after_a_steady_run() -> None:
    restarts = Restarts()
    pauses = [restarts.next_pause_s(-signal.SIGKILL, 1.0, 0.0) for _ in range(10)]
    assert pauses == sorted(p for p in pauses if p is not None)
    assert pauses[0] == 0.3
    assert pauses[-1] == 10.0
    assert restarts.next_pause_s(-signal.SIGKILL, 60.0, 0.0) == 0.3


def test_lite_restarts_a_component_whose_configuration_changed(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", SLEEP, settings={"k": 1}))) as running:
        pid = running_pid(running, "c")
        running.configure("c", {"k": "2"})
        second = running_pid(running, "c", other_than=pid)
        running.configure("c", {"k": "2"})
        assert running_pid(running, "c") == second


def test_classic_leaves_a_component_whose_configuration_changed_alone(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", SLEEP, settings={"k": 1}), limits="classic")) as running:
        pid = running_pid(running, "c")
        running.configure("c", {"k": 2})
        with client(running.client_environment("c")) as c:
            assert c.get_configuration(key_path=["k"]).value == {"k": 2}
        assert running_pid(running, "c") == pid


def test_component_that_cannot_be_started_is_given_up_with_the_reason(tmp_path: Path) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", "exec {configuration:/missing}"))) as running:
        wait_for(lambda: running.states()["c"].state == "broken", "it was given up")
    assert "cannot be started: A recipe refers to the setting /missing" in (tmp_path / "root/logs/c.log").read_text()


def test_process_that_left_its_component_does_not_keep_the_nucleus_from_stopping(tmp_path: Path) -> None:
    lines: queue.Queue[str] = queue.Queue()
    one = recipe("c", "setsid sleep 600 & echo $!; exec sleep 600")
    with Nucleus(deployment(tmp_path, one), lambda name, line: lines.put(line)) as running:
        running_pid(running, "c")
        left = int(lines.get(timeout=10))
    assert not running.socket.exists()
    os.kill(left, signal.SIGKILL)


def test_log_of_a_component_is_bounded(tmp_path: Path) -> None:
    log = ComponentLog(tmp_path / "logs" / "c.log", max_bytes=100)
    for number in range(50):
        log.write(b"line %d" % number)
    log.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["c.log", "c.log.1"]
    assert all(file.stat().st_size <= 100 for file in files)
    assert files[0].read_bytes().endswith(b"line 49\n")


def test_component_may_end_in_the_moment_in_which_it_is_started(tmp_path: Path) -> None:
    for attempt in range(5):
        running = Nucleus(deployment(tmp_path, recipe("c", SLEEP)))
        running.start()
        running.stop()
        assert running.states()["c"].state == "stopped", attempt


def test_reported_state_is_kept(tmp_path: Path, limits: str) -> None:
    with Nucleus(deployment(tmp_path, recipe("c", SLEEP), limits=limits)) as running:
        running_pid(running, "c")
        with client(running.client_environment("c")) as c:
            c.update_state(state="RUNNING")
            with pytest.raises(InvalidArgumentsError):
                c.update_state(state="TIRED")
        assert running.states()["c"].reported == "RUNNING"


def test_only_the_chosen_components_start(tmp_path: Path) -> None:
    names = [recipe(name, SLEEP) for name in ("com.x.One", "com.x.Two")]
    with Nucleus(deployment(tmp_path, *names, only=("two",))) as running:
        assert list(running.states()) == ["com.x.Two"]


def test_second_nucleus_in_the_same_root_is_refused(tmp_path: Path) -> None:
    settings = deployment(tmp_path, recipe("c"))
    with Nucleus(settings), pytest.raises(UnavailableError, match="Another nucleus"):
        Nucleus(settings).start()


def test_socket_that_a_killed_nucleus_left_is_replaced(tmp_path: Path) -> None:
    settings = deployment(tmp_path, recipe("c"))
    settings.root.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(settings.root / "ipc.socket"))
    with Nucleus(settings) as running, client(running.client_environment()):
        assert "c" in running.states()


def test_too_long_socket_path_is_refused(tmp_path: Path) -> None:
    settings = deployment(tmp_path, recipe("c"))
    long = Deployment(root=tmp_path / ("x" * 100), recipes=settings.recipes)
    with pytest.raises(ConfigurationError, match="shorter --root"):
        Nucleus(long).start()


# -- the end


def ignores_sigterm(name: str) -> dict[str, Any]:
    return recipe(name, "trap '' TERM; exec sleep 600")


def test_components_that_do_not_listen_are_killed_all_at_the_same_time(tmp_path: Path) -> None:
    running = Nucleus(deployment(tmp_path, *(ignores_sigterm(name) for name in "abcdef"), stop_grace_s=1.0))
    running.start()
    pids = [running_pid(running, name) for name in "abcdef"]
    stopping = threading.Thread(target=running.stop)
    stopping.start()
    # One after the other would take six seconds of grace.
    stopping.join(5.0)
    assert not stopping.is_alive()
    assert not any(map(is_alive, pids))


def test_stop_of_a_nucleus_that_does_not_run_is_harmless(tmp_path: Path) -> None:
    Nucleus(deployment(tmp_path, recipe("c"))).stop()


# The component's own child is a process of another session, so that only the chain of deaths reaches it.
FAMILY = """
import subprocess, sys, time
from components.child import start_child
child = start_child(["sleep", "600"], start_new_session=True)
print("family", child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        line = [sys.executable, "-m", "components.nucleus", "--root", str(tmp_path / "root")]
        line += ["--recipes", str(tmp_path / "recipes"), *arguments]
        started.append(subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def family_pids(process: "subprocess.Popen[str]", root: Path) -> list[int]:
    log = root / "logs" / "c.log"
    words = wait_for(lambda: log.exists() and log.read_text().split(), "the component's child runs")
    child = int(words[1])
    parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    return [parent, child]


def family(tmp_path: Path) -> Path:
    (tmp_path / "family.py").write_text(FAMILY)
    one = recipe("c", f"exec {sys.executable} {tmp_path}/family.py")
    one["Manifests"][0]["Lifecycle"]["Setenv"] = {"PYTHONPATH": str(ROOT)}
    write_recipes(tmp_path / "recipes", one)
    return tmp_path / "root"


def test_killed_nucleus_leaves_no_process(tmp_path: Path, command: Callable[..., "subprocess.Popen[str]"]) -> None:
    root = family(tmp_path)
    process = command()
    pids = family_pids(process, root)
    assert all(map(is_alive, pids))
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(is_alive, pids)), "all of its processes ended")


def test_sigterm_stops_everything(tmp_path: Path, command: Callable[..., "subprocess.Popen[str]"]) -> None:
    root = family(tmp_path)
    process = command()
    pids = family_pids(process, root)
    process.terminate()
    assert process.wait(10) == 0
    wait_for(lambda: not any(map(is_alive, pids)), "all of its processes ended")
    assert not (root / "ipc.socket").exists()


def test_command_line_sets_configuration_and_shows_what_components_print(
    tmp_path: Path, command: Callable[..., "subprocess.Popen[str]"]
) -> None:
    says = "exec echo {configuration:/a} {configuration:/b} {configuration:/c/d} {configuration:/c/e}"
    one = recipe("com.x.Teller", says, settings={"a": 1, "b": 2, "c": {"d": 3, "e": 4}})
    write_recipes(tmp_path / "recipes", one)
    (tmp_path / "settings.yaml").write_text("com.x.Teller: {a: from-file, b: from-file}")
    process = command(
        "--verbose",
        *("--seconds", "1"),
        *("--set", "teller.b=x=y"),
        *("--set", "com.x.Teller.c.d=in-a-group"),
        *("--config", str(tmp_path / "settings.yaml")),
    )
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Teller | from-file x=y in-a-group 4" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "teller"), "not of the form"),
        (("--set", "com.x.Teller=1"), "not of the form"),
        (("--set", "teller..d=1"), "not of the form"),
        (("--set", "nobody.k=1"), "no component 'nobody'"),
        (("--config", "/nowhere.yaml"), "cannot be read"),
        (("--python-env", "/nowhere"), "no Python environment"),
        (("--only", "nobody"), "no component 'nobody'"),
    ],
)
def test_command_line_says_what_is_wrong_in_one_line(
    tmp_path: Path, command: Callable[..., "subprocess.Popen[str]"], arguments: tuple[str, ...], words: str
) -> None:
    write_recipes(tmp_path / "recipes", recipe("com.x.Teller"))
    process = command(*arguments)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert words in output
    assert len(output.splitlines()) == 1
