"""The builder adopts what devices told the cloud: their own documents, in a folder and in S3."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cloud_template import Stack
from iot_rules import Cloud
from object_place import BUCKET, as_device, put, s3_server, write_tree
from publish_kit import make_keys, published
from update_kit import confirmed, passed

from cloud_sync.drain import outbox_topic
from cloud_sync.index.orders import UPDATE, Orders
from components.catalog import load_catalog
from components.core.errors import BadContentError, ConfigurationError, FormatError, LookalikeError, UnavailableError
from components.core.outbox_documents import REFUSED, TAUGHT, Batch, batches
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model
from components.outbox import Outbox
from components.searcher import taught_cli
from components.searcher.taught_upstream import TaughtUpstream
from components.store import Store
from dashboard.views import item_view
from index_builder import taught_places
from index_builder.catalog import Entry
from index_builder.cli import main
from index_builder.inspection import inspect
from index_builder.publish.folder_place import FolderPlace
from index_builder.taught import Adopted, adopt
from tests.generations import MODEL
from tests.teaching_kit import Device, item, sides, view

CATALOG = [Entry(item_id=f"item-{n}", title={"": f"Item {n}"}, price="2.49") for n in range(50)]
RULES = Stack().of_type("AWS::IoT::TopicRule")


class Kiosk(Device):
    """A device that tells the cloud what it is taught; ``files`` is what the cloud has kept of it."""

    def __init__(self, folder: Path, thing: str = "kiosk-1", send: str = "embeddings") -> None:
        super().__init__(folder)
        self.outbox_dir, self.thing, self.send = folder / "outbox", thing, send
        self.files: dict[str, bytes] = {}

    def tell(self, epoch: str = "", *, alone: bool = False) -> dict[str, bytes]:
        """Send what is new, as of ``epoch``, each event ``alone`` or as few batches; all that was kept until now."""
        cloud = Cloud(RULES)
        self.taught.refresh()
        with contextlib.closing(Outbox(self.outbox_dir)) as outbox:
            TaughtUpstream(outbox, self.send).tell(self.taught.catalog)
            waiting = outbox.waiting(TAUGHT)
            made = [Batch(TAUGHT, (row,)) for row in waiting.rows] if alone else batches(waiting.rows)
            for batch in made:
                message = batch.encoded(self.thing, epoch or waiting.epoch)
                cloud.receive(outbox_topic(self.thing, TAUGHT), message)
            outbox.remove(waiting.epoch, [row.seq for row in waiting.rows])
        kept = {key.partition("/taught/")[2]: json.dumps(kept).encode() for key, kept in cloud.objects.items()}
        assert all(key.startswith(f"{self.thing}/") for key in kept)
        self.files |= kept
        return self.files

    def forget_outbox(self) -> None:
        """Its disk was damaged."""
        shutil.rmtree(self.outbox_dir)

    def add_view(self, item_id: str, seed: int) -> None:
        """One more view of an item that is there."""
        self.do("begin", item_id=item_id)
        self.show(sides(seed)[0])
        assert self.do("view", item_id=item_id).why == ""


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    return Kiosk(tmp_path / "kiosk-1")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


def adopted(tmp_path: Path, *several: Mapping[str, bytes], entries: list[Entry] | None = None) -> Adopted:
    """What a build would take over of these files in a folder."""
    place = tmp_path / "taught"
    for files in several:
        write_tree(place, files)
    return adopt(str(place), CATALOG if entries is None else entries, MODEL, Store(tmp_path / "out"))


def titles(found: Adopted) -> list[str]:
    return [each.entry.title[""] for each in found.views]


def reasons(found: Adopted) -> list[str]:
    return [f"{failure.picture.rpartition('/')[2]}: {failure.reason}" for failure in found.failures]


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_what_the_cloud_received_is_adopted_as_the_device_s_own_file_is(
    kiosk: Kiosk, tmp_path: Path, kind: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = kiosk.teach(sides(1), "차 Tea", category="drinks", description="From Boseong")
    kiosk.add_view("item-7", 2)
    place = str(tmp_path / "taught")
    if kind == "s3":
        as_device(monkeypatch)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server)
        put(server, kiosk.tell(), "taught")
        place = f"s3://{BUCKET}/taught"
    else:
        write_tree(tmp_path / "taught", kiosk.tell())
    found = adopt(place, CATALOG, MODEL, Store(tmp_path / "out"))
    archive = tmp_path / "taught.zip"
    assert taught_cli.main(["--taught-dir", str(kiosk.store.path.parent), "export", str(archive)], str, print) == 0
    exported = adopt(str(archive), CATALOG, MODEL, Store(tmp_path / "out"))
    assert (found.failures, exported.failures) == ([], [])
    assert [each.entry.item_id for each in found.views] == ["item-7", own, own, own]
    assert [each.entry for each in found.views] == [each.entry for each in exported.views]
    for one, other in zip(found.views, exported.views, strict=True):
        assert (one.embedded.picture, one.picture.by_camera) == (other.embedded.picture, True)
        np.testing.assert_array_equal(one.embedded.embedding, other.embedded.embedding)
        assert one.embedded.thumbnail == ""


def test_batches_count_in_the_order_of_their_numbers_and_each_event_once(kiosk: Kiosk, tmp_path: Path) -> None:
    own = kiosk.teach(sides(1), "Tea 0")
    gone = kiosk.teach(sides(2), "Gone")
    kiosk.tell()
    for number in range(1, 13):
        kiosk.do("edit", item_id=own, title=f"Tea {number}")
        kiosk.tell()
    kiosk.store.change("drop", 1.0, items=[item(gone, state="removed")])
    views = [view(own, view_id="late"), view(own, view_id="later")]
    kiosk.store.change("view", 1.0, views=views)
    before = dict(kiosk.files)
    again = Kiosk(tmp_path / "kiosk-1")  # the same rows once more, alone, as after an acknowledgement that was lost
    shutil.copytree(kiosk.outbox_dir, tmp_path / "as-it-was")
    kiosk.tell()
    shutil.rmtree(kiosk.outbox_dir)
    (tmp_path / "as-it-was").rename(kiosk.outbox_dir)
    kiosk.files |= again.tell(alone=True)
    assert len(kiosk.files) > len(before) + 3
    found = adopted(tmp_path, kiosk.files)
    assert titles(found) == ["Tea 12"] * 5
    assert found.failures == []


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_the_epoch_that_began_last_counts_alone(
    kiosk: Kiosk, tmp_path: Path, kind: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk.teach(sides(1), "Stays")
    gone = kiosk.teach(sides(2), "Gone")
    first, second = ("aaaa", "ffff") if kind == "s3" else ("ffff", "aaaa")  # their names say nothing
    old = dict(kiosk.tell(first))
    kiosk.store.change("drop", 1.0, items=[item(gone, state="removed")])
    kiosk.forget_outbox()
    new = {name: data for name, data in kiosk.tell(second).items() if name not in old}
    if kind == "s3":
        as_device(monkeypatch)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server)
        put(server, old, "epochs")
        time.sleep(1.1)  # S3 tells whole seconds
        put(server, new, "epochs")
        found = adopt(f"s3://{BUCKET}/epochs", CATALOG, MODEL, Store(tmp_path / "out"))
    else:
        write_tree(tmp_path / "taught", {**old, **new})
        times = [(name, 2e9) for name in new] + [(name, 1e9) for name in old]
        for name, at in times:
            os.utime(tmp_path / "taught" / name, (at, at))
        found = adopted(tmp_path)
    assert (titles(found), found.failures) == (["Stays"] * 3, [])


def test_what_is_hidden_removed_gone_or_not_confirmed_stays_on_its_device(kiosk: Kiosk, tmp_path: Path) -> None:
    hidden, removed, kept = (kiosk.teach(sides(seed), f"Item {seed}") for seed in (1, 2, 3))
    kiosk.add_view("item-7", 4)
    kiosk.tell()
    kiosk.do("hide", item_id=hidden)
    kiosk.do("remove", item_id=removed)
    kiosk.do("edit", item_id="item-3", title="Ours")
    kiosk.do("drop", view_id=kiosk.store.catalog().views_of(kept)[0].view_id)
    kiosk.store.change("feedback", 1.0, views=[view("item-7", state="quarantined", source="confirmed")])
    found = adopted(tmp_path, kiosk.tell())
    assert [each.entry.item_id for each in found.views] == ["item-7", kept, kept]
    assert found.failures == []


def test_views_of_another_model_of_no_item_or_without_a_vector_are_listed(tmp_path: Path) -> None:
    kiosk, silent = Kiosk(tmp_path / "kiosk-1"), Kiosk(tmp_path / "kiosk-2", "kiosk-2", send="texts")
    views = [view("tea", model="b" * 64, view_id="v1"), view("item-99", view_id="v2")]
    kiosk.store.change("view", 1.0, items=[item("tea"), item("item-99", own=False)], views=views)
    told = [view("mug", view_id="v3"), view("old", view_id="v4"), view("mug", view_id="v5", state="quarantined")]
    silent.store.change("view", 1.0, items=[item("mug"), item("old", state="hidden")], views=told)
    found = adopted(tmp_path, kiosk.tell(), silent.tell())
    assert found.views == []
    assert [failure.item_id for failure in found.failures] == ["item-99", "tea", "mug"]
    gone, other, none = reasons(found)
    assert gone == "kiosk-1#v2: the catalog does not have its item any more"
    assert other.startswith("kiosk-1#v1: it was taught with model bbbbbbbbbbbb")
    assert none == "kiosk-2#v3: no vector of it came: set send_taught of the device's Searcher to embeddings"


def test_several_devices_add_their_views_to_each_other_s_items(tmp_path: Path) -> None:
    first, second = Kiosk(tmp_path / "1"), Kiosk(tmp_path / "2", "kiosk-2")
    tea, mug = first.teach(sides(1), "Tea"), second.teach(sides(2), "Mug")
    first.add_view("item-7", 3)
    second.add_view("item-7", 4)
    second.store.change("view", 1.0, items=[item(tea, own=False, title="")], views=[view(tea)])  # adopted by then
    copy = first.store.catalog().views_of("item-7")  # from a backup of the other one
    second.store.change("restore", 1.0, views=copy)
    found = adopted(tmp_path, first.tell(), second.tell())
    assert found.failures == []
    assert {each.entry.item_id: titles(found).count(each.entry.title[""]) for each in found.views} == {
        "item-7": 2,
        tea: 4,
        mug: 3,
    }
    assert [each.entry.item_id for each in found.views] == sorted(each.entry.item_id for each in found.views)
    assert len({each.embedded.picture for each in found.views}) == 9


def changed(**fields: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **fields}).encode()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[:-20], "no batch of events"),
        (lambda data: b"\xff\xfe" + data, "no batch of events"),
        (lambda data: b"[" * 10_000, "no batch of events"),
        (lambda data: b"[1]", "no batch of events"),
        (lambda data: data + b" " * 2**14, "more than the 16384"),
        (changed(version=2), "has version 2; this version reads 1"),
        (changed(events=[]), "does not hold events"),
        (changed(events=[{"seq": 999, "event": "gone", "item_id": "x"}]), "does not hold events"),
        (changed(events=[7]), "no batch of events"),
        (changed(thing="kiosk-1"), "of 'kiosk-1'"),
        (changed(epoch="another"), "it says that it is taught"),
        (changed(kind="matches"), "it says that it is matches"),
    ],
)
def test_a_device_of_which_a_batch_cannot_be_read_is_left_out_and_stops_nobody(
    tmp_path: Path, damage: Callable[[bytes], bytes], why: str
) -> None:
    good, bad = Kiosk(tmp_path / "1"), Kiosk(tmp_path / "2", "kiosk-2")
    good.teach(sides(1), "Tea")
    own = bad.teach(sides(2), "Mug")
    bad.tell()
    bad.do("hide", item_id=own)
    files = dict(bad.tell())
    name = list(files)[-1]
    files[name] = damage(files[name])
    found = adopted(tmp_path, good.tell(), files)
    assert titles(found) == ["Tea"] * 3
    (failure,) = found.failures
    assert failure.picture == str(tmp_path / "taught" / name)
    assert "nothing of this device is taken over" in failure.reason
    assert why in failure.reason


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"embedding": "AAAAAA=="}, "unit length"),
        ({"embedding": "!"}, "damaged"),
        ({"embedding": "AAAA"}, "damaged"),
        ({"embedding": ""}, "vector"),
        ({"embedding": 7}, "damaged"),
        ({"model": "x"}, "model must be a sha256"),
        ({"source": "heaven"}, "source 'heaven' is none of"),
        ({"state": "lost"}, "state 'lost' is none of"),
        ({"taken_at": 10**400}, "damaged"),
        ({"taken_at": None}, "taken_at must be a time"),
        ({"looked_like": "\ud800"}, "damaged"),
        ({"event": "seen"}, "does not know what 'seen' means"),
        ({"item_id": "nobody"}, "its item did not come"),
    ],
)
def test_a_view_that_is_damaged_is_listed_and_the_others_are_taken(
    kiosk: Kiosk, tmp_path: Path, damage: dict[str, Any], why: str
) -> None:
    kiosk.store.change(
        "view", 1.0, items=[item("tea")], views=[view("tea", view_id="good"), view("tea", view_id="bad")]
    )
    files = {name: json.loads(data) for name, data in kiosk.tell().items()}
    (event,) = [one for kept in files.values() for one in kept["events"] if one.get("view_id") == "bad"]
    event |= damage
    found = adopted(tmp_path, {name: json.dumps(kept).encode() for name, kept in files.items()})
    assert [each.embedded.picture for each in found.views] == ["taught:good"]
    (failure,) = found.failures
    assert failure.picture == f"{tmp_path / 'taught' / 'kiosk-1'}#bad"
    assert why in failure.reason


@pytest.mark.parametrize("damage", [{"title": 7}, {"own": None}, {"state": [[]]}, {"description": "\udfff"}])
def test_an_item_that_is_damaged_is_listed_with_its_views(kiosk: Kiosk, tmp_path: Path, damage: dict[str, Any]) -> None:
    kiosk.store.change("view", 1.0, items=[item("tea"), item("mug")], views=[view("tea", view_id="v1"), view("mug")])
    files = {name: json.loads(data) for name, data in kiosk.tell().items()}
    (event,) = [
        one for kept in files.values() for one in kept["events"] if one["event"] == "item" and one["title"] == "tea"
    ]
    event |= damage
    found = adopted(tmp_path, {name: json.dumps(kept).encode() for name, kept in files.items()})
    assert titles(found) == ["mug"]
    assert [failure.picture.rpartition("#")[2] for failure in found.failures] == ["tea", "v1"]


def test_events_that_never_came_are_listed(kiosk: Kiosk, tmp_path: Path) -> None:
    kiosk.teach(sides(1), "Tea")
    kiosk.tell()
    kiosk.add_view("item-7", 2)
    with contextlib.closing(Outbox(kiosk.outbox_dir)) as outbox:
        TaughtUpstream(outbox, "embeddings").tell(kiosk.taught.catalog)
        waiting = outbox.waiting(TAUGHT)
        outbox.quarantine(waiting.epoch, waiting.rows[-1], "never taken", REFUSED)
    found = adopted(tmp_path, kiosk.tell())
    assert titles(found) == ["Tea"] * 3
    assert reasons(found) == ["kiosk-1#: 1 events of the device never came (refused)"]


def test_a_place_without_what_devices_told_is_one_sentence(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_device(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server)
    write_tree(tmp_path / "events", {"taught/kiosk-1/aaaa/1-2.json": b"{}", "notes.txt": b""})
    expected: list[tuple[str, type[LookalikeError], str]] = [
        (str(tmp_path / "events"), BadContentError, "holds nothing that devices told"),
        (f"s3://{BUCKET}/nothing", BadContentError, "holds nothing that devices told"),
        ("s3://no-such-bucket/taught", UnavailableError, "no-such-bucket.*look at the name of the bucket"),
        ("s3:/taught", ConfigurationError, "expected s3://bucket/prefix"),
        (str(tmp_path / "nowhere"), UnavailableError, "cannot be read"),
        (str(tmp_path / ("n" * 300)), UnavailableError, "cannot be read"),
    ]
    for place, error, why in expected:
        with pytest.raises(error, match=why):
            adopt(place, CATALOG, MODEL, Store(tmp_path / "out"))


def test_a_device_s_folder_that_may_not_be_looked_into_does_not_pass_for_empty(
    kiosk: Kiosk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk.teach(sides(1), "Tea")
    write_tree(tmp_path / "taught", kiosk.tell())
    closed = tmp_path / "taught" / "kiosk-2"
    closed.mkdir(mode=0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # its parents are for their owner alone
    me = os.geteuid()
    os.seteuid(me or 65534)
    try:
        with pytest.raises(UnavailableError, match=r"taught/kiosk-2 cannot be read \(Permission denied\)"):
            adopt("taught", CATALOG, MODEL, Store(tmp_path / "out"))
    finally:
        os.seteuid(me)
        closed.chmod(0o755)


def test_more_batches_than_a_build_takes_are_refused(
    kiosk: Kiosk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk.teach(sides(1), "Tea")
    monkeypatch.setattr(taught_places, "MAX_BATCHES", 3)
    with pytest.raises(FormatError, match="more than 3 batches"):
        adopted(tmp_path, kiosk.tell(alone=True))


def picture(seed: int) -> Any:
    """A few colored shapes, another one for every seed."""
    rng = np.random.default_rng(seed)
    image = np.full((96, 96, 3), rng.integers(0, 255, 3), np.uint8)
    for _ in range(6):
        x, y, radius = rng.integers(0, 96, 3).tolist()
        cv2.circle(image, (x, y), radius // 3 + 2, rng.integers(0, 255, 3).tolist(), -1)
    return image


def test_an_item_taught_at_one_device_is_found_by_another_with_the_next_index(
    tmp_path: Path, model: Model, model_dir: Path
) -> None:
    catalog = tmp_path / "shop"
    catalog.mkdir()
    for seed in range(12):
        cv2.imwrite(str(catalog / f"item-{seed:02}.png"), picture(seed))
    options = ["--catalog", str(catalog), "--model", str(model_dir), "--camera-views", "2", "--threads", "2"]
    assert main(["build", *options, "--out", str(tmp_path / "1" / "index")]) == 0
    kiosk, embedder = Kiosk(tmp_path / "1"), Embedder(model, device="CPU", cache_dir=None, threads=2)
    size = model.preprocessing.size
    turned = [cv2.resize(np.rot90(picture(99), turns), (size, size)) for turns in range(4)]
    *views, asked = embedder.embed_all(turned, 2)
    item_id = kiosk.do("begin").item_id
    for embedding in views:
        kiosk.show(embedding, model=model.digest)
        assert kiosk.do("view", item_id=item_id, sure=True).why == ""
    assert kiosk.do("save", item_id=item_id, title="Tea", sure=True).why == ""
    write_tree(tmp_path / "taught", kiosk.tell())
    assert main(["build", *options, "--out", str(tmp_path / "next"), "--taught", str(tmp_path / "taught")]) == 0
    store, keys, place = Store(tmp_path / "next"), make_keys(tmp_path / "keys"), tmp_path / "place"
    assert (inspect(store, 1).items, inspect(store, 1).thumbnails) == (13, 12)
    published(store, 1, FolderPlace(place), keys)
    orders = Orders(
        work=UPDATE,
        index_dir=str(tmp_path / "2" / "index"),
        source=str(place),
        trusted_root=keys.root_file(1).decode(),
        keep_free_bytes=0,
    )
    assert passed(orders).reason == ""
    confirmed(tmp_path / "2" / "index")
    other = Kiosk(tmp_path / "2", "kiosk-2")
    assert other.ask(asked, model=model.digest).matches[0].item_id == item_id
    found = load_catalog(other.generations, 1).get(item_id)
    assert found is not None
    shown = item_view(found, 1)
    assert (shown["title"], shown["thumbnail"]) == ({"": "Tea"}, ""), (
        "without a picture the kiosk shows the first letter"
    )
