"""Which generation a device runs, as its state file says."""

import contextlib
import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.core.errors import FormatError, UnavailableError
from components.index_state import (
    STATE_FILES,
    IndexState,
    Refusal,
    decode_state,
    encode_state,
    read_state,
    write_state,
)
from components.store import Store
from tests.generations import flip_byte, items, make_store, unit_vectors, write_generation

RICH = IndexState(
    active=7,
    previous=6,
    staged=8,
    trial=True,
    channel="stable",
    high_water_mark={"stable": 9},
    manifests={7: "a" * 64, 6: "b" * 64, 8: "c" * 64},
    refused={9: Refusal("It crashed the probe.", "latest")},
)


def staged(state: IndexState, seq: int) -> IndexState:
    return state.with_staged(seq, f"{seq:064x}")


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_state(tmp_path, RICH)
    assert read_state(tmp_path) == RICH
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(STATE_FILES)


def test_without_a_state_the_newest_generation_is_active(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    write_generation(store, vectors, items(len(vectors)), seq=2)
    assert read_state(tmp_path) is None
    assert (store.active(), store.usable()) == (2, (2,))


def test_the_state_says_what_is_active_whatever_else_is_there(tmp_path: Path) -> None:
    store, vectors = make_store(tmp_path)
    for seq in (2, 3):
        write_generation(store, vectors, items(len(vectors)), seq=seq)
    write_state(tmp_path, IndexState(active=2, previous=1))
    assert (store.active(), store.usable(), store.seqs()) == (2, (2, 1), (1, 2, 3))
    write_state(tmp_path, IndexState())
    assert store.active() is None, "an empty index is a state, too"


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "a folder"])
@pytest.mark.parametrize("name", STATE_FILES)
def test_a_damaged_state_is_read_from_its_copy(tmp_path: Path, name: str, damage: str) -> None:
    write_state(tmp_path, RICH)
    path = tmp_path / name
    if damage == "flipped":
        path.write_bytes(path.read_bytes().replace(b'"active": 7', b'"active": 6'))
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()
    if damage == "a folder":
        path.mkdir()
    assert read_state(tmp_path) == RICH


def test_a_state_of_another_format_is_none(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="state of the index is damaged"):
        decode_state(encode_state(RICH).replace(b'"format": 1', b'"format": 2'))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, 2_000), byte=st.integers(0, 255))
def test_no_changed_byte_gives_another_state(position: int, byte: int) -> None:
    data = bytearray(encode_state(RICH))
    data[position % len(data)] = byte
    with contextlib.suppress(FormatError):
        assert decode_state(bytes(data)) == RICH


@pytest.mark.parametrize(
    "changed",
    [
        {"active": -1},
        {"active": "7"},
        {"trial": 1},
        {"manifests": {"7": "short"}},
        {"manifests": {"x": "a" * 64}},
        {"refused": {"7": "bad"}},
        {"high_water_mark": {"stable": True}},
        {"channel": None},
        {"active": 1e400},
    ],
)
def test_a_state_that_says_nonsense_is_damaged(changed: dict[str, object]) -> None:
    from components.index_state import _crc

    document = {**json.loads(encode_state(RICH)), **changed}
    del document["crc"]
    with pytest.raises(FormatError):
        decode_state(json.dumps({**document, "crc": _crc(document)}).encode())


def test_a_state_that_cannot_be_written_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    write_state(tmp_path, IndexState(active=1))
    (tmp_path / "state.json").unlink()
    (tmp_path / "state.json").mkdir()
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_state(tmp_path, IndexState(active=2))
    assert read_state(tmp_path) == IndexState(active=1)


def test_a_commit_keeps_the_last_one_that_proved_itself() -> None:
    first = staged(IndexState(), 6).committed("stable").confirmed()
    assert (first.active, first.previous, first.trial) == (6, None, False)
    second = staged(first, 7).committed("stable")
    assert (second.active, second.previous, second.trial) == (7, 6, True)
    third = staged(second, 8).committed("stable")
    assert (third.active, third.previous) == (8, 6), "7 never proved itself"
    assert third.manifests.keys() == {8, 6}


def test_a_rollback_gives_the_previous_one_and_refuses_the_other() -> None:
    state = staged(staged(IndexState(), 6).committed("stable").confirmed(), 7).committed("stable", "latest")
    back = state.rolled_back("The searcher did not take it.")
    assert (back.active, back.previous, back.trial) == (6, None, False)
    assert back.refused == {7: Refusal("The searcher did not take it.", "latest", "stable")}
    assert back.high_water_mark == {"stable": 7}, "what was there once cannot come back as the newest"
    assert back.rolled_back("Damaged.").active is None


def test_a_refused_generation_that_is_committed_after_all_is_refused_no_more() -> None:
    state = staged(IndexState().with_refused(7, "Bad.", "latest", "stable"), 7)
    assert state.committed("stable").refused == {}


def test_a_refusal_holds_for_what_was_desired_and_for_this_program() -> None:
    refusal = Refusal("It has format 99.", "latest", "stable")
    state = IndexState(refused={7: refusal})
    assert state.refusal(7, "latest", "stable") == refusal
    for asked in ((7, "7", "stable"), (8, "latest", "stable"), (7, "latest", "beta")):
        assert state.refusal(*asked) is None
    older = IndexState(refused={7: dataclasses.replace(refusal, by_format=1)})
    assert older.refusal(7, "latest", "stable") is None, "a newer program may read it"


def test_the_high_water_mark_is_of_a_channel_and_never_falls() -> None:
    state = staged(staged(IndexState(), 7).committed("stable"), 3).committed("beta")
    assert state.high_water_mark == {"stable": 7, "beta": 3}
    assert staged(state, 5).committed("stable").high_water_mark == {"stable": 7, "beta": 3}


def test_the_refused_ones_do_not_fill_the_disk() -> None:
    state = IndexState()
    for seq in range(50):
        state = state.with_refused(seq, "x" * 10_000, "latest", "stable")
    assert list(state.refused) == list(range(30, 50))
    assert len(encode_state(state)) < 32_000


def test_a_staged_generation_lies_apart_until_it_is_committed(tmp_path: Path) -> None:
    aside = Store(tmp_path, manifests="staged")
    write_generation(aside, unit_vectors(5), items(5), seq=4)
    assert Store(tmp_path).active() is None
    assert aside.manifest(4).seq == 4
    flip_byte(aside.manifest_path(4))
    assert Store(tmp_path).seqs() == ()
