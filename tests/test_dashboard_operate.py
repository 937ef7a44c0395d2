"""The page that teaches, in a real browser: from the first view to the item that is found, and back."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Browser, browser, needs_chromium
from dashboard_kit import free_port, wait_until
from test_dashboard_teach import Shop

from components.ram import preview_path, write_aside
from dashboard.server import serve
from tests.teaching_kit import near, sides

TITLE = "document.querySelector('#title')"


class Counter:
    """A camera over a counter: what lies there is seen ten times a second."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._stop = shop, threading.Event()
        self.shown: np.ndarray = sides(0)[0]
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            hue = int(abs(float(self.shown[0])) * 1000) % 180
            picture = np.full((360, 640, 3), 235, np.uint8)
            color = cv2.cvtColor(np.full((1, 1, 3), (hue, 180, 190), np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
            cv2.rectangle(picture, (230, 70), (410, 300), color.tolist(), -1)
            write_aside(preview_path(self._shop.ram_dir, "camera"), cv2.imencode(".jpg", picture)[1].tobytes())
            self._shop.device.show(self.shown, times=1)
            self._stop.wait(0.1)

    def __enter__(self) -> "Counter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def lay(self, embedding: np.ndarray) -> None:
        """Something else lies there now, at rest."""
        self.shown = embedding
        end = time.monotonic() + 10
        while (seen := self._shop.device.recent.good_view("camera", time.monotonic_ns(), 0.0)) is None or not (
            hasattr(seen, "query") and np.array_equal(seen.query.embedding, embedding)
        ):
            assert time.monotonic() < end
            time.sleep(0.02)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as page:
        yield page


@contextmanager
def opened(tmp_path: Path, chromium: Browser, width: int = 1280, height: int = 800) -> Iterator[tuple[Shop, Counter]]:
    port = free_port()
    with closing(Shop(tmp_path, port=port)) as shop, Counter(shop) as counter:
        up = threading.Event()
        threading.Thread(target=serve, args=(shop.app, "127.0.0.1", port, up.set), daemon=True).start()
        wait_until(up.is_set)
        chromium.errors.clear()
        chromium.size(width, height, reduced_motion=True)
        wait_until(lambda: answers(port))
        chromium.goto(f"http://localhost:{port}/operate/teach")
        chromium.wait_for("document.body.dataset.ready === 'true' && document.body.dataset.camera === 'on'")
        yield shop, counter
        assert chromium.errors == []


def answers(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://localhost:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def take(page: Browser, count: int) -> None:
    page.wait_for("document.querySelector('#take').dataset.busy !== 'true'")
    page.evaluate("document.querySelector('#take').click()")
    page.wait_for(f"document.querySelectorAll('.shots .taken img').length === {count}")


@needs_chromium
def test_an_item_is_taught_saved_and_taken_back(tmp_path: Path, chromium: Browser) -> None:
    with opened(tmp_path, chromium) as (shop, counter):
        for number, embedding in enumerate(sides(1), 1):
            assert chromium.evaluate("document.querySelector('#save').disabled")
            counter.lay(embedding)
            take(chromium, number)
        chromium.evaluate("document.querySelector('#take').click()")
        chromium.wait_for("document.querySelector('#advice').textContent.startsWith('That looks like an earlier view')")
        chromium.evaluate(f"{TITLE}.value = '<b>Oolong</b> 茶'")
        chromium.evaluate("document.querySelector('#save').click()")
        chromium.wait_for("document.querySelector('.row-title')?.value === '<b>Oolong</b> 茶'")
        chromium.wait_for("document.querySelector('.row img').naturalWidth > 0")
        assert "<b>Oolong</b> 茶 is taught" in chromium.evaluate("document.querySelector('#toast-text').textContent")
        assert shop.device.ask(sides(1)[0]).matches[0].item_id.startswith("taught-")
        chromium.evaluate("document.querySelector('#toast-undo').click()")
        chromium.wait_for("document.querySelectorAll('.row').length === 0")
        assert shop.device.ask(sides(1)[0]).matches[0].item_id.startswith("item-")


@needs_chromium
def test_a_known_item_and_a_different_one_are_asked_about(tmp_path: Path, chromium: Browser) -> None:
    with opened(tmp_path, chromium, 390, 844) as (shop, counter):
        for number in range(2):
            counter.lay(near(shop.device.vectors[7], 0.8, seed=number))
            wait_until(lambda: recognized(shop) == "item-7")
            take(chromium, number + 1)
        chromium.wait_for("document.querySelector('#ask-text').textContent.startsWith('This looks like Item 7')")
        counter.lay(sides(9)[0])
        chromium.evaluate("document.querySelector('#take').click()")
        chromium.wait_for("document.querySelector('#ask-text').textContent.includes('Is it the same item?')")
        chromium.evaluate("document.querySelector('#ask-yes').click()")
        chromium.wait_for("document.querySelectorAll('.shots .taken').length === 3")
        chromium.wait_for("document.querySelector('#ask-text').textContent.startsWith('This looks like Item 7')")
        chromium.evaluate("document.querySelector('#ask-yes').click()")
        chromium.wait_for("document.querySelector('.row-title')?.value === 'Item 7'")
        assert chromium.evaluate("document.documentElement.scrollWidth") <= 390
        sizes = chromium.evaluate(
            "[...document.querySelectorAll('button, a, input')].map(e => e.getBoundingClientRect())"
            ".filter(r => r.width).map(r => [r.width, r.height])"
        )
        assert all(w >= 44 and h >= 44 for w, h in sizes), sizes


def recognized(shop: Shop) -> str:
    seen = shop.device.recent._seen[-1]
    return seen.result.matches[0].item_id if seen.result.decision == "match" else ""


@needs_chromium
def test_the_page_speaks_three_languages(tmp_path: Path, chromium: Browser) -> None:
    with opened(tmp_path, chromium):
        for code, text in (("ko", "상품 가르치기"), ("zh", "录入商品"), ("en", "Teach an item")):
            chromium.evaluate(f"document.querySelector('[data-language={code}]').click()")
            chromium.wait_for(f"document.querySelector('h1').textContent === '{text}'")
