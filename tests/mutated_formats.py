"""Every format that a device reads, damaged thousands of times: no undeclared error, no huge allocation, no hang.

``python -m tests.mutated_formats NAME COUNT`` reads so many damaged files in a process of its own, which the kernel
ends where one of them takes too long. Damage is also done behind the hashes and signatures: those are made anew.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import zstandard
from securesystemslib.formats import encode_canonical
from tuf.ngclient import updater

from cloud_sync import trust
from cloud_sync.drain import Drain, DrainSettings
from cloud_sync.sources import read_small, tar
from cloud_sync.sources.tar import TarSource
from cloud_sync.trust import Trust
from components import index_state, taught_archive, taught_store
from components import store as store_module
from components.catalog import load_catalog
from components.core import generations, golden, items, outbox_documents, projection, segments
from components.core.camera_mean import CameraMean
from components.core.decisions import Calibration, Thresholds
from components.core.errors import LookalikeError
from components.core.generations import Manifest, decode_manifest, encode_manifest
from components.core.golden import Golden
from components.core.outbox_documents import KINDS, MATCHES, TAUGHT, Acknowledgement, Document
from components.core.segments import decode_segment
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView
from components.core.taught_documents import gone_document
from components.featurizer import model
from components.featurizer.model import Model, Preprocessing, describe, load_model
from components.index_state import IndexState, decode_state, encode_state, read_state
from components.outbox import Outbox, database
from components.searcher import camera_means, snapshot
from components.searcher.camera_means import decode_mean, encode_mean
from components.searcher.index import Index
from components.searcher.snapshot import load_snapshot
from components.store import Store
from components.taught_archive import MANIFEST, encode_archive, read_archive
from components.taught_store import TaughtStore
from tests.cloud_kit import Store as CloudStore
from tests.generations import DIM, make_store, unit_vectors, write_generation
from tests.generations import items as some_items
from tests.mutations import HUGE, damaged, damaged_json
from tests.tuf_repository import TufRepository

MAX_GROWTH_BYTES = 512 * 2**20
LONGEST_S = 10
Damage = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Format:
    """A file as it should be, and who reads it."""

    whole: bytes
    damages: Sequence[Damage]
    read: Callable[[bytes], object]
    """Raises LookalikeError or gives what keeps its promise: else AssertionError."""


@dataclass(frozen=True)
class Tally:
    """What came of the damaged files of one format."""

    tries: int
    refused: int
    problems: tuple[str, ...]
    """Errors that are not declared, one for each file."""


def read_damaged(name: str, count: int, *, broken: bool = False) -> Tally:
    """Read ``count`` damaged files of the format ``name``; ``broken``: with a check of the product left out."""
    command = [sys.executable, "-m", "tests.mutated_formats", name, str(count), *(["broken"] if broken else [])]
    done = subprocess.run(command, capture_output=True, timeout=60 + count, check=False, cwd=Path(__file__).parents[1])
    lines = done.stdout.decode().splitlines()
    if done.returncode == 0:
        said = json.loads(lines[-1])
        return Tally(said["tries"], said["refused"], tuple(said["problems"]))
    how = f"file {lines[-1] if lines else 0}: the process ended with {done.returncode}"
    return Tally(len(lines), 0, (f"{how}: {done.stderr.decode()[-400:]}",))


def _read_all(name: str, count: int, broken: bool) -> Tally:
    refused, problems = 0, []
    with tempfile.TemporaryDirectory() as folder, BREAKS[name][1]() if broken else contextlib.nullcontext():
        made = FORMATS[name](Path(folder))
        made.read(made.whole)  # what is not damaged can be read
        _limit_memory()
        for number in range(count):
            chance = random.Random(f"{name} {number}")
            data = chance.choice(made.damages)(made.whole, chance)
            print(number, flush=True)  # noqa: T201
            signal.alarm(LONGEST_S)
            try:
                made.read(data)
            except LookalikeError:
                refused += 1
            except Exception as error:  # noqa: BLE001  # that is what is looked for
                problems.append(f"file {number}: {error!r:.300}")
            signal.alarm(0)
    return Tally(count, refused, tuple(problems))


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MAX_GROWTH_BYTES,) * 2)


# -- what the damage does not get past the hashes


def _behind_hash(at: int, header: int) -> Damage:
    """Damage with the hash of the body, at ``at`` in the header, made anew."""

    def damage(data: bytes, chance: random.Random) -> bytes:
        out = damaged(data, chance)
        return out[:at] + hashlib.sha256(out[header:]).digest() + out[header:] if len(out) >= header else out

    return damage


def _packed(damage: Damage) -> Damage:
    return lambda data, chance: zstandard.compress(damage(zstandard.decompress(data), chance))


def _claims_more(data: bytes, chance: random.Random) -> bytes:
    """A zstd frame that announces any size."""
    return data[:4] + b"\xc0\x58" + chance.choice(HUGE).to_bytes(8, "little") + data[6:]


def _one_line(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines()
    at = chance.randrange(len(lines))
    lines[at] = damaged_json(lines[at], chance)
    return b"\n".join(lines)


# -- the formats


def _manifest_of(folder: Path) -> tuple[Store, Manifest]:
    store, several = Store(folder), some_items(40, views=2)
    numbers = [field.name for field in dataclasses.fields(Calibration) if field.name != "min_known_by_category"]
    calibration = Calibration(**dict.fromkeys(numbers, 0.5), min_known_by_category={"c1": 0.4})
    write_generation(store, unit_vectors(40), several, tail=10, removed=(3, 4))
    manifest = store.manifest(1)
    return store, dataclasses.replace(manifest, thresholds=Thresholds(0.5, 0.1, calibration))


def _manifest(folder: Path) -> Format:
    _, manifest = _manifest_of(folder)

    def read(data: bytes) -> None:
        said = decode_manifest(data)
        numbers = (said.seq, said.dim, said.items, said.views, *said.tombstones)
        assert all(type(number) is int and number >= 0 for number in numbers), "what counts is no number"
        encode_manifest(said)

    return Format(encode_manifest(manifest), (damaged, damaged_json), read)


def _generation(folder: Path) -> Format:
    store, manifest = _manifest_of(folder)
    expected = load_snapshot(store, 1).item_of

    def read(data: bytes) -> None:
        (folder / "generations" / "1.json").write_bytes(data)
        loaded = load_snapshot(store, 1)
        assert loaded.item_of == expected[: len(loaded.vectors)], "vectors of other items"
        load_catalog(store, 1)
        Index(loaded).search(np.ones(loaded.manifest.dim, np.float32), 3)

    return Format(encode_manifest(manifest), (damaged_json, _with_swapped_objects), read)


def _with_swapped_objects(data: bytes, chance: random.Random) -> bytes:
    document = json.loads(data)
    places = [(document, "projection")]
    places += [(segment, name) for segment in document["segments"] for name in ("vectors", "rows")]
    (one, name), (other, second) = chance.sample(places, 2)
    one[name], other[second] = other[second], one[name]
    return json.dumps(document).encode()


def _segment(folder: Path) -> Format:
    def read(data: bytes) -> None:
        vectors = decode_segment(data).vectors
        assert np.all(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 0.02), "vectors that are not of unit length"

    store, _ = make_store(folder)
    whole = store.read_ref(store.manifest(1).segments[0].vectors)
    return Format(whole, (damaged, _behind_hash(32, 64)), read)


def _rows(folder: Path) -> Format:
    store, _ = make_store(folder)
    ref = store.manifest(1).segments[0].rows

    def read(data: bytes) -> None:
        rows = items.decode_rows(store.read_rows(store.write_object(data)), first_ordinal=0, count=200)
        assert [row.ordinal for row in rows] == list(range(200))

    return Format(store.read_ref(ref), (damaged, _packed(damaged), _packed(_one_line), _claims_more), read)


def _projection(_: Path) -> Format:
    chance = np.random.default_rng(0)
    means, matrix = chance.normal(size=(2, DIM)).astype(np.float32), chance.normal(size=(DIM, 8)).astype(np.float32)

    def read(data: bytes) -> None:
        decoded = projection.decode_projection(data)
        with np.errstate(all="ignore"):
            decoded.query(np.ones((1, decoded.raw_dim), np.float32))
        assert np.isfinite(decoded.matrix).all(), "numbers that are not finite"

    return Format(
        projection.encode_projection(projection.Projection(means[0], means[1], matrix)),
        (damaged, _behind_hash(32, 64)),
        read,
    )


def _golden(_: Path) -> Format:
    whole = Golden(unit_vectors(5, 64), tuple(f"item-{n}" for n in range(5)))

    def read(data: bytes) -> None:
        decoded = golden.decode_golden(data)
        assert np.isfinite(decoded.embeddings).all(), "numbers that are not finite"
        decoded.failures(lambda _: "item-1")

    return Format(golden.encode_golden(whole), (damaged, _behind_hash(32, 64)), read)


def _model(_: Path) -> Format:
    net = Model("net", "", 8, Preprocessing(), "Apache-2.0", "test", b"<net/>", b"weights")
    return Format(describe(net), (damaged, damaged_json), lambda data: load_model(net.xml, net.bin, data))


def _place_metadata(folder: Path) -> Format:
    """A channel's signed metadata: each role's file, all signed again with the right keys where that can be done."""
    names = ("timestamp.json", "1.snapshot.json", "1.targets.json", "2.root.json")
    made = TufRepository()
    for seq in (1, 2):
        made.offer(seq, b"manifest")
    made.write()
    made.rotate("timestamp", made.signers["timestamp"])
    made.write_timestamp()
    whole = dict(made.files)
    role = {name: name.split(".")[-2] for name in names}

    def damage(data: bytes, chance: random.Random) -> bytes:
        name = chance.choice(names)
        path = made.path(name)
        changed = chance.choice((damaged, damaged_json, sign(role[name])))(whole[path], chance)
        return json.dumps({path: changed.decode("latin-1")}).encode()

    def sign(who: str) -> Damage:
        def damage_signed(data: bytes, chance: random.Random) -> bytes:
            signed = json.loads(damaged_json(json.dumps(json.loads(data)["signed"]).encode(), chance))
            with contextlib.suppress(Exception):  # what has no canonical form cannot be signed
                signatures = [s.sign(encode_canonical(signed).encode()).to_dict() for s in made.signers[who]]
                return json.dumps({"signatures": signatures, "signed": signed}).encode()
            return data

        return damage_signed

    def read(data: bytes) -> None:
        made.files = {**whole, **{path: text.encode("latin-1") for path, text in json.loads(data).items()}}
        with tempfile.TemporaryDirectory(dir=folder) as own:
            seen = Trust(Path(own), made.trusted_root, made.fetch, made.channel)
            seen.refresh()
            for seq in seen.versions():
                assert seen.manifest(seq) == b"manifest"

    return Format(b"{}", (damage,), read)


def _own_metadata(folder: Path) -> Format:
    """What a device keeps of it: damaged, it is got anew."""
    made = TufRepository()
    made.offer(1, b"manifest")
    made.write()
    Trust(folder, made.trusted_root, made.fetch, made.channel).refresh()
    whole = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json") if path.is_file()}

    def damage(_: bytes, chance: random.Random) -> bytes:
        name = chance.choice(sorted(whole))
        return json.dumps(
            {name: chance.choice((damaged, damaged_json))(whole[name], chance).decode("latin-1")}
        ).encode()

    def read(data: bytes) -> None:
        for name, content in whole.items():
            (folder / name).write_bytes(content)
        for name, text in json.loads(data).items():
            (folder / name).write_bytes(text.encode("latin-1"))
        try:
            assert Trust(folder, made.trusted_root, made.fetch, made.channel).versions() == (1,)
        except LookalikeError as error:
            raise AssertionError(f"it is not got anew: {error}") from error

    return Format(b"{}", (damage,), read)


def _trusted_root(folder: Path) -> Format:
    made = TufRepository()

    def read(data: bytes) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            Trust(Path(own), data, made.fetch, made.channel).refresh()

    return Format(made.trusted_root, (damaged, damaged_json), read)


def _in_archive(data: bytes, chance: random.Random) -> bytes:
    """One member of a zip damaged, with the hashes in the manifest made anew."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(sorted(members))
    as_json = {".json": damaged_json, ".jsonl": _one_line}.get(Path(name).suffix, damaged)
    members[name] = chance.choice((damaged, as_json))(members[name], chance)
    if name != MANIFEST:
        manifest = json.loads(members[MANIFEST])
        manifest["members"][name] = hashlib.sha256(members[name]).hexdigest()
        members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _taught_archive(folder: Path) -> Format:
    item = TaughtItem(item_id="i1", own=True, title="Item", state="active")
    view = TaughtView(
        view_id="v1", item_id="i1", model="a" * 64, embedding=unit_vectors(1, 8)[0], source="taught", state="active"
    )

    def read(data: bytes) -> None:
        (folder / "archive").write_bytes(data)
        read_archive(folder / "archive")

    return Format(encode_archive(TaughtCatalog({"i1": item}, (view,)), lambda _: None), (damaged, _in_archive), read)


def _taught_database(folder: Path) -> Format:
    with contextlib.closing(TaughtStore(folder)) as taught:
        for number in range(20):
            item = TaughtItem(item_id=f"i{number}", own=True, title="Item", state="active")
            taught.change("save", 1.0, items=[item])
        path = taught.path

    def read(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.closing(TaughtStore(folder, read_only=True)) as taught:
            taught.catalog()
            taught.operations()

    return Format(path.read_bytes(), (damaged,), read)


def _outbox(folder: Path) -> Format:
    """Whatever is damaged, what comes once that was noticed gets to the cloud, and what was lost is told."""
    with contextlib.closing(Outbox(folder)) as outbox:
        outbox.add([Document(kind, b'{"n":%d}' % n) for n in range(30) for kind in KINDS], lost=3)
        outbox.remove(outbox.figures().epoch, range(1, 20))
        outbox.mirror(TAUGHT, {f"item:{n}": b'{"n":0}' for n in range(9)}, gone_document)

    def read(data: bytes) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as own, contextlib.closing(Outbox(Path(own))) as outbox:
            (Path(own) / "outbox.1.sqlite").write_bytes(data)
            outbox.mirror(TAUGHT, {"item:1": b'{"n":1}'}, gone_document)
            sent = []
            for number in range(5):  # some damage is met late
                outbox.add([Document(MATCHES, b'{"n":"new %d"}' % number)])
                sent += _drained(outbox)
            names = {event.get("n") for event in sent}
            assert "new 4" in names, f"what came afterwards is lost; {len(sent)} came"
            lost = {f"new {number}" for number in range(5)} - names
            assert not lost or any(event.get("reason") == "damaged" for event in sent), f"{lost} are lost, and not told"

    return Format((folder / "outbox.1.sqlite").read_bytes(), (damaged,), read)


def _drained(outbox: Outbox) -> list[dict[str, Any]]:
    """What of the outbox gets to a cloud that takes everything."""
    store, now_s = CloudStore(), 0.0

    class Uplink:
        def publish_to_iot_core(self, topic: str, payload: bytes, qos: int = 1) -> None:
            drain.hear(store.keep(payload)[1])

    drain = Drain(outbox, Uplink(), "t", DrainSettings(batches_per_s=1e6, gather_s=0.0), lambda: now_s)
    while now_s < 30.0 and outbox.figures().depth:
        now_s += drain.send_due()
    return list(store.events.values())


def _acknowledgement(_: Path) -> Format:
    whole = b'{"thing":"t","epoch":"e","kind":"matches","first_seq":1,"last_seq":9}'
    return Format(whole, (damaged, damaged_json), lambda data: Acknowledgement.of(data).range)


def _camera_mean(_: Path) -> Format:
    whole = encode_mean("camera", ("a", "b"), CameraMean(8, unit_vectors(1, 8)[0], 3))
    return Format(whole, (damaged,), lambda data: decode_mean(data, "camera"))


def _state(folder: Path) -> Format:
    state = IndexState(active=7, channel="stable", high_water_mark={"stable": 7}, manifests={7: "a" * 64})
    state = state.with_refused(6, "too slow", "latest", "stable").with_staged(8, "b" * 64)

    def crc(data: bytes, chance: random.Random) -> bytes:
        document = json.loads(damaged_json(data, chance))
        if isinstance(document, dict):
            document.pop("crc", None)
            document["crc"] = zlib.crc32(json.dumps(document, sort_keys=True).encode())
        return json.dumps(document).encode()

    def read(data: bytes) -> None:
        (folder / "state.json").write_bytes(data)
        read_state(folder)
        encode_state(decode_state(data))

    return Format(encode_state(state), (damaged, crc), read)


def _tar(folder: Path) -> Format:
    files = {f"objects/{n:02x}/{n}": bytes([n]) * (n * 100) for n in range(12)}
    with tarfile.open(folder / "whole.tar", "w") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))

    def header(data: bytes, chance: random.Random) -> bytes:
        """One header damaged, with its checksum made anew."""
        out = bytearray(data)
        at = chance.choice([n for n in range(0, len(data), 512) if data[n : n + 8] == b"objects/"])
        place, size = chance.choice(((0, 100), (124, 12), (156, 1), (157, 100), (257, 8), (345, 155)))
        odd = (
            b"\xff" * size,
            b"\x80" + chance.randbytes(size - 1),
            chance.randbytes(size),
            b"7" * size,
            b"x",
            b"g",
            b"S",
            b"L",
        )
        filling = chance.choice(odd)[:size]
        out[at + place : at + place + len(filling)] = filling
        if chance.random() < 0.2:  # an extended header of any size
            out[at + 156 : at + 157], out[at + 124 : at + 136] = (
                chance.choice((b"L", b"K", b"x", b"g")),
                b"7" * 11 + b"\0",
            )
        out[at + 148 : at + 156] = b" " * 8
        out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
        return bytes(out)

    def read(data: bytes) -> None:
        (folder / "place.tar").write_bytes(data)
        source = TarSource(folder / "place.tar")
        for name in files:
            with contextlib.suppress(LookalikeError):
                read_small(source, name, 2_000)
        read_small(source, "objects/05/5", 2_000)

    return Format((folder / "whole.tar").read_bytes(), (damaged, header), read)


FORMATS: dict[str, Callable[[Path], Format]] = {
    "manifest": _manifest,
    "generation": _generation,
    "segment": _segment,
    "rows": _rows,
    "projection": _projection,
    "golden queries": _golden,
    "model.json": _model,
    "metadata of a channel": _place_metadata,
    "own metadata": _own_metadata,
    "trusted root": _trusted_root,
    "state.json": _state,
    "tar": _tar,
    "taught archive": _taught_archive,
    "taught database": _taught_database,
    "camera mean": _camera_mean,
    "outbox": _outbox,
    "acknowledgement": _acknowledgement,
}


# -- what is left out of the product, to see that it is missed


@contextlib.contextmanager
def _with(place: Any, **replaced: Any) -> Iterator[None]:
    """A part of the product with something else in it; an error that is replaced there is not converted any more."""
    before = {name: vars(place)[name] for name in replaced if name in vars(place)}
    for name, value in replaced.items():
        setattr(place, name, value)
    try:
        yield
    finally:
        for name in replaced:
            setattr(place, name, before[name]) if name in before else delattr(place, name)


class _Unknown(Exception):
    """What nobody raises."""


def _but(module: ModuleType, **replaced: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(module), **replaced})


def _all_rows(data: bytes, **_: int) -> list[items.Row]:
    return [items.decode_row(line) for line in data.splitlines()]


BREAKS: dict[str, tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]] = {
    "manifest": ("numbers unchecked", lambda: _with(generations, count=lambda value: value, text=lambda value: value)),
    "generation": ("rows not compared", lambda: _with(snapshot, decode_rows=_all_rows)),
    "segment": (
        "no look at the vectors",
        lambda: _with(segments, _checked=lambda body, count, dim: np.frombuffer(body, "<f2").reshape(count, dim)),
    ),
    "rows": ("no cap of their size", lambda: _with(store_module, MAX_ROWS_BYTES=2**63)),
    "projection": ("infinity allowed", lambda: _with(projection, np=_but(np, isfinite=np.ones_like))),
    "golden queries": ("infinity allowed", lambda: _with(golden, np=_but(np, isfinite=np.ones_like))),
    "model.json": ("text unchecked", lambda: _with(model, _text=lambda said, name: said[name])),
    "metadata of a channel": ("tuf's errors not converted", lambda: _with(trust, RepositoryError=_Unknown)),
    "own metadata": (
        "damage not expected",
        lambda: _with(updater, exceptions=_but(updater.exceptions, RepositoryError=_Unknown)),
    ),
    "trusted root": ("tuf's errors not converted", lambda: _with(trust, RepositoryError=_Unknown)),
    "state.json": ("ValueError not converted", lambda: _with(index_state, ValueError=_Unknown)),
    "tar": ("sizes believed", lambda: _with(tar._Whole, read=lambda self, size=-1: self._file.read(size))),
    "taught archive": ("ValueError not converted", lambda: _with(taught_archive, ValueError=_Unknown)),
    "taught database": (
        "damage not converted",
        lambda: _with(taught_store, sqlite3=_but(sqlite3, DatabaseError=_Unknown)),
    ),
    "camera mean": ("refusal not declared", lambda: _with(camera_means, FormatError=_Unknown)),
    "outbox": ("damage not expected", lambda: _with(database, _is_damage=lambda _: False)),
    "acknowledgement": ("ValueError not converted", lambda: _with(outbox_documents, ValueError=_Unknown)),
}
"""Format -> what is left out, and how."""


if __name__ == "__main__":
    tally = _read_all(sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["broken"])
    print(json.dumps(dataclasses.asdict(tally)))  # noqa: T201
