"""What the cloud is told of the items before a camera: entered, stayed, left; and what leaves in one message."""

import base64
import dataclasses
import json
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from components.core.errors import MessageError
from components.core.match_events import (
    GONE_AFTER_S,
    MAX_DOCUMENT_BYTES,
    MAX_EVENT_BYTES,
    STAYED_EVERY_S,
    MatchEvent,
    Presence,
    packed,
)
from components.core.messages import Match, Query, SearchResult
from components.core.outbox_documents import MAX_BATCH_BYTES, MAX_BODY_BYTES, Acknowledgement, Row, batches
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView
from components.core.taught_documents import feedback_document, taught_documents
from tests.generations import query, unit_vectors

VECTOR = unit_vectors(1)[0]


class Counter:
    """A camera whose frames are answered at once."""

    def __init__(self, *, embeddings: bool = False) -> None:
        self.presence = Presence(embeddings=embeddings)
        self.frames = 0

    def show(self, at_s: float, *items: str, score: float = 0.9, **more: object) -> list[MatchEvent]:
        """What is told of a frame that shows one item, one of several, or none."""
        return list(self.presence.take(*answered(self._id(), at_s, items, score, **more)))

    def _id(self) -> str:
        self.frames += 1
        return f"q{self.frames}"


def answered(name: str, at_s: float, items: Sequence[str], score: float, **more: object) -> tuple[Query, SearchResult]:
    asked = query(VECTOR, query_id=name, captured_ns=1 + int(at_s * 1e9), captured_at=1.8e9 + at_s, **more)
    decision = {0: "no_match", 1: "match"}.get(len(items), "ambiguous")
    others = (Match("other-1", 0.3, 0.01), Match("other-2", 0.2, 0.005))
    matches = (*(Match(item, score - 0.01 * n, score) for n, item in enumerate(items)), *others)
    candidates = len(items) if decision == "ambiguous" else 0
    return asked, SearchResult.answering(asked, generation=7, decision=decision, matches=matches, candidates=candidates)


def told(events: Sequence[MatchEvent]) -> list[tuple[str, str]]:
    return [(event.event, event.item_id) for event in events]


def test_an_item_enters_once_and_leaves_when_something_else_is_shown() -> None:
    counter = Counter()
    assert told(counter.show(0.0, "mug")) == [("entered", "mug")]
    assert counter.show(0.2, "mug") == []
    (left,) = counter.show(0.4)
    assert (left.event, left.item_id, left.duration_s, left.at) == ("left", "mug", 0.2, 1.8e9 + 0.2)
    assert counter.show(0.6) == []


def test_one_item_after_the_other_is_two_visits() -> None:
    counter = Counter()
    (entered,) = counter.show(0.0, "mug")
    left, next_one = counter.show(0.2, "plate")
    assert told([left, next_one]) == [("left", "mug"), ("entered", "plate")]
    assert left.visit == entered.visit != next_one.visit


def test_an_item_that_stays_is_told_every_minute_with_its_duration() -> None:
    counter = Counter()
    counter.show(0.0, "mug")
    stayed = [event for second in range(1, 181) for event in counter.show(float(second), "mug")]
    assert [(event.event, event.duration_s) for event in stayed] == [
        ("stayed", n * STAYED_EVERY_S) for n in range(1, 4)
    ]
    assert len({event.visit for event in stayed}) == 1


def test_the_best_answer_of_a_visit_is_told_and_an_ambiguous_one_that_clears_up_is_one_visit() -> None:
    counter = Counter()
    (entered,) = counter.show(0.0, "mug", "plate", score=0.9)
    assert (entered.decision, entered.item_id, entered.alternatives[0]) == ("ambiguous", "mug", "plate")
    assert counter.show(0.2, "plate", score=0.7) == []
    assert counter.show(0.4, "plate", score=0.8) == []
    assert counter.show(0.6, "plate", score=0.75) == []
    (left,) = counter.show(1.0)
    assert (left.decision, left.item_id, left.score, left.visit) == ("match", "plate", 0.8, entered.visit)
    assert (left.probability, left.generation, left.model) == (0.8, 7, "a" * 12)


def test_what_a_visit_may_be_narrows_and_another_item_ends_it() -> None:
    counter = Counter()
    counter.show(0.0, "mug", "plate")
    counter.show(0.2, "plate")
    assert told(counter.show(0.4, "mug")) == [("left", "plate"), ("entered", "mug")]


def test_an_item_leaves_when_its_camera_sends_no_more_frames() -> None:
    counter = Counter()
    counter.show(0.0, "mug")
    assert list(counter.presence.overdue(int(GONE_AFTER_S * 1e9))) == []
    (left,) = counter.presence.overdue(2 + int(GONE_AFTER_S * 1e9))
    assert (left.event, left.duration_s) == ("left", 0.0)
    assert told(counter.show(20.0, "mug")) == [("entered", "mug")]


def test_a_camera_that_comes_back_late_with_the_same_item_begins_another_visit() -> None:
    counter = Counter()
    counter.show(0.0, "mug")
    assert told(counter.show(6.0, "mug")) == [("left", "mug"), ("entered", "mug")]


def test_every_camera_and_object_has_its_own_visits() -> None:
    counter = Counter()
    counter.show(0.0, "mug", camera="left")
    assert told(counter.show(0.1, "mug", camera="right")) == [("entered", "mug")]
    assert told(counter.show(0.2, "mug", camera="right", object_index=1)) == [("entered", "mug")]
    assert told(counter.show(0.3, camera="right")) == [("left", "mug")]
    assert sorted(event.camera for event in counter.presence.end()) == ["left", "right"]


def test_an_uploaded_picture_is_no_visit() -> None:
    counter = Counter()
    assert counter.show(0.0, "mug", origin="upload") == []


def test_an_event_has_no_vector_unless_a_deployment_asks_for_it() -> None:
    (without,) = Counter().show(0.0, "mug")
    assert "embedding" not in json.loads(without.encoded())
    counter = Counter(embeddings=True)
    (entered,) = counter.show(0.0, "mug")
    sent = np.frombuffer(base64.b64decode(json.loads(entered.encoded())["embedding"]), "<f2")
    assert np.allclose(sent, VECTOR, atol=1e-3)
    assert "embedding" not in json.loads(counter.show(0.2)[0].encoded()), "once is enough"


def test_an_event_of_long_names_is_a_kilobyte_all_the_same() -> None:
    names = [f"{n}{'é' * 62}" for n in range(6)]
    asked, _ = answered("q" * 64, 0.0, ["x"], 0.9, camera="c" * 64)
    matches = tuple(Match(name, 0.5) for name in names)
    result = SearchResult.answering(asked, generation=7, decision="match", matches=matches)
    (event,) = Presence().take(asked, result)
    data = event.encoded()
    assert MAX_EVENT_BYTES - 130 < len(data) <= MAX_EVENT_BYTES
    assert 1 <= len(json.loads(data)["alternatives"]) < 5


@pytest.mark.parametrize(("dim", "is_sent"), [(1280, True), (2048, False)])
def test_an_event_with_an_embedding_fits_into_a_message(dim: int, is_sent: bool) -> None:
    (event,) = Counter(embeddings=True).show(0.0, "mug")
    vector = packed(np.zeros(dim, np.float32))
    names = tuple(f"{n}{'a' * 63}" for n in range(5))
    data = dataclasses.replace(event, embedding=vector, alternatives=names).encoded()
    assert not Row(1, "matches", data, zlib.crc32(data)).problem
    assert ("embedding" in json.loads(data)) == is_sent
    assert MAX_DOCUMENT_BYTES == MAX_BODY_BYTES


# -- messages ---------------------------------------------------------------------------------------------------------


def row(seq: int, size: int, kind: str = "matches") -> Row:
    return Row(seq, kind, b'{"x":"%s"}' % (b"y" * (size - 8)), 0)


def test_batches_are_full_small_enough_and_in_order() -> None:
    rows = [row(seq, 100 + seq * 37 % 900) for seq in range(1, 200)]
    made = list(batches(rows))
    documents = [json.loads(batch.encoded("t" * 128, "e" * 16)) for batch in made]
    assert [event["seq"] for document in documents for event in document["events"]] == list(range(1, 200))
    assert all(len(batch.encoded("t" * 128, "e" * 16)) <= MAX_BATCH_BYTES for batch in made)
    assert len(made) <= sum(len(one.body) + 20 for one in rows) / (MAX_BATCH_BYTES - 1_500) + 1, "not half empty"
    for document, batch in zip(documents, made, strict=True):
        named = (document["kind"], document["first_seq"], document["last_seq"])
        assert named == batch.range == ("matches", document["events"][0]["seq"], document["events"][-1]["seq"])


def test_acknowledgement_of_a_batch_names_it() -> None:
    said = b'{"thing":"t","epoch":"e","kind":"matches","first_seq":1,"last_seq":9,"more":true}'
    assert Acknowledgement.of(said) == Acknowledgement("t", "e", "matches", 1, 9)


@pytest.mark.parametrize(
    "payload",
    [b"", b"1", b"[]", b"\xff", b'{"thing":"t"}', b'{"thing":1,"epoch":"e","kind":"k","first_seq":1,"last_seq":2}']
    + [b'{"thing":"t","epoch":"e","kind":"k","first_seq":%s,"last_seq":2}' % one for one in (b"-1", b"1.5", b"true")]
    + [b"[" * 100_000],
)
def test_what_is_no_acknowledgement_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageError):
        Acknowledgement.of(payload)


# -- taught items and verdicts ----------------------------------------------------------------------------------------


def catalog() -> TaughtCatalog:
    items = [TaughtItem(item_id="mug", title="Mug", state="active"), TaughtItem(item_id="draft", title="?")]
    views = [TaughtView(view_id=f"v-{i.item_id}", item_id=i.item_id, model="a" * 64, embedding=VECTOR) for i in items]
    return TaughtCatalog({item.item_id: item for item in items}, tuple(views))


def test_taught_items_travel_with_their_texts_and_drafts_do_not() -> None:
    made = taught_documents(catalog(), embeddings=False)
    assert sorted(made) == ["item:mug", "view:v-mug"]
    assert json.loads(made["item:mug"])["title"] == "Mug"
    assert "embedding" not in json.loads(made["view:v-mug"])


def test_vectors_of_taught_items_travel_where_a_deployment_asks_for_them() -> None:
    made = taught_documents(catalog(), embeddings=True)
    sent = np.frombuffer(base64.b64decode(json.loads(made["view:v-mug"])["embedding"]), "<f2")
    assert np.allclose(sent, VECTOR, atol=1e-3)


@pytest.mark.parametrize("dim", [1280, 2304])
def test_every_taught_document_fits_into_a_message(dim: int) -> None:
    def views() -> Iterator[TaughtView]:
        yield TaughtView(view_id="v", item_id="mug", model="a" * 64, embedding=unit_vectors(1, dim)[0])

    item = TaughtItem(item_id="mug", title="€" * 200, category="€" * 100, description="€" * 1000, state="active")
    for body in taught_documents(TaughtCatalog({"mug": item}, tuple(views())), embeddings=True).values():
        (batch,) = batches([Row(2**40, "taught", body, 0)])
        assert not Row(1, "taught", body, zlib.crc32(body)).problem
        assert len(batch.encoded("t" * 128, "e" * 16)) <= MAX_BATCH_BYTES


def test_a_verdict_travels_with_the_answer_that_it_judges() -> None:
    _, result = answered("q1", 0.0, ["mug"], 0.9)
    said = json.loads(feedback_document("wrong", "mug", result, 1.8e9).body)
    assert (said["verdict"], said["item_id"], said["query_id"], said["decision"]) == ("wrong", "mug", "q1", "match")
    assert said["shown"] == ["mug", "other-1", "other-2"]
