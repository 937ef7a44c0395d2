"""Bad messages and damaged generations, with all components as processes on the bus of both nuclei."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from generations import flip_byte, items, unit_vectors
from generations import query as query_of
from generations import write_generation as write_vectors
from nucleus_support import binary, client, wait_for

from components.core import messages
from components.core.generations import FORMAT, ModelRef
from components.core.messages import PICTURE_TOPIC, RESULT_TOPIC
from components.store import Store
from tests.device_kit import COMPONENTS, Running, running_device


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, limits: str) -> Iterator[Running]:
    with running_device(tmp_path_factory.mktemp("device"), limits) as running:
        yield running


def test_messages_of_another_version_and_too_large_ones_stop_no_component(device: Running) -> None:
    before = device.pids()
    bad = [b'{"format":2,"kind":"%s"}' % kind for kind in (b"query", b"picture", b"result", b"status")]
    bad += [b"", b"\xff", b"[" * 6_999, b"x" * (messages.MAX_MESSAGE_BYTES + 100)]
    topics = (messages.QUERY_TOPIC, PICTURE_TOPIC, RESULT_TOPIC, messages.STATUS_TOPIC)
    with client(device.nucleus.client_environment()) as operator:
        for topic in topics:
            for data in bad:
                operator.publish_to_topic(topic=topic, publish_message=binary(data))
        future = messages.encode(query_of(unit_vectors(200)[7], query_id="future")).replace(
            b'"format":1', b'"format":2'
        )
        operator.publish_to_topic(topic=messages.QUERY_TOPIC, publish_message=binary(future))
    with contextlib.suppress(Exception), client(device.nucleus.client_environment()) as operator:
        operator.publish_to_topic(topic=topics[0], publish_message=binary(b"x" * 50_000))
    told = dict(device.counts)
    wait_for(lambda: all(device.counts[name] > told[name] for name in COMPONENTS), "all components go on", 30)
    assert device.pids() == before
    # Before anything is understood again: then it is told no more.
    wait_for(lambda: "could not be read" in device.statuses["cloud_sync"].reason, "what was not understood is told")
    vectors = unit_vectors(200)
    assert device.ask(vectors[7], "after").matches[0].item_id == "item-7"
    assert "future" not in device.results


def test_a_query_of_another_model_is_refused_on_the_bus(device: Running) -> None:
    found = device.ask(unit_vectors(200)[7], "foreign", model="b" * 64)
    assert (found.decision, found.matches) == ("no_match", ())
    assert "was built with model" in found.reason
    wait_for(lambda: device.statuses["searcher"].state == "degraded", "the searcher says so")
    assert "build the index with the camera's model" in device.statuses["searcher"].reason


def flip(store: Store, seq: int) -> None:
    flip_byte(vectors_of(store, seq))


def lose(store: Store, seq: int) -> None:
    vectors_of(store, seq).unlink()


def date_ahead(store: Store, seq: int) -> None:
    path = store.index_dir / "generations" / f"{seq}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 9}))


def vectors_of(store: Store, seq: int) -> Path:
    return store.object_path(store.manifest(seq).segments[0].vectors.sha256)


@pytest.mark.parametrize(
    ("seq", "damage", "said"),
    [(2, flip, "is damaged"), (3, lose, "is missing"), (4, date_ahead, f"format 9; this version reads {FORMAT}")],
)
def test_a_damaged_generation_is_told_and_the_one_before_answers(
    device: Running, tmp_path: Path, seq: int, damage: Callable[[Store, int], None], said: str
) -> None:
    brought = Store(tmp_path)
    write_vectors(brought, unit_vectors(150, dim=16, seed=seq), items(150), seq=seq)
    damage(brought, seq)
    for part in ("objects", "generations"):  # the manifest last, as everything that brings generations does
        shutil.copytree(tmp_path / part, device.store.index_dir / part, dirs_exist_ok=True)
    wait_for(lambda: said in device.statuses["searcher"].reason, said, 30)
    assert device.ask(unit_vectors(200)[7], f"under-{seq}").generation == 1


def test_a_generation_for_another_model_refuses_the_queries_of_the_one_before(device: Running) -> None:
    other = ModelRef("other", "c" * 64, 16, "Apache-2.0", "test", {})
    write_vectors(device.store, unit_vectors(150, dim=16, seed=9), items(150), seq=9, model=other)
    wait_for(lambda: device.statuses["searcher"].details.get("generation") == 9, "the generation is in use", 30)
    found = device.ask(unit_vectors(200)[7], "too-old")
    assert (found.generation, found.decision, found.matches) == (9, "no_match", ())
    assert "was built with model cccccccccccc (other)" in found.reason
