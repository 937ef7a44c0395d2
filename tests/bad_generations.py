"""Generations that are signed as they should be, and bad: the publisher's mistake, or one who stole the keys.

A device must refuse each, tell why, and go on with the one that it has.
"""

import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from cloud_sync.index import probe
from components.core.generations import ObjectRef, encode_manifest
from components.core.golden import Golden, encode_golden
from components.core.projection import Projection, encode_projection, identity
from components.core.segments import Segment, Vectors, encode_segment
from tests.campaign.processes import processes
from tests.generations import DIM, unit_vectors
from tests.interrupted_updates import quick_probe, wrong
from tests.test_update_device import device
from tests.update_kit import Publisher, confirmed, passed, state_of

ITEMS = 20
REFUSED_IN_S = 30.0
ANSWERED = 0.999
Document = dict[str, Any]


@dataclass(frozen=True)
class Forge:
    """A whole generation's document, to be spoiled, and where its objects are kept."""

    document: Document
    publisher: Publisher

    def keep(self, data: bytes) -> dict[str, object]:
        """Make ``data`` an object; how a manifest names it."""
        ref: ObjectRef = self.publisher.store.write_object(data)
        return {"sha256": ref.sha256, "size": ref.size}

    def object(self, ref: dict[str, Any]) -> bytes:
        return self.publisher.store.read_object(ref["sha256"], ref["size"])

    @property
    def segment(self) -> dict[str, Any]:
        """The only one."""
        found: dict[str, Any] = self.document["segments"][0]
        return found


Spoil = Callable[[Forge], bytes | None]
"""Changes the document, or gives another manifest."""


def _set(**values: Any) -> Spoil:
    return lambda forge: forge.document.update(values)


def _vectors(change: Callable[[Vectors], Vectors]) -> Spoil:
    def spoil(forge: Forge) -> None:
        forge.segment["vectors"] = forge.keep(encode_segment(Segment(0, change(unit_vectors(ITEMS)))))

    return spoil


def _with_one(value: float) -> Callable[[Vectors], Vectors]:
    def change(vectors: Vectors) -> Vectors:
        vectors = vectors.copy()
        vectors[3, 3] = value
        return vectors

    return change


def _segment_bytes(change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(forge: Forge) -> None:
        forge.segment["vectors"] = forge.keep(change(forge.object(forge.segment["vectors"])))

    return spoil


def _rows(change: Callable[[list[bytes]], list[bytes]]) -> Spoil:
    def spoil(forge: Forge) -> None:
        lines = zstandard.decompress(forge.object(forge.segment["rows"])).splitlines()
        forge.segment["rows"] = forge.keep(zstandard.compress(b"".join(line + b"\n" for line in change(lines))))

    return spoil


def _object(name: str, data: bytes) -> Spoil:
    return lambda forge: forge.document.update({name: forge.keep(data)})


def _model(**files: bytes | None) -> Spoil:
    def spoil(forge: Forge) -> None:
        for name, data in files.items():
            file = name.replace("_", ".")
            if data is None:
                del forge.document["model"]["files"][file]
            else:
                forge.document["model"]["files"][file] = forge.keep(data)

    return spoil


def _wrong_model(forge: Forge) -> None:
    forge.document["model"]["digest"] = "b" * 64


def _golden(change: Callable[[Vectors], Vectors], ids: tuple[str, ...]) -> bytes:
    return encode_golden(Golden(change(unit_vectors(ITEMS)[: len(ids)]), ids))


def _in(part: str, **values: Any) -> Spoil:
    return lambda forge: forge.document[part].update(values)


def _in_segment(**values: Any) -> Spoil:
    return lambda forge: forge.segment.update(values)


def _spoilt_projection() -> bytes:
    matrix = np.full((DIM, DIM), np.nan, np.float32)
    zero = np.zeros(DIM, np.float32)
    return encode_projection(Projection(zero, zero, matrix))


def _bomb(lines: int) -> bytes:
    """Rows of a gigabyte in a hundred kilobytes."""
    pack = zstandard.ZstdCompressor(level=1).compressobj(size=lines)
    return b"".join([*(pack.compress(b"\n" * 2**20) for _ in range(lines // 2**20)), pack.flush()])


BAD: dict[str, Spoil] = {
    "wrong dimension": _set(dim=DIM // 2),
    "projection of another dimension": _object("projection", encode_projection(identity(8))),
    "projection not finite": _object("projection", _spoilt_projection()),
    "projection cut off": _object("projection", encode_projection(identity(DIM))[:-9]),
    "a vector with NaN": _vectors(_with_one(float("nan"))),
    "an infinite vector": _vectors(_with_one(float("inf"))),
    "vectors not of unit length": _vectors(lambda vectors: vectors * 2),
    "vectors of nothing": _vectors(lambda vectors: vectors * 0),
    "segment cut off": _segment_bytes(lambda data: data[:-9]),
    "segment of another format": _segment_bytes(lambda data: data[:8] + b"\x63" + data[9:]),
    "wrong model": _wrong_model,
    "model without weights": _model(model_bin=None),
    "other weights": _model(model_bin=b"other weights"),
    "model.json of nothing": _model(model_json=b"\0" * 100),
    "golden queries wrong": _object("golden", _golden(lambda v: v[::-1], ("item-0", "item-1"))),
    "golden queries of another dimension": _object("golden", _golden(lambda v: v[:, :8], ("item-0",))),
    "golden queries of nothing": _object("golden", b"golden"),
    "a row too few": _rows(lambda lines: lines[:-1]),
    "rows of other ordinals": _rows(lambda lines: lines[::-1]),
    "a row of nothing": _rows(lambda lines: [*lines[:-1], b"{}"]),
    "rows not packed": lambda forge: _in_segment(rows=forge.keep(b"rows"))(forge),
    "rows of a gigabyte": lambda forge: _in_segment(rows=forge.keep(_bomb(2**30)))(forge),
    "a huge count": _in_segment(count=5_000_000),
    "a gap before the first view": _in_segment(first_ordinal=1),
    "tombstone out of range": _set(tombstones=[ITEMS]),
    "another count of items": _set(items=ITEMS + 1),
    "thresholds not finite": _in("thresholds", min_score="nan"),
    "a billion trees": _in("search", n_trees=10**9),
    "another number": _set(seq=7_777),
    "another format": _set(format=99),
    "no JSON": lambda _: b"\xff" * 1_000,
    "endlessly nested": lambda _: b"[" * 1_000_000,
}
"""Name -> what is bad about it."""


def offer(publisher: Publisher, seq: int, name: str) -> None:
    """Publish generation ``seq``, bad in the way ``name``."""
    forge = Forge(json.loads(encode_manifest(publisher.build(seq, ITEMS))), publisher)
    manifest = BAD[name](forge) or json.dumps(forge.document).encode()
    publisher.tuf.offer(seq, manifest)
    publisher.tuf.publish()
    publisher.write()


def taken(names: tuple[str, ...] = tuple(BAD)) -> list[str]:
    """The bad generations that one pass of an update does not refuse, with what became of them."""
    problems = []
    with tempfile.TemporaryDirectory() as folder, quick_probe():
        publisher, index = Publisher(Path(folder) / "publisher"), Path(folder) / "index"
        publisher.offer(1, ITEMS)
        passed(publisher.orders(index))
        confirmed(index)
        for seq, name in enumerate(names, 2):
            offer(publisher, seq, name)
            outcome = passed(publisher.orders(index))
            if outcome.state != "refused" or not outcome.reason or wrong(index, (1,)):
                problems.append(f"{name}: {outcome} {wrong(index, (1,))}")
                return problems
        publisher.offer(len(names) + 2, ITEMS + 1)
        if (outcome := passed(publisher.orders(index))).state != "trial":
            problems.append(f"a good one afterwards: {outcome}")
    return problems


@dataclass(frozen=True)
class Refused:
    """How a running device took a bad generation."""

    name: str
    seconds: float
    asked: int
    answered: int
    problem: str

    @property
    def line(self) -> str:
        return f"{self.name}: {self.problem}"


CRASH = "a crash of who tries it"
"""A good generation whose trial ends with a segmentation fault."""


def on_a_running_device(names: tuple[str, ...] = (*BAD, CRASH)) -> Iterator[Refused]:
    """Publish one bad generation after the other to the real components, which are asked all the time."""
    with tempfile.TemporaryDirectory() as folder:
        publisher = Publisher(Path(folder) / "publisher")
        model = publisher.offer(1, ITEMS).model.digest
        with device(Path(folder), "classic", publisher) as running:
            _wait(lambda: running.runs(1), 90)
            for seq, name in enumerate(names, 2):
                began = time.monotonic()
                with running.asked(model) as asked:
                    if name == CRASH:
                        publisher.offer(seq, ITEMS + 1)
                        _wait(lambda: _crashed(str(running.index_dir)), REFUSED_IN_S)
                    else:
                        offer(publisher, seq, name)
                    _wait(lambda seq=seq: seq in state_of(running.index_dir).refused, REFUSED_IN_S)
                    seconds = time.monotonic() - began
                answered = sum(query in running.answered for query in asked)
                generations = {running.answered[query] for query in asked if query in running.answered}
                running.answered.clear()
                problem = "" if seconds < REFUSED_IN_S else "it is not refused in time"
                problem = problem or ("" if generations <= {1} else f"answers from generations {generations}")
                yield Refused(name, seconds, len(asked), answered, problem or wrong(running.index_dir, (1,)))


def _crashed(index_dir: str) -> bool:
    """Whether the process that tries a generation in ``index_dir`` was there, and has got what a wild pointer gets."""
    for pid, _, command in processes():
        if "cloud_sync.index.probe" in command and index_dir in command:
            os.kill(pid, signal.SIGSEGV)
            return True
    return False


def _wait(condition: Callable[[], bool], most_s: float) -> None:
    until = time.monotonic() + most_s
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)


# -- what is left out of the product


@contextlib.contextmanager
def _patched(place: object, name: str, value: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, value)
        yield


BREAKS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[None]], str]] = {
    "no golden query asked": (lambda: _patched(probe, "check_golden", lambda *_: 0), "golden queries wrong"),
    "model not loaded": (lambda: _patched(probe, "load_model_of", lambda *_: None), "other weights"),
    "items not counted": (lambda: _patched(probe, "_require_counts", lambda _: None), "another count of items"),
}
"""What is left out -> how, and what is taken then."""
