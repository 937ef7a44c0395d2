"""The builder adopts what was taught at a camera: the device's own file becomes views of the catalog."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import FormatError
from components.searcher import taught_cli
from components.store import Store
from index_builder.catalog import Entry, Picture
from index_builder.taught import adopt, joined
from tests.generations import MODEL
from tests.teaching_kit import Device, item, sides, view

CATALOG = [Entry(item_id=f"item-{n}", title={"": f"Item {n}"}, price="2.49") for n in range(50)]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "device")


def exported(device: Device, path: Path) -> Path:
    assert taught_cli.main(["--taught-dir", str(device.store.path.parent), "export", str(path)], str, print) == 0
    return path


def test_taught_items_and_views_added_to_catalog_items_are_adopted(device: Device, tmp_path: Path) -> None:
    own = device.teach(sides(1), "Tea", category="drinks", description="From Boseong")
    device.do("begin", item_id="item-7")
    device.show(sides(2)[0])
    device.do("view", item_id="item-7")
    adopted = adopt(str(exported(device, tmp_path / "taught.zip")), CATALOG, MODEL, Store(tmp_path / "out"))
    assert adopted.failures == []
    assert [each.entry.item_id for each in adopted.views] == ["item-7", own, own, own]
    assert all(each.picture.by_camera for each in adopted.views)
    assert adopted.views[0].entry is CATALOG[7]
    entry = adopted.views[1].entry
    assert (entry.title, entry.category, entry.description) == ({"": "Tea"}, "drinks", "From Boseong")
    for each, embedding in zip(adopted.views[1:], sides(1), strict=True):
        np.testing.assert_array_equal(each.embedded.embedding, embedding)
    assert len({each.embedded.picture for each in adopted.views}) == 4


def test_adopted_views_stand_behind_those_of_their_item(device: Device, tmp_path: Path) -> None:
    own = device.teach(sides(1), "Tea")
    device.do("begin", item_id="item-7")
    device.show(sides(2)[0])
    device.do("view", item_id="item-7")
    adopted = adopt(str(exported(device, tmp_path / "taught.zip")), CATALOG, MODEL, Store(tmp_path / "out")).views
    studio = [dataclasses.replace(adopted[0], entry=CATALOG[n], picture=Picture(f"{n}.jpg")) for n in (6, 7, 8)]
    together = joined(studio, adopted)
    assert [each.entry.item_id for each in together] == ["item-6", "item-7", "item-7", "item-8", own, own, own]
    assert [each.picture.by_camera for each in together] == [False, False, True, False, True, True, True]


def test_what_is_hidden_removed_or_not_confirmed_stays_on_its_device(device: Device, tmp_path: Path) -> None:
    hidden, removed = device.teach(sides(1), "A"), device.teach(sides(2), "B")
    device.do("hide", item_id=hidden)
    device.do("remove", item_id=removed)
    device.do("edit", item_id="item-3", title="Ours")
    device.store.change("feedback", 1.0, views=[view("item-3", state="quarantined", source="confirmed")])
    adopted = adopt(str(exported(device, tmp_path / "taught.zip")), CATALOG, MODEL, Store(tmp_path / "out"))
    assert (adopted.views, adopted.failures) == ([], [])


def test_views_of_another_model_or_of_an_item_that_is_gone_are_listed(device: Device, tmp_path: Path) -> None:
    views = [view("tea", model="b" * 64, view_id="v1"), view("item-99", view_id="v2")]
    device.store.change("view", 1.0, items=[item("tea"), item("item-99", own=False)], views=views)
    path = exported(device, tmp_path / "taught.zip")
    adopted = adopt(str(path), CATALOG, MODEL, Store(tmp_path / "out"))
    assert adopted.views == []
    assert [(failure.item_id, failure.picture) for failure in adopted.failures] == [
        ("item-99", f"{path}#v2"),
        ("tea", f"{path}#v1"),
    ]
    assert "was taught with model bbbbbbbbbbbb" in adopted.failures[1].reason


def test_an_id_that_the_catalog_gave_to_another_item_is_listed_and_a_damaged_file_refused(
    device: Device, tmp_path: Path
) -> None:
    own = device.teach(sides(1), "Tea")
    path = exported(device, tmp_path / "taught.zip")
    adopted = adopt(str(path), [dataclasses.replace(CATALOG[0], item_id=own)], MODEL, Store(tmp_path / "out"))
    assert adopted.views == []
    assert [failure.item_id for failure in adopted.failures] == [own] * 3
    assert "rename that one" in adopted.failures[0].reason
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError):
        adopt(str(path), CATALOG, MODEL, Store(tmp_path / "out"))
