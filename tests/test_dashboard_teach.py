"""Teaching over HTTP: the dashboard's API on one side of a bus, the searcher's teaching on the other."""

import io
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from dashboard_kit import Client, jpeg, make_app, publish, result

from components.bus import LocalBus
from components.core.messages import TAUGHT_TOPIC, TEACH_TOPIC
from components.ram import preview_path, write_aside
from components.searcher.teaching_service import Inbox, answer_wishes
from components.taught_archive import read_archive
from dashboard.catalogs import StoredCatalogs
from tests.teaching_kit import Device, near, sides


class Shop:
    """A device whose searcher and dashboard share a bus in memory."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.bus = LocalBus()
        self.device = Device(folder, learn="confirm")
        self.ram_dir = self.device.ram_dir
        inbox, self._stop = Inbox(), threading.Event()
        self.bus.subscribe(TEACH_TOPIC, inbox.receive)
        work = (self.bus, inbox, self.device.teaching, self.device.taught, self.device.activation.relay, self._stop)
        self._thread = threading.Thread(target=answer_wishes, args=work)
        self._thread.start()
        source = StoredCatalogs(self.device.index_dir)
        self.app = make_app(
            self.bus, self.ram_dir, source=source, operate=True, taught_dir=str(folder / "taught"), **settings
        )  # type: ignore[arg-type]
        self.ask = Client(self.app)

    def post(self, path: str, status: int, method: str = "POST", **fields: object) -> dict:
        """What is answered to ``fields``, with this status."""
        answer = self.ask(path, method, json=fields)
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    def get(self, path: str) -> dict:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    def see(self, embedding: np.ndarray) -> str:
        """The camera shows this: a preview in RAM and a query on its way."""
        write_aside(preview_path(self.ram_dir, "camera"), jpeg(640, 360))
        return self.device.show(embedding)

    def teach(self, views: list[np.ndarray], title: str, **texts: object) -> dict:
        item_id = self.post("/api/v1/teach", 201)["draft"]["item_id"]
        for embedding in views:
            self.see(embedding)
            self.post(f"/api/v1/teach/{item_id}/views", 201)
        return self.post("/api/v1/items", 201, item_id=item_id, title=title, **texts)["item"]

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with closing(Shop(tmp_path)) as shop:
        yield shop


def test_an_item_is_taught_over_http_and_shown_with_its_title_and_picture(shop: Shop) -> None:
    publish(shop.bus, result("q", None, region=(0.25, 0.0, 0.5, 1.0)))
    draft = shop.post("/api/v1/teach", 201)["draft"]
    assert (draft["views"], draft["least"], draft["good"], draft["most"], draft["looks_like"]) == ([], 3, 5, 8, None)
    for number, embedding in enumerate(sides(1), 1):
        shop.see(embedding)
        draft = shop.post(f"/api/v1/teach/{draft['item_id']}/views", 201)["draft"]
        assert len(draft["views"]) == number
    picture = shop.ask(draft["views"][0]["thumbnail"])
    assert (picture.mimetype, len(picture.data) <= 15 * 1024) == ("image/webp", True)
    assert cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (360, 320)
    item = shop.post("/api/v1/items", 201, item_id=draft["item_id"], title="Чай 茶", category="tea")["item"]
    assert (item["title"], item["category"], item["taught_views"], item["own"]) == ({"": "Чай 茶"}, "tea", 3, True)
    publish(shop.bus, shop.device.ask(near(sides(1)[0], 0.9, 3), origin="camera", captured_ns=time.monotonic_ns()))
    best = shop.get("/api/v1/matches/latest")["result"]["matches"][0]
    assert (best["item_id"], best["title"]) == (draft["item_id"], {"": "Чай 茶"})
    shown = shop.ask(best["thumbnail"])
    assert (shown.data, shown.headers["Cache-Control"]) == (picture.data, "no-cache")
    assert not list((shop.ram_dir / "taught").iterdir())


def test_a_view_without_a_preview_is_taken_without_a_picture(shop: Shop) -> None:
    draft = shop.post("/api/v1/teach", 201)["draft"]
    shop.device.show(sides(1)[0])
    draft = shop.post(f"/api/v1/teach/{draft['item_id']}/views", 201)["draft"]
    assert [view["thumbnail"] for view in draft["views"]] == [""]


def test_a_refused_view_says_why_and_what_to_do(shop: Shop) -> None:
    address = f"/api/v1/teach/{shop.post('/api/v1/teach', 201)['draft']['item_id']}/views"
    assert shop.post(address, 409)["error"]["code"] == "no_picture"
    shop.see(sides(2)[0])
    shop.device.show(sides(1)[0], times=1)
    error = shop.post(address, 409)["error"]
    assert (error["code"], error["guidance"]) == ("unsteady", "hold_still")
    assert error["message"] == "The picture is moving: hold the item still."
    shop.see(sides(1)[0])
    shop.post(address, 201)
    shop.see(sides(1)[0])
    assert shop.post(address, 409)["error"]["code"] == "same_view"
    shop.see(sides(5)[0])
    assert shop.post(address, 409)["error"]["code"] == "other_item"
    assert len(shop.post(address, 201, sure=True)["draft"]["views"]) == 2


def test_what_looks_like_a_known_item_is_said_before_saving_and_can_be_added_to_it(shop: Shop) -> None:
    item_id = shop.post("/api/v1/teach", 201)["draft"]["item_id"]
    for n in range(3):
        shop.see(near(shop.device.vectors[7], 0.8, seed=n))
        draft = shop.post(f"/api/v1/teach/{item_id}/views", 201)["draft"]
    assert (draft["looks_like"]["item_id"], draft["looks_like"]["title"]) == ("item-7", {"": "Item 7"})
    refused = shop.post("/api/v1/items", 409, item_id=item_id, title="Tea")["error"]
    assert (refused["code"], refused["looks_like"]) == ("looks_like", "item-7")
    moved = shop.post(f"/api/v1/teach/{item_id}/move", 200, into="item-7")
    assert shop.get("/api/v1/items?taught")["items"][0]["taught_views"] == 3
    shop.post("/api/v1/teach/undo", 200, operation=moved["operation"])
    assert len(shop.get(f"/api/v1/teach/{item_id}")["draft"]["views"]) == 3
    assert shop.post("/api/v1/items", 201, item_id=item_id, title="Tea", sure=True)["item"]["own"]


def test_items_are_listed_edited_hidden_removed_and_brought_back(shop: Shop) -> None:
    item_id = shop.teach(sides(1), "Tea")["item_id"]
    address = f"/api/v1/items/{item_id}"
    edited = shop.post(address, 200, "PATCH", title="Green tea", description="From Boseong")
    assert (edited["item"]["title"], edited["item"]["description"]) == ({"": "Green tea"}, "From Boseong")
    assert shop.post(address, 200, "PATCH", state="hidden")["item"]["state"] == "hidden"
    assert item_id not in [match.item_id for match in shop.device.ask(sides(1)[0], k=50).matches]
    assert shop.post(address, 200, "PATCH", state="active")["item"]["state"] == "active"
    removed = shop.post(address, 200, "DELETE")
    assert shop.get("/api/v1/items?taught")["items"] == []
    assert shop.ask(address).status_code == 404
    shop.post("/api/v1/teach/undo", 200, operation=removed["operation"])
    assert shop.get(address)["title"] == {"": "Green tea"}
    assert shop.post("/api/v1/teach/undo", 409, operation=removed["operation"])["error"]["code"] == "not_undoable"


def test_a_catalog_item_is_shown_with_the_title_that_was_given_here(shop: Shop) -> None:
    item = shop.post("/api/v1/items/item-3", 200, "PATCH", title="Our tea")["item"]
    assert (item["title"], item["category"], item["own"]) == ({"": "Our tea"}, "c3", False)
    shop.post("/api/v1/items/item-4", 200, "DELETE")
    assert shop.ask("/api/v1/items/item-4").status_code == 404
    assert shop.post("/api/v1/items/item-3", 400, "PATCH", category="tea")["error"]["code"] == "of_catalog"


def test_the_list_has_pages_and_all_items_of_the_catalog(shop: Shop) -> None:
    own = shop.teach(sides(1), "Tea")["item_id"]
    seen: list[str] = []
    while page := shop.get(f"/api/v1/items?limit=20&after={seen[-1] if seen else ''}"):
        seen += [item["item_id"] for item in page["items"]]
        if not page["more"]:
            break
    assert seen == sorted([own, *(f"item-{n}" for n in range(50))])


def test_all_that_was_taught_is_one_file(shop: Shop, tmp_path: Path) -> None:
    item_id = shop.teach(sides(1), "Tea")["item_id"]
    answer = shop.ask("/api/v1/taught.zip")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    (tmp_path / "taught.zip").write_bytes(answer.data)
    archive = read_archive(tmp_path / "taught.zip")
    assert (archive.catalog.items[item_id].title, len(archive.thumbnails)) == ("Tea", 1)


def test_a_confirmed_answer_is_learned_after_the_second_time(shop: Shop) -> None:
    shown = near(shop.device.vectors[7], 0.7, seed=1)
    for state in ("waiting_views", "taught_views"):
        shop.device.wall.now += 60
        judged = {"query_id": shop.see(shown), "item_id": "item-7"}
        assert shop.post("/api/v1/feedback", 200, **judged, verdict="right") == {"learned": True}
        assert shop.get("/api/v1/items?taught")["items"][0][state] == 1
    assert shop.post("/api/v1/feedback", 200, **judged, verdict="none") == {"learned": False}
    assert shop.post("/api/v1/feedback", 404, query_id="x", item_id="item-7", verdict="right")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/teach", b"[]", 400),
        ("POST", "/api/v1/teach", b"{", 400),
        ("POST", "/api/v1/teach", b'{"item_id": 5}', 400),
        ("POST", "/api/v1/teach", b'{"item_id": "nobody"}', 404),
        ("GET", "/api/v1/teach/nobody", b"", 404),
        ("POST", "/api/v1/teach/nobody/views", b"", 404),
        ("POST", "/api/v1/teach/nobody/views", b'{"sure": 1}', 400),
        ("POST", "/api/v1/teach/item-1/move", b'{"into": "item-2"}', 404),
        ("DELETE", "/api/v1/teach/views/x", b"", 404),
        ("GET", "/api/v1/teach/views/x/thumbnail", b"", 404),
        ("POST", "/api/v1/teach/undo", b'{"operation": true}', 400),
        ("POST", "/api/v1/teach/undo", b'{"operation": 99999999999999999999}', 400),
        ("POST", "/api/v1/items", b'{"item_id": "item-1", "title": "x"}', 404),
        ("PATCH", "/api/v1/items/item-1", b'{"title": "' + b"x" * 201 + b'"}', 400),
        ("PATCH", "/api/v1/items/item-1", b'{"title": "\\ud800"}', 400),
        ("PATCH", "/api/v1/items/item-1", b'{"price": "1"}', 400),
        ("PATCH", "/api/v1/items/item-1", b'{"state": "removed"}', 400),
        ("PATCH", "/api/v1/items/item-1", b'{"state": "hidden", "title": "x"}', 400),
        ("GET", "/api/v1/items?limit=1000", b"", 400),
        ("POST", "/api/v1/feedback", b'{"query_id": "q", "verdict": "maybe"}', 400),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    shop: Shop, method: str, path: str, body: bytes, status: int
) -> None:
    answer = shop.ask(path, method, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.get_json()
    assert answer.get_json()["error"]["message"]


def test_a_searcher_that_is_away_is_said_in_time(tmp_path: Path) -> None:
    bus = LocalBus()
    app = make_app(bus, tmp_path, operate=True, teach_timeout_s=0.05)
    answer = Client(app)("/api/v1/teach", "POST")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (504, "timeout")
    bus.publish(TAUGHT_TOPIC, b"{}")  # what is no answer changes nothing
    assert Client(app)("/healthz").status_code == 200


def test_a_damaged_file_of_taught_items_takes_nothing_else_away(tmp_path: Path) -> None:
    (tmp_path / "taught-items").mkdir()
    (tmp_path / "taught-items" / "taught.sqlite").write_bytes(b"no database" * 500)
    client = Client(make_app(LocalBus(), tmp_path, operate=True))
    assert client("/api/v1/items/apple").get_json()["price"] == "2.49"
    assert client("/api/v1/items?taught").get_json() == {"items": [], "more": False, "total": 0}
