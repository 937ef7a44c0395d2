"""The kiosk in a real browser, served by the real web process; and its texts."""

import dataclasses
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import Browser, browser, needs_chromium
from dashboard_kit import Device, choice, jpeg, publish, result, running, wait_until, write_generation

from components.core.messages import GUIDANCE, TEACH_TOPIC, Match, SearchResult, Status, decode
from components.core.teach_messages import Teach
from components.ram import preview_path, write_aside
from dashboard.configuration import LANGUAGES
from tests.meanwhile import meanwhile

STATIC = Path(__file__).parents[1] / "dashboard" / "static"
TEMPLATES = sorted((STATIC.parent / "templates").glob("*.html"))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("kiosk")
    write_generation(folder / "index")
    with Device(folder, max_age_s=1.0) as device:
        yield device.wait_until_up()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as page:
        yield page


@pytest.fixture
def page(device: Device, chromium: Browser) -> Browser:
    chromium.errors.clear()
    chromium.size(1280, 800, reduced_motion=True)
    publish(device.bus, result("before", None, cause="nothing_there"))  # what another test held up is gone
    chromium.goto(f"http://localhost:{device.port}/")
    chromium.wait_for("document.body.dataset.ready === 'true' && document.body.dataset.link === 'up'")
    return chromium


@contextmanager
def shown(device: Device, make: Callable[[int], SearchResult]) -> Iterator[None]:
    """The item lies before the camera: results keep coming."""

    def run(stop: threading.Event) -> None:
        i = 0
        while not stop.is_set():
            i += 1
            publish(device.bus, make(i))
            stop.wait(0.1)

    with meanwhile(run):
        yield


def states(page: Browser) -> None:
    """Have the page note every state that it shows, in ``window.states``."""
    page.evaluate(
        "(window.states = [], new MutationObserver(() => window.states.push(document.body.dataset.state))"
        ".observe(document.body, {attributes: true, attributeFilter: ['data-state']}))"
    )


TITLE = "document.querySelector('#hero-title').textContent"
STATE = "document.body.dataset.state"


@needs_chromium
def test_result_is_shown_and_cleared_when_it_is_stale(device: Device, page: Browser) -> None:
    assert page.evaluate(STATE) == "attract"
    with shown(device, lambda i: result(f"q{i}")):
        page.wait_for(f"{STATE} === 'match' && {TITLE} === 'Apple'")
        page.wait_for("document.querySelector('#hero-picture').naturalWidth === 32")
        assert page.evaluate("document.querySelector('#hero-price').textContent") == "2.49"
        assert page.evaluate("document.querySelector('#hero-place').textContent") == "Aisle 3"
        assert page.evaluate("document.querySelector('#next h3').textContent") == "Pear"
        assert page.evaluate("document.querySelector('#spoken').textContent") == "Apple. 2.49"
    page.wait_for(f"{STATE} === 'attract' && {TITLE} === ''")
    assert page.errors == []


@needs_chromium
def test_item_without_a_picture_shows_the_first_letter_of_its_title(device: Device, page: Browser) -> None:
    visible = "[...document.querySelectorAll('#hero .picture > *')].filter(e => e.getBoundingClientRect().width)"
    with shown(device, lambda i: result(f"q{i}")):
        page.wait_for(f"{TITLE} === 'Apple' && {visible}.map(e => e.id).join() === 'hero-picture'")
    with shown(device, lambda i: result(f"q{i}", "pear")):
        page.wait_for(f"{TITLE} === 'Pear' && {visible}.map(e => e.textContent).join() === 'P'")
    assert page.errors == []


@needs_chromium
def test_title_that_is_markup_is_shown_as_text(device: Device, page: Browser) -> None:
    with shown(device, lambda i: result(f"q{i}", "evil")):
        page.wait_for(f"{TITLE}.startsWith('<img src=x')")
        assert page.evaluate("document.querySelectorAll('#hero-title *').length") == 0
        assert page.evaluate("document.title") == "Lookalike"


@needs_chromium
@pytest.mark.parametrize(("cause", "words"), [("unknown_item", "unknown"), ("unavailable", "none")])
def test_what_is_not_recognized_has_a_screen_with_words_for_the_cause(
    device: Device, page: Browser, cause: str, words: str
) -> None:
    with shown(device, lambda i: result(f"q{i}", None, cause=cause)):
        page.wait_for(f"{STATE} === 'none'")
        assert page.evaluate("document.querySelector('#none-title').textContent") == texts("en")[f"{words}.title"]
        assert page.evaluate("document.querySelector('#spoken').textContent") == texts("en")[f"spoken.{words}"]
        page.evaluate("document.querySelector('[data-language=zh]').click()")
        title = json.dumps(texts("zh")[f"{words}.title"])
        page.wait_for(f"document.querySelector('#none-title').textContent === {title}")
        icons = "[...document.querySelectorAll('#none [data-for]')].filter(e => e.getBoundingClientRect().width)"
        assert page.evaluate(f"{icons}.map(e => e.dataset.for)") == [words]


@needs_chromium
def test_empty_counter_is_nobody_and_not_an_item_that_is_not_recognized(device: Device, page: Browser) -> None:
    states(page)
    with shown(device, lambda i: result(f"q{i}")):
        page.wait_for(f"{STATE} === 'match'")
    with shown(device, lambda i: result(f"q{i}", None, cause="nothing_there")):
        page.wait_for(f"{STATE} === 'attract' && {TITLE} === ''")
        began = page.evaluate("performance.now()")
        wait_until(lambda: page.evaluate("performance.now()") > began + 500)
    assert page.evaluate("window.states") == ["match", "attract"]


@needs_chromium
@pytest.mark.parametrize(
    ("probability", "words", "meter", "percent"),
    [
        (0.8, "sure.high", "item.sure", 80),
        (0.79, "sure.medium", "item.sure", 79),
        (0.41, "sure.low", "item.sure", 41),
        (None, "sure.medium", "item.likeness", 55),
    ],
)
def test_words_and_meter_say_how_probable_the_match_is(
    device: Device, page: Browser, probability: float | None, words: str, meter: str, percent: int
) -> None:
    match = Match("apple", 0.55, probability)
    with shown(device, lambda i: dataclasses.replace(result(f"q{i}"), matches=(match,))):
        page.wait_for(f"{STATE} === 'match'")
        assert page.evaluate("document.querySelector('#hero-sure').textContent") == texts("en")[words]
        assert page.evaluate("document.querySelector('#hero-meter-label').textContent") == texts("en")[meter]
        assert page.evaluate("document.querySelector('#hero-percent').textContent") == f"{percent} %"
        assert page.evaluate("document.querySelector('#hero-meter').value") == percent


CHOICES = "[...document.querySelectorAll('#choices .card-title')].map(e => e.textContent)"


@needs_chromium
def test_one_of_several_items_is_chosen_with_a_key_and_the_device_is_told(device: Device, page: Browser) -> None:
    told: list[Teach] = []
    device.bus.subscribe(TEACH_TOPIC, lambda payload: told.append(decode(Teach, payload)))
    with shown(device, lambda i: choice("asked", *(("apple", "pear") if i % 2 else ("pear", "apple")))):
        page.wait_for(f"{STATE} === 'choice'")
        first = page.evaluate(CHOICES)
        assert sorted(first) == ["Apple", "Pear"]
        assert page.evaluate("document.querySelector('#spoken').textContent") == f"Which of these? {', '.join(first)}."
        page.evaluate("document.querySelectorAll('#choices button')[1].focus()")
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
            )
        page.wait_for(f"{STATE} === 'match' && {TITLE} === {json.dumps(first[1])}")
        assert page.evaluate("document.querySelector('#hero-sure').textContent") == "Your choice"
        assert page.evaluate("document.querySelector('#next h3').textContent") == first[0]
        wait_until(lambda: told)
    assert (told[0].action, told[0].query_id, told[0].verdict) == ("feedback", "asked", "right")
    assert told[0].item_id == first[1].lower()
    page.wait_for(f"{STATE} === 'attract'")
    assert page.errors == []


@needs_chromium
def test_choice_holds_for_one_showing_in_whatever_order_the_items_come_and_can_be_taken_back(
    device: Device, page: Browser
) -> None:
    showing = [1]

    def make(i: int) -> SearchResult:
        items = ("apple", "pear", "evil") if i % 2 else ("pear", "evil", "apple")
        return choice(f"q{i}", *items, showing=showing[0])

    with shown(device, make):
        page.wait_for(f"{STATE} === 'choice'")
        places = page.evaluate(CHOICES)
        states(page)
        page.evaluate(
            f"(window.places = new Set(), setInterval(() => window.places.add(JSON.stringify({CHOICES})), 20))"
        )
        began = page.evaluate("performance.now()")
        wait_until(lambda: page.evaluate("performance.now()") > began + 500)
        page.evaluate("document.querySelector('#choices li[data-item=pear] button').click()")
        page.wait_for(f"{STATE} === 'match' && {TITLE} === 'Pear'")
        wait_until(lambda: page.evaluate("performance.now()") > began + 1200)
        assert page.evaluate("window.states") == ["match"]
        page.evaluate("document.querySelector('#hero-again').click()")
        page.wait_for(f"{STATE} === 'choice'")
        assert [json.loads(seen) for seen in page.evaluate("[...window.places]")] == [places]
        page.evaluate("document.querySelector('#choices li[data-item=pear] button').click()")
        page.wait_for(f"{STATE} === 'match'")
        showing[0] = 2
        page.wait_for(f"{STATE} === 'choice'")


@needs_chromium
def test_one_doubtful_frame_does_not_take_the_choice_away(device: Device, page: Browser) -> None:
    with shown(device, lambda i: result(f"q{i}", None) if i % 3 == 0 else choice(f"q{i}", "apple", "pear")):
        page.wait_for(f"{STATE} === 'choice'")
        states(page)
        began = page.evaluate("performance.now()")
        wait_until(lambda: page.evaluate("performance.now()") > began + 1500)
        assert page.evaluate("window.states") == []


def poor(i: int, guidance: str = "hold_still") -> SearchResult:
    return result(f"p{i}", None, seq=0, cause="poor_picture", guidance=guidance, reason="the item moves")


GUIDE = "document.querySelector('#guide-title').textContent"


@needs_chromium
@pytest.mark.parametrize("guidance", [guidance for guidance in GUIDANCE if guidance])
def test_poor_picture_is_answered_with_what_to_do(device: Device, page: Browser, guidance: str) -> None:
    with shown(device, lambda i: poor(i, guidance)):
        page.wait_for(f"{STATE} === 'guide'")
        assert page.evaluate(GUIDE) == texts("en")[f"guide.{guidance}.title"]
        page.evaluate("document.querySelector('[data-language=ko]').click()")
        page.wait_for(f"{GUIDE} === {json.dumps(texts('ko')[f'guide.{guidance}.title'])}")
        icons = "[...document.querySelectorAll('#guide [data-for]')].filter(e => e.getBoundingClientRect().width)"
        assert page.evaluate(f"{icons}.map(e => e.dataset.for)") == [guidance]
        assert page.evaluate("document.querySelector('#spoken').textContent") == page.evaluate(GUIDE)
    page.wait_for(f"{STATE} === 'attract' && document.body.dataset.guidance === ''")
    assert page.errors == []


@needs_chromium
def test_match_stays_while_the_picture_is_poor(tmp_path: Path, chromium: Browser) -> None:
    write_generation(tmp_path / "index")
    with Device(tmp_path, max_age_s=30.0) as device:
        device.wait_until_up()
        chromium.goto(f"http://localhost:{device.port}/")
        chromium.wait_for("document.body.dataset.ready === 'true' && document.body.dataset.link === 'up'")
        with shown(device, lambda i: result("q")):
            chromium.wait_for(f"{STATE} === 'match'")
        with shown(device, poor):
            chromium.wait_for("document.body.dataset.guidance === 'hold_still'")
            began = chromium.evaluate("performance.now()")
            wait_until(lambda: chromium.evaluate("performance.now()") > began + 1500)
            assert chromium.evaluate(STATE) == "match"
            assert chromium.evaluate("document.querySelector('#advice').textContent") == "Hold it still"


@needs_chromium
def test_item_that_is_being_brought_is_not_told_to_hold_still(device: Device, page: Browser) -> None:
    states(page)
    with shown(device, lambda i: poor(i) if i <= 2 else result(f"q{i}")):
        page.wait_for(f"{STATE} === 'match'")
    assert "guide" not in page.evaluate("window.states")


@needs_chromium
def test_one_doubtful_frame_does_not_take_the_match_away(device: Device, page: Browser) -> None:
    states(page)
    with shown(device, lambda i: result(f"q{i}", None if i % 3 == 0 else "apple")):
        page.wait_for(f"{STATE} === 'match'")
        wait_until(lambda: page.evaluate("performance.now()") > 2500)
    assert "none" not in page.evaluate("window.states")


@needs_chromium
def test_kiosk_survives_the_death_of_its_server(device: Device, page: Browser) -> None:
    with shown(device, lambda i: result(f"q{i}")):
        page.wait_for(f"{STATE} === 'match'")
        before = page.evaluate("document.body.dataset.process")
        pid = device.web_pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # silent, but its connections stay open
        page.wait_for(f"{STATE} === 'attract'")
        os.kill(pid, signal.SIGKILL)
        page.wait_for("document.body.dataset.link === 'lost' || document.body.dataset.process !== '" + before + "'")
        page.wait_for(f"document.body.dataset.process !== '{before}' && {STATE} === 'match' && {TITLE} === 'Apple'", 40)
        assert page.evaluate("document.body.dataset.link") == "up"


@needs_chromium
def test_language_is_switched_on_the_screen(device: Device, page: Browser) -> None:
    with shown(device, lambda i: result(f"q{i}")):
        page.wait_for(f"{TITLE} === 'Apple'")
        page.evaluate("document.querySelector('[data-language=ko]').click()")
        page.wait_for(f"{TITLE} === '사과' && document.documentElement.lang === 'ko'")
        page.evaluate("document.querySelector('[data-language=zh]').click()")
        page.wait_for(f"{TITLE} === 'Äpple' && document.documentElement.lang === 'zh'")
        assert page.evaluate("document.querySelector('[data-language=zh]').getAttribute('aria-pressed')") == "true"


@needs_chromium
def test_preview_is_drawn_while_it_is_fresh(device: Device, page: Browser) -> None:
    page.wait_for("document.body.dataset.camera === 'off'")
    stop = threading.Event()

    def film() -> None:
        while not stop.is_set():
            write_aside(preview_path(device.ram_dir, "camera"), jpeg(320, 180))
            stop.wait(0.1)

    thread = threading.Thread(target=film)
    thread.start()
    try:
        page.wait_for("document.body.dataset.camera === 'on' && document.querySelector('#preview').width === 320")
    finally:
        stop.set()
        thread.join()
    page.wait_for("document.body.dataset.camera === 'off'")


ROI = """(() => {
  const roi = document.querySelector('#roi').getBoundingClientRect();
  const frame = document.querySelector('.frame').getBoundingClientRect();
  return [(roi.left - frame.left) / frame.width, (roi.top - frame.top) / frame.height,
          roi.width / frame.width, roi.height / frame.height];
})()"""


@needs_chromium
def test_searched_part_is_framed_in_the_preview_and_without_results_the_square_is_back(
    device: Device, page: Browser
) -> None:
    square = page.evaluate(ROI)
    assert square == pytest.approx([0.21875, 0, 0.5625, 1], abs=0.01)
    region = (0.5, 0.25, 0.2, 0.3)
    with shown(device, lambda i: result(f"q{i}", region=region)):
        page.wait_for("document.querySelector('#roi').dataset.placed === 'true'")
        assert page.evaluate(ROI) == pytest.approx(region, abs=0.01)
    page.wait_for(f"{STATE} === 'attract'")
    assert page.evaluate(ROI) == pytest.approx(square, abs=0.01)


@needs_chromium
def test_problem_of_a_component_is_shown_and_goes(device: Device, page: Browser) -> None:
    publish(device.bus, running("searcher"))
    publish(device.bus, Status(component="featurizer", state="degraded", reason="The <b>camera</b> is unplugged."))
    page.wait_for("document.querySelector('#problem-reason').textContent === 'The <b>camera</b> is unplugged.'")
    publish(device.bus, running("featurizer"))
    page.wait_for("document.querySelector('.notice-problem').hidden")


BUTTONS = "[...document.querySelectorAll('button, a')].filter(e => e.checkVisibility({visibilityProperty: true}))"
CUT_OFF = """[...document.querySelectorAll('#choices .choice-facts')].filter(e => e.checkVisibility())
  .filter(e => e.getBoundingClientRect().bottom > e.closest('button').getBoundingClientRect().bottom + 1
            || e.getBoundingClientRect().top < e.closest('button').getBoundingClientRect().top - 1)
  .map(e => e.innerText)"""


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 800), (800, 480), (390, 844), (320, 568)])
def test_nothing_is_cut_off_and_targets_are_large(device: Device, page: Browser, width: int, height: int) -> None:
    page.size(width, height, reduced_motion=True)
    for make, state, buttons in (
        (lambda i: result(f"q{i}"), "match", 3),
        (lambda i: choice(f"q{i}", "apple", "pear"), "choice", 5),
        (lambda i: choice(f"q{i}", "apple", "pear", "evil", "a/b?c"), "choice", 7),
    ):
        with shown(device, make):
            page.wait_for(f"{STATE} === '{state}' && {BUTTONS}.length === {buttons}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            sizes = page.evaluate(f"{BUTTONS}.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])")
            assert all(w >= 44 and h >= 44 for w, h in sizes), sizes
            assert page.evaluate(CUT_OFF) == []
            fits = page.evaluate("document.documentElement.scrollHeight") <= height
            assert fits or width < 640, "what stands wide is seen without scrolling"


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast of two colors."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "ground"),
        ("ink", "surface"),
        ("ink", "chip"),
        ("soft", "ground"),
        ("soft", "surface"),
        ("soft", "line"),
        ("accent", "accent-soft"),
        ("warn", "warn-soft"),
    ],
)
def test_colors_have_the_contrast_of_wcag_aa(theme: int, text: str, ground: str) -> None:
    css = (STATIC / "kiosk.css").read_text()
    colors = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]
    assert contrast(colors[theme][text], colors[theme][ground]) >= 4.5


def texts(language: str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_same_texts_and_none_is_empty(language: str) -> None:
    assert texts(language).keys() == texts("en").keys()
    assert all(text.strip() for text in texts(language).values())
    for key, text in texts("en").items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", texts(language)[key])), key


def test_every_text_that_the_page_asks_for_exists() -> None:
    html = "".join(template.read_text() for template in TEMPLATES)
    code = "".join(path.read_text() for path in STATIC.rglob("*.js"))
    asked = set(re.findall(r't\["([\w.]+)"\]', html)) | set(re.findall(r"""t\['([\w.]+)'\]""", html))
    asked |= set(re.findall(r'data-i18n(?:-label)?="([\w.]+)"', html)) | set(re.findall(r'\bt\("([\w.]+)"', code))
    asked |= set(re.findall(r'"((?:sure|item|none|unknown|spoken)\.\w+)"', code)) | set(
        re.findall(r'label: "([\w.]+)"', code)
    )
    assert asked
    assert asked <= texts("en").keys()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_page_has_no_text_and_no_code_of_its_own(template: Path) -> None:
    html = template.read_text()
    between_tags = re.findall(r">([^<]+)<", re.sub(r"\{[{%].*?[}%]\}", "", html))
    assert [text for text in between_tags if text.strip()] == []
    assert re.findall(r"\son\w+=|\sstyle=|<style|javascript:", html) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []


def test_page_needs_no_network() -> None:
    for path in [*TEMPLATES, *STATIC.rglob("*.*")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text) == [], path


def test_page_never_makes_markup_of_text() -> None:
    for path in STATIC.rglob("*.js"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", path.read_text()
        )
        assert found == [], path
