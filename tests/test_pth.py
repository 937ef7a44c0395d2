import hashlib
import pickle
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import FormatError, UnavailableError
from index_builder.pth import parse_pth, read_pth

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(values: Iterable[int]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    key: str, count: int, offset: int, shape: Iterable[int], strides: Iterable[int], kind: str = "Float"
) -> bytes:
    """The opcodes that PyTorch writes for a tensor."""
    storage = b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text(key) + text("cpu") + number(count)
    where = number(offset) + numbers(shape) + numbers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"NtQ" + where + b"\x89ccollections\nOrderedDict\n)RtR"


def state(tensors: dict[str, bytes]) -> bytes:
    items = b"".join(text(name) + opcodes for name, opcodes in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def storage(values: Iterable[float]) -> bytes:
    data = np.array(list(values), "<f4")
    return struct.pack("<q", data.size) + data.tobytes()


def legacy(state_pickle: bytes, keys: list[str], data: bytes) -> bytes:
    head = b"".join(pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, SYSTEM))
    return head + state_pickle + pickle.dumps(keys, 2) + data


GOOD = legacy(
    state({"a": tensor("1", 6, 0, (2, 3), (3, 1)), "b": tensor("1", 6, 1, (2,), (2,)), "c": tensor("2", 1, 0, (), ())}),
    ["1", "2"],
    storage(range(6)) + storage([7.5]),
)


class Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, (f"touch {self.marker}",)


def test_tensors_come_out_with_their_shapes_and_strides() -> None:
    tensors = parse_pth(GOOD)
    assert list(tensors) == ["a", "b", "c"]
    assert tensors["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["b"].tolist() == [1, 3]
    assert tensors["c"].shape == ()
    assert float(tensors["c"]) == 7.5


def test_transposed_kernels_come_out_row_by_row() -> None:
    data = legacy(state({"a": tensor("1", 6, 0, (3, 2), (1, 3))}), ["1"], storage(range(6)))
    assert parse_pth(data)["a"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize("part", range(5))
def test_a_file_that_runs_a_command_is_refused_and_runs_nothing(part: int, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    parts = [pickle.dumps(p, 2) for p in (MAGIC, PROTOCOL, SYSTEM)] + [state({}), pickle.dumps([], 2)]
    parts[part] = pickle.dumps(Bomb(marker), 2)
    with pytest.raises(FormatError, match="system"):
        parse_pth(b"".join(parts))
    assert not marker.exists()


def test_the_bomb_of_these_tests_is_a_real_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran"), 2))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["builtins\neval", "os\nsystem", "torch\nByteStorage", "collections\nCounter"])
def test_a_name_outside_the_list_is_refused(name: str) -> None:
    with pytest.raises(FormatError, match="it asks for"):
        parse_pth(legacy(b"\x80\x02c" + name.encode() + b"\n)R.", [], b""))


@pytest.mark.parametrize(
    "protocol_4", [pickle.dumps({"a": 1}, 4), pickle.dumps({1: (2, 3.5)}, 2), b"\x80\x02)" + b"\x85" * 300_000 + b"."]
)
def test_opcodes_that_such_a_file_does_not_need_are_refused(protocol_4: bytes) -> None:
    with pytest.raises(FormatError, match="no legacy PyTorch file"):
        parse_pth(legacy(protocol_4, [], b""))


@pytest.mark.parametrize(
    "opcodes",
    [
        tensor("1", 6, 0, (7,), (1,)),
        tensor("1", 6, 5, (2,), (1,)),
        tensor("1", 6, 0, (2,), (6,)),
        tensor("1", 6, 0, (2**20, 2**20, 2**20), (0, 0, 0)),
        tensor("1", 6, 0, (2**62,), (1,)),
        tensor("1", 6, -1, (2,), (1,)),
        tensor("1", 6, 0, (2,), (-1,)),
        tensor("1", 6, 0, (0,), (1,)),
        tensor("1", 6, 0, (-1,), (1,)),
        tensor("1", 6, 0, (-2, -3), (3, 1)),
        tensor("1", 6, 0, (2, 3), (1,)),
        tensor("1", 6, 0, (1,) * 20, (1,) * 20),
        tensor("1", 6, 0, (6,), (1,), kind="Long"),
        tensor("1", 2**62, 0, (6,), (1,)),
        tensor("1", 7, 0, (6,), (1,)),
        tensor("2", 6, 0, (6,), (1,)),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(opcodes: bytes) -> None:
    with pytest.raises(FormatError):
        parse_pth(legacy(state({"a": opcodes}), ["1"], storage(range(6))))


@pytest.mark.parametrize("count", [2**62, -1, 5, 7, 2**28])
def test_a_storage_of_another_count_than_announced_is_refused(count: int) -> None:
    data = struct.pack("<q", count) + storage(range(6))[8:]
    with pytest.raises(FormatError, match="numbers where 6 were announced"):
        parse_pth(legacy(state({"a": tensor("1", 6, 0, (6,), (1,))}), ["1"], data))


def test_a_huge_storage_is_refused_before_it_is_allocated() -> None:
    count = 2**28
    with pytest.raises(FormatError, match="ends inside storage"):
        parse_pth(legacy(state({"a": tensor("1", count, 0, (6,), (1,))}), ["1"], struct.pack("<q", count)))


def test_every_truncation_is_refused() -> None:
    for length in range(len(GOOD)):
        with pytest.raises(FormatError):
            parse_pth(GOOD[:length])


def test_bytes_behind_the_end_are_refused() -> None:
    with pytest.raises(FormatError, match="behind its last storage"):
        parse_pth(GOOD + b"\0")


def test_any_damaged_byte_gives_tensors_or_a_format_error() -> None:
    for place in range(len(GOOD)):
        for flip in (0x01, 0x20, 0xFF):
            damaged = bytearray(GOOD)
            damaged[place] ^= flip
            try:
                assert isinstance(parse_pth(bytes(damaged)), dict)
            except FormatError as error:
                assert "legacy PyTorch file" in str(error)


def test_the_error_names_the_file_and_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(FormatError, match=r"weights\.pth is no legacy PyTorch file"):
        read_pth(path)


def test_another_file_is_refused_before_it_is_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"no weights at all")
    with pytest.raises(FormatError, match="not the expected file of weights"):
        read_pth(path, "0" * 64)
    path.write_bytes(GOOD)
    assert read_pth(path, hashlib.sha256(GOOD).hexdigest()).keys() == parse_pth(GOOD).keys()


def test_a_missing_file_is_not_bad_content(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="Cannot read"):
        read_pth(tmp_path / "absent.pth")


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(FormatError, match="larger than"):
        read_pth(path)
