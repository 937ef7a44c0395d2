"""What travels between the components, and what is refused."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import messages
from components.core.errors import MessageError
from components.core.messages import Match, PictureQuery, Query, SearchResult, Status
from components.core.teach_messages import Taught, Teach
from tests.generations import MODEL, query, unit_vectors

QUERY = query(
    unit_vectors(1, 1280)[0], filters={"color": ("red", "blue")}, label="tea", region=(0.1, 0, 0.5, 1), object_index=2
)
PICTURE = PictureQuery(query_id="abc123", k=3, filters={"category": ("tea",)}, mode="style")
RESULT = SearchResult.answering(
    QUERY,
    generation=4,
    decision="ambiguous",
    candidates=2,
    showing=7,
    matches=(Match("a", 0.9, 0.5), Match("b", 0.25, 0.0), Match("c", 0.1)),
)
STATUS = Status(component="searcher", state="degraded", reason="no disk", details={"n": 3, "f": 0.5, "ok": True})
TEACH = Teach(request_id="r1", action="save", item_id="taught-1", title="Чай 茶", category="", sure=True, operation=4)
TAUGHT = Taught(
    request_id="r1", why="looks_like", sentence="It looks like tea.", guidance="hold_still", looks_like="tea"
)
ALL = (QUERY, PICTURE, RESULT, STATUS, TEACH, TAUGHT)


@pytest.mark.parametrize("message", ALL, ids=lambda m: m.KIND)
def test_a_message_arrives_as_it_was_sent(message: messages.Message) -> None:
    assert messages.decode(type(message), messages.encode(message)) == message


def test_an_embedding_arrives_with_the_precision_of_fp16() -> None:
    arrived = messages.decode(Query, messages.encode(QUERY)).embedding
    assert arrived.dtype == np.float32
    np.testing.assert_allclose(arrived, QUERY.embedding, atol=1e-3)


@pytest.mark.parametrize("message", ALL, ids=lambda m: m.KIND)
def test_no_message_of_another_format_or_kind_is_read(message: messages.Message) -> None:
    fields = json.loads(messages.encode(message))
    with pytest.raises(MessageError, match="deploy the same version of all components"):
        messages.decode(type(message), json.dumps({**fields, "format": 2}).encode())
    with pytest.raises(MessageError, match="of kind 'other'"):
        messages.decode(type(message), json.dumps({**fields, "kind": "other"}).encode())


def test_a_field_that_this_version_does_not_know_is_ignored() -> None:
    fields = json.loads(messages.encode(RESULT))
    assert messages.decode(SearchResult, json.dumps({**fields, "later": [1]}).encode()) == RESULT


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Teach, "request_id", "a/b"),
        (Teach, "request_id", ""),
        (Teach, "action", "explode"),
        (Teach, "item_id", "x" * 65),
        (Teach, "title", "x" * 201),
        (Teach, "title", 5),
        (Teach, "verdict", "maybe"),
        (Teach, "sure", 1),
        (Teach, "operation", -1),
        (Teach, "operation", 2**63),
        (Teach, "operation", True),
        (Taught, "request_id", ""),
        (Taught, "guidance", "dance"),
        (Taught, "sentence", "x" * 401),
        (Taught, "operation", -1),
        (Query, "captured_at", 10**400),
        (Query, "inference_ms", float("inf")),
        (Query, "embedding", "é" * 10),
        (Query, "embedding", "AAAA"),
        (Query, "embedding", "A" * 3416),
        (Query, "dim", 7),
        (Query, "k", 0),
        (Query, "k", 51),
        (Query, "k", True),
        (Query, "filters", {"category": "tea"}),
        (Query, "filters", {"category": []}),
        (Query, "filters", {"category": [1]}),
        (Query, "filters", ["category"]),
        (Query, "model", "A" * 64),
        (Query, "query_id", ""),
        (Query, "query_id", "x" * 65),
        (Query, "origin", "radio"),
        (Query, "frame_seq", -1),
        (Query, "label", 5),
        (Query, "region", [0, 0, 1]),
        (Query, "region", [0.5, 0, 0.6, 1]),
        (Query, "region", [0, 0, 0, 1]),
        (Query, "region", "0011"),
        (Query, "object_index", 8),
        (Query, "mode", "color"),
        (PictureQuery, "mode", ""),
        (PictureQuery, "query_id", "../etc/passwd"),
        (SearchResult, "matches", [{"item_id": "a", "score": 10**400}]),
        (SearchResult, "matches", [{"item_id": "a", "score": 1.5}]),
        (SearchResult, "matches", [{"item_id": "a"}]),
        (SearchResult, "matches", []),
        (SearchResult, "matches", "ab"),
        (SearchResult, "matches", None),
        (SearchResult, "matches", [{"item_id": "a", "score": 0.5, "probability": 1.1}, {"item_id": "b", "score": 0}]),
        (SearchResult, "decision", "perhaps"),
        (SearchResult, "candidates", 1),
        (SearchResult, "candidates", 4),
        (SearchResult, "cause", "rain"),
        (SearchResult, "guidance", "dance"),
        (Query, "camera_digest", "x" * 65),
        (Query, "camera_digest", 5),
        (SearchResult, "showing", -1),
        (SearchResult, "reason", "x" * 301),
        (SearchResult, "generation", -1),
        (Status, "state", "happy"),
        (Status, "details", {"a": [1]}),
        (Status, "details", {str(n): n for n in range(41)}),
    ],
)
def test_a_wrong_field_is_refused(kind: type[messages.Message], field: str, value: object) -> None:
    message = next(m for m in ALL if type(m) is kind)
    fields = json.loads(messages.encode(message))
    with pytest.raises(MessageError):
        messages.decode(kind, json.dumps({**fields, field: value}).encode())


def test_half_a_surrogate_pair_is_refused_both_ways() -> None:
    data = messages.encode(STATUS).replace(b"no disk", b"no \\ud83d disk")
    with pytest.raises(MessageError, match="surrogate"):
        messages.decode(Status, data)
    with pytest.raises(MessageError, match="surrogate"):
        messages.encode(dataclasses.replace(STATUS, reason="\ud83d"))


def test_text_in_any_language_travels() -> None:
    status = dataclasses.replace(STATUS, reason='카메라 "없음" \n 摄像头 🍏')
    assert messages.decode(Status, messages.encode(status)) == status


def test_no_message_is_larger_than_what_a_nucleus_carries() -> None:
    with pytest.raises(MessageError, match="7000"):
        messages.encode(dataclasses.replace(STATUS, details={"a": "x" * 7000}))
    with pytest.raises(MessageError, match="7000"):
        messages.decode(Status, b" " * 7001)


def test_the_largest_embedding_fits_in_a_message() -> None:
    largest = query(unit_vectors(1, messages.MAX_DIM)[0], k=50, query_id="q" * 64, camera="c" * 64, label="l" * 64)
    asked = dataclasses.replace(largest, captured_at=1_800_000_000.123456, captured_ns=2**62, frame_seq=2**40)
    assert len(messages.encode(asked)) <= messages.MAX_MESSAGE_BYTES


def test_a_result_too_long_for_a_message_keeps_its_best_matches() -> None:
    matches = tuple(Match("茶" * 62 + f"{n:02}", 0.9 - n / 100) for n in range(50))
    short = messages.shortened(dataclasses.replace(RESULT, matches=matches))
    assert messages.decode(SearchResult, messages.encode(short)) == short
    assert short.matches == matches[: len(short.matches)]
    assert len(short.matches) > 25
    assert messages.shortened(RESULT) is RESULT


def test_an_embedding_that_is_not_of_unit_length_is_refused() -> None:
    for embedding in (np.zeros(8, np.float32), np.full(8, np.nan, np.float32), np.ones(8, np.float32)):
        with pytest.raises(MessageError, match="unit length"):
            query(embedding)
    with pytest.raises(MessageError, match="float32 vector"):
        query(np.ones((1, 1), np.float32))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_content_raises_anything_but_the_declared_error(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(ALL))
    fields = json.loads(messages.encode(message))
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        fields[name] = data.draw(JSON)
    try:
        found = messages.decode(type(message), json.dumps(fields).encode())
        messages.encode(found)
    except MessageError:
        pass


@settings(max_examples=200, deadline=None)
@given(message=st.sampled_from(ALL), position=st.integers(0, 7000), byte=st.integers(0, 255), cut=st.booleans())
def test_no_damage_raises_anything_but_the_declared_error(
    message: messages.Message, position: int, byte: int, cut: bool
) -> None:
    encoded = bytearray(messages.encode(message))
    encoded[position % len(encoded)] = byte
    with contextlib.suppress(MessageError):
        messages.decode(type(message), bytes(encoded[: position if cut else None]))


def test_the_result_repeats_what_the_query_says_of_itself() -> None:
    result = SearchResult.answering(QUERY, decision="no_match", reason="nothing")
    asked = ("query_id", "origin", "camera", "frame_seq", "captured_at", "captured_ns", "inference_ms", "label")
    assert [getattr(result, name) for name in asked] == [getattr(QUERY, name) for name in asked]
    assert (result.model, result.generation) == (MODEL, 0)
