"""The rows of a segment."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import FormatError
from components.core.items import Item, Row, decode_row, decode_rows, encode_rows

ITEM = Item(
    item_id="tea-1",
    title={"": "Tea", "ko": "차", "zh-Hans": "茶\u2028"},
    category="drinks",
    description='Black "tea"\r\nin bags',
    url="https://shop.example/1",
    price="3.20",
    available=False,
    attributes={"origin": "Assam"},
    thumbnail="0" * 64,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_rows_come_back_as_they_were() -> None:
    rows = [Row(5, ITEM), Row(6, Item(item_id="plain"))]
    assert list(decode_rows(encode_rows(rows), first_ordinal=5, count=2)) == rows


def test_the_same_rows_give_the_same_bytes() -> None:
    other_order = Item(item_id="a", attributes={"b": "1", "a": "2"})
    assert encode_rows([Row(0, other_order)]) == encode_rows(
        [Row(0, Item(item_id="a", attributes={"a": "2", "b": "1"}))]
    )


@given(item_id=TEXT.filter(bool), title=TEXT, value=TEXT)
def test_any_text_survives(item_id: str, title: str, value: str) -> None:
    row = Row(0, Item(item_id=item_id, title={"": title}, description=value, attributes={title: value}))
    assert list(decode_rows(encode_rows([row]), first_ordinal=0, count=1)) == [row]


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 3), (1, 2), (0, 0)])
def test_rows_that_do_not_fit_their_vectors_are_refused(first: int, count: int) -> None:
    data = encode_rows([Row(0, ITEM), Row(1, ITEM)])
    with pytest.raises(FormatError, match="do not fit"):
        list(decode_rows(data, first_ordinal=first, count=count))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ordinal", 1e400),
        ("ordinal", "1"),
        ("ordinal", True),
        ("item_id", ""),
        ("item_id", "x" * 65),
        ("item_id", "\ud83d"),
        ("title", "Tea"),
        ("title", {"": 1}),
        ("available", "false"),
        ("thumbnail", "../../etc/passwd"),
        ("thumbnail", "/etc/passwd"),
        ("attributes", None),
    ],
)
def test_a_wrong_field_is_refused(name: str, value: object) -> None:
    fields = {**json.loads(encode_rows([Row(0, ITEM)])), name: value}
    with pytest.raises(FormatError, match="build the generation again"):
        decode_row(json.dumps(fields).encode())


@settings(max_examples=200)
@given(position=st.integers(0, 1000), byte=st.integers(0, 255))
def test_no_damage_raises_anything_but_the_declared_error(position: int, byte: int) -> None:
    line = bytearray(encode_rows([Row(0, ITEM)]))
    line[position % len(line)] = byte
    with contextlib.suppress(FormatError):
        list(decode_rows(bytes(line), first_ordinal=0, count=1))
