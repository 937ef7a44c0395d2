"""The manifest of a generation."""

import contextlib
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.decisions import Thresholds
from components.core.errors import FormatError, ModelMismatchError
from components.core.generations import (
    Manifest,
    ModelRef,
    ObjectRef,
    SearchSettings,
    SegmentRef,
    decode_manifest,
    encode_manifest,
)

OBJECT = ObjectRef("b" * 64, 100)


def segment(first: int, count: int, tail: bool = False) -> SegmentRef:
    return SegmentRef(OBJECT, OBJECT, first, count, tail)


MANIFEST = Manifest(
    seq=3,
    name="가게",
    license="CC-BY-4.0",
    model=ModelRef("net", "c" * 64, 1280, "Apache-2.0", "somewhere", {"model.xml": OBJECT}),
    projection=OBJECT,
    dim=128,
    segments=(segment(0, 10), segment(10, 5, tail=True)),
    tombstones=(2, 11),
    search=SearchSettings(n_trees=40, search_k=4000),
    thresholds=Thresholds(min_score=0.35),
    items=12,
    views=13,
    golden=OBJECT,
)
DATA = encode_manifest(MANIFEST)


def changed(*path: Any, value: object) -> bytes:
    document = json.loads(DATA)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document).encode()


def test_a_manifest_comes_back_as_it_was() -> None:
    assert decode_manifest(DATA) == MANIFEST
    assert encode_manifest(decode_manifest(DATA)) == DATA


def test_license_and_provenance_of_catalog_and_model_are_in_the_manifest() -> None:
    document = json.loads(DATA)
    assert (document["license"], document["model"]["license"]) == ("CC-BY-4.0", "Apache-2.0")
    assert (document["model"]["source"], document["model"]["files"]["model.xml"]["sha256"]) == ("somewhere", "b" * 64)


def test_embeddings_of_another_model_are_refused_with_what_to_do() -> None:
    MANIFEST.require_model("c" * 64)
    with pytest.raises(ModelMismatchError) as refused:
        MANIFEST.require_model("d" * 64)
    assert str(refused.value) == (
        "The query comes from model dddddddddddd, but index generation 3 was built with model cccccccccccc (net): "
        "build the index with the camera's model, or deploy the generation's model to the featurizer."
    )


def test_a_future_format_says_that_this_version_is_too_old() -> None:
    with pytest.raises(FormatError, match="format 3; this version reads 2: update this version"):
        decode_manifest(changed("format", value=3))


def test_an_older_format_says_that_the_generation_is_to_be_built_again_not_that_it_is_damaged() -> None:
    with pytest.raises(FormatError, match="format 1; this version reads 2: it is older: build it again") as told:
        decode_manifest(changed("format", value=1))
    assert "damaged" not in str(told.value)


def test_all_objects_of_a_generation_are_named_with_what_they_are() -> None:
    kinds = [kind for kind, _ in MANIFEST.objects()]
    assert kinds == ["model", "projection", "golden queries", *["vectors", "rows"] * 2]
    without = dataclasses.replace(MANIFEST, golden=None, segments=(), tombstones=())
    assert [kind for kind, _ in without.objects()] == ["model", "projection"]
    assert decode_manifest(encode_manifest(without)) == without


def test_another_file_is_not_taken_for_a_manifest() -> None:
    for data in (b"{}", changed("kind", value="lookalike-package")):
        with pytest.raises(FormatError, match="not the manifest of an index generation"):
            decode_manifest(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seq",), -1),
        (("seq",), True),
        (("seq",), 1.0),
        (("name",), 5),
        (("name",), "\ud83d"),
        (("dim",), "128"),
        (("model", "digest"), ["c"] * 64),
        (("model", "digest"), "c" * 63),
        (("model", "files"), {"model.xml": {"sha256": "../../etc/passwd", "size": 1}}),
        (("projection", "size"), 2**33),
        (("segments", 1, "first_ordinal"), 9),
        (("segments", 1, "first_ordinal"), 11),
        (("segments", 0, "tail"), True),
        (("tombstones",), [15]),
        (("tombstones",), [-1]),
        (("golden",), []),
        (("golden", "sha256"), "x"),
        (("format",), "2"),
        (("format",), None),
        (("search", "n_trees"), 0),
        (("search", "n_trees"), 10**9),
        (("search", "search_k"), 10**30),
        (("search", "rescore"), 0),
        (("search", "later"), 5),
        (("thresholds", "min_score"), float("nan")),
        (("thresholds", "min_score"), 10**400),
        (("thresholds", "min_score"), 1.5),
        (("thresholds",), None),
    ],
)
def test_a_wrong_field_is_refused(path: tuple[Any, ...], value: object) -> None:
    changed_by = {("segments", 0, "tail"): {("segments", 1, "tail"): False}}
    data = changed(*path, value=value)
    for other, other_value in changed_by.get(path, {}).items():
        document = json.loads(data)
        document[other[0]][other[1]][other[2]] = other_value
        data = json.dumps(document).encode()
    with pytest.raises(FormatError):
        decode_manifest(data)


@pytest.mark.parametrize("name", sorted(json.loads(DATA)))
def test_a_missing_field_is_refused(name: str) -> None:
    document = json.loads(DATA)
    del document[name]
    with pytest.raises(FormatError):
        decode_manifest(json.dumps(document).encode())


def test_a_generation_without_its_models_files_says_so() -> None:
    assert MANIFEST.model.file("model.xml") == OBJECT
    with pytest.raises(FormatError, match=r"does not hold model\.bin of its model"):
        MANIFEST.model.file("model.bin")


def test_deeply_nested_content_is_refused() -> None:
    with pytest.raises(FormatError):
        decode_manifest(b"[" * 200_000)


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=200)
@given(data=st.data())
def test_no_content_raises_anything_but_the_declared_error(data: st.DataObject) -> None:
    document = json.loads(DATA)
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (place[key] and isinstance(place[key], (dict, list))) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    with contextlib.suppress(FormatError):
        encode_manifest(decode_manifest(json.dumps(document).encode()))


@settings(max_examples=200)
@given(position=st.integers(0, len(DATA) - 1), byte=st.integers(0, 255))
def test_no_damage_raises_anything_but_the_declared_error(position: int, byte: int) -> None:
    damaged = bytearray(DATA)
    damaged[position] = byte
    with contextlib.suppress(FormatError):
        decode_manifest(bytes(damaged))


def test_an_empty_generation_is_a_generation() -> None:
    empty = dataclasses.replace(MANIFEST, segments=(), tombstones=(), items=0, views=0)
    assert decode_manifest(encode_manifest(empty)) == empty
