"""The API that reads, and the rules for every answer."""

import os
import time
from pathlib import Path

import pytest
from dashboard_kit import (
    DIGEST,
    HOST,
    PORT,
    THUMBNAIL,
    Client,
    Clock,
    MemorySource,
    choice,
    jpeg,
    make_app,
    publish,
    result,
    running,
)

from components.bus import LocalBus
from components.core.messages import Status
from components.ram import preview_path, write_aside
from dashboard import security
from dashboard.history import MAX_ENTRIES
from dashboard.live import Live
from dashboard.routes import roles


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(bus: LocalBus, clock: Clock, tmp_path: Path):
    return make_app(bus, tmp_path, live=Live("camera", clock))


@pytest.fixture
def get(app) -> Client:
    return Client(app)


def test_newest_result_has_its_items_and_its_age(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result(captured_ns=clock.now_ns))
    clock.forward(1.5)
    shown = get("/api/v1/matches/latest").get_json()["result"]
    assert shown["age_ms"] == 1500
    assert shown["fresh_for_ms"] == 1500
    first = shown["matches"][0]
    assert (first["title"]["ko"], first["price"], first["score"]) == ("사과", "2.49", 0.91)
    assert first["thumbnail"] == "/api/v1/items/apple/thumbnail?generation=7"


def test_result_older_than_max_age_is_not_shown(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result(captured_ns=clock.now_ns))
    clock.forward(3.1)
    assert get("/api/v1/matches/latest").get_json() == {"result": None}


def test_older_frame_never_replaces_a_newer_one(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result("new", captured_ns=clock.now_ns))
    publish(bus, result("old", captured_ns=clock.now_ns - 10**9))
    assert get("/api/v1/matches/latest").get_json()["result"]["query_id"] == "new"


def test_unchanged_result_is_answered_with_304(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result("q1", captured_ns=clock.now_ns))
    etag = get("/api/v1/matches/latest").headers["ETag"]
    again = get("/api/v1/matches/latest", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    publish(bus, result("q2", captured_ns=clock.now_ns))
    assert get("/api/v1/matches/latest", headers={"If-None-Match": etag}).status_code == 200


def test_result_that_became_stale_is_not_answered_with_304(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result("q1", captured_ns=clock.now_ns))
    etag = get("/api/v1/matches/latest").headers["ETag"]
    clock.forward(4)
    assert get("/api/v1/matches/latest", headers={"If-None-Match": etag}).get_json() == {"result": None}


def test_uploads_are_neither_shown_nor_kept(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result("up", captured_ns=clock.now_ns, origin="upload"))
    assert get("/api/v1/matches/latest").get_json() == {"result": None}
    assert get("/api/v1/matches").get_json() == {"matches": []}


def test_other_cameras_are_in_the_history_but_not_on_the_kiosk(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result("other", captured_ns=clock.now_ns, camera="door"))
    assert get("/api/v1/matches/latest").get_json() == {"result": None}
    assert [m["camera"] for m in get("/api/v1/matches").get_json()["matches"]] == ["door"]


def test_kiosk_shows_the_largest_of_several_objects_and_the_history_all_of_them_once(
    get: Client, bus: LocalBus, clock: Clock
) -> None:
    box = (0.1, 0.2, 0.3, 0.4)
    for n in range(3):
        publish(bus, result(f"large{n}", "apple", captured_ns=clock.now_ns, region=box))
        publish(bus, result(f"small{n}", "pear", captured_ns=clock.now_ns, object_index=1))
    newest = get("/api/v1/matches/latest").json["result"]
    assert (newest["query_id"], newest["object_index"], newest["region"]) == ("large2", 0, list(box))
    entries = get("/api/v1/matches").json["matches"]
    assert [(entry["query_id"], entry["results"]) for entry in entries] == [("small2", 3), ("large2", 3)]


def test_history_is_newest_first_and_limited(get: Client, bus: LocalBus, clock: Clock) -> None:
    for i, item in enumerate(["apple", "pear", "evil"]):
        publish(bus, result(f"q{i}", item, captured_ns=clock.now_ns))
        clock.forward(1)
    shown = get("/api/v1/matches?limit=2").get_json()["matches"]
    assert [m["query_id"] for m in shown] == ["q2", "q1"]
    assert [m["age_ms"] for m in shown] == [1000, 2000]


def test_item_that_lies_there_is_one_entry(get: Client, bus: LocalBus, clock: Clock) -> None:
    for i in range(5):
        publish(bus, result(f"q{i}", captured_ns=clock.now_ns))
        clock.forward(0.2)
    (only,) = get("/api/v1/matches").get_json()["matches"]
    assert (only["query_id"], only["results"]) == ("q4", 5)


def test_choice_between_the_same_items_is_one_entry_in_whatever_order_they_come(
    get: Client, bus: LocalBus, clock: Clock
) -> None:
    for i, items in enumerate([("apple", "pear"), ("pear", "apple"), ("apple", "pear", "evil")]):
        publish(bus, choice(f"q{i}", *items, captured_ns=clock.now_ns))
        clock.forward(0.2)
    entries = get("/api/v1/matches").get_json()["matches"]
    assert [(entry["decision"], entry["candidates"], entry["results"]) for entry in entries] == [
        ("ambiguous", 3, 1),
        ("ambiguous", 2, 2),
    ]


def test_history_is_bounded_in_number_and_age(get: Client, bus: LocalBus, clock: Clock) -> None:
    for i in range(MAX_ENTRIES + 30):
        publish(bus, result(f"q{i}", ("apple", "pear")[i % 2], captured_ns=clock.now_ns))
    assert len(get("/api/v1/matches").get_json()["matches"]) == MAX_ENTRIES
    clock.forward(24 * 3600 + 1)
    assert get("/api/v1/matches").get_json() == {"matches": []}


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "", "1e2", "٣"])
def test_bad_limit_is_refused(get: Client, limit: str) -> None:
    answer = get(f"/api/v1/matches?limit={limit}")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_limit")


def test_result_of_a_generation_that_is_not_loaded_has_ids_and_scores(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, result(captured_ns=clock.now_ns, seq=99))
    first = get("/api/v1/matches/latest").get_json()["result"]["matches"][0]
    assert (first["item_id"], first["title"], first["thumbnail"]) == ("apple", {}, "")


def test_item_address_is_http_or_nothing(get: Client) -> None:
    assert get("/api/v1/items/apple").get_json()["url"] == "https://shop.example/apple"
    assert get("/api/v1/items/pear").get_json()["url"] == ""


def test_item_with_an_odd_id_is_found_under_its_link(get: Client) -> None:
    item = get("/api/v1/items/a%2Fb%3Fc").get_json()
    assert item["item_id"] == "a/b?c"
    assert get(item["thumbnail"]).data == THUMBNAIL


def test_thumbnail_is_kept_by_its_digest(get: Client) -> None:
    first = get("/api/v1/items/apple/thumbnail?generation=7")
    assert (first.data, first.mimetype, first.headers["ETag"]) == (THUMBNAIL, "image/jpeg", f'"{DIGEST}"')
    assert "immutable" in first.headers["Cache-Control"]
    assert get("/api/v1/items/apple/thumbnail", headers={"If-None-Match": f'"{DIGEST}"'}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/items/none",
        "/api/v1/items/pear/thumbnail",
        "/api/v1/items/torn/thumbnail",
        "/api/v1/items/apple?generation=6",
    ],
)
def test_what_is_not_there_is_404_with_a_sentence(get: Client, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert answer.get_json()["error"]["message"].endswith(".")


def test_preview_is_served_while_it_is_fresh(get: Client, tmp_path: Path) -> None:
    path = preview_path(tmp_path, "camera")
    assert get("/api/v1/preview.jpg").status_code == 404
    write_aside(path, jpeg())
    answer = get("/api/v1/preview.jpg")
    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (200, jpeg(), "no-store")
    os.utime(path, (time.time() - 4, time.time() - 4))
    assert get("/api/v1/preview.jpg").status_code == 404


def test_status_tells_every_component_with_its_age(get: Client, bus: LocalBus, clock: Clock) -> None:
    publish(bus, running("featurizer"))
    clock.forward(2)
    status = get("/api/v1/status").get_json()
    assert [(c["component"], c["state"], c["age_ms"]) for c in status["components"]] == [
        ("featurizer", "running", 2000)
    ]
    assert status["generation"] == 7


def test_ready_when_all_are_heard_and_a_generation_is_loaded(get: Client, bus: LocalBus, clock: Clock) -> None:
    assert get("/readyz").status_code == 503
    publish(bus, Status(component="featurizer", state="starting"))
    publish(bus, Status(component="cloud_sync", state="starting"))
    publish(bus, running("searcher"))
    assert [p["component"] for p in get("/readyz").get_json()["problems"]] == ["featurizer"]
    publish(bus, running("featurizer"))
    assert get("/readyz").get_json() == {"ready": True, "problems": []}
    clock.forward(16)
    away = get("/readyz")
    assert away.status_code == 503
    assert [p["component"] for p in away.get_json()["problems"]] == ["featurizer", "searcher"]
    publish(bus, result(captured_ns=clock.now_ns))
    assert get("/readyz").status_code == 200


def test_without_a_generation_it_is_up_but_not_ready(bus: LocalBus, tmp_path: Path) -> None:
    get = Client(make_app(bus, tmp_path, source=MemorySource(seq=None)))
    publish(bus, running("featurizer"))
    publish(bus, running("searcher"))
    assert get("/healthz").status_code == 200
    assert [p["kind"] for p in get("/readyz").get_json()["problems"]] == ["no_generation"]


def test_bad_messages_on_the_bus_change_nothing(get: Client, bus: LocalBus) -> None:
    for payload in (b"", b"{}", b"\xff" * 100, b'{"format":1,"kind":"result"}'):
        bus.publish("lookalike/result", payload)
        bus.publish("lookalike/status", payload)
    assert get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/kiosk.css", 200),
        ("GET", "/static/i18n/ko.json", 200),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/api/v1/status", 200),
        ("GET", "/api/v1/items/apple/thumbnail", 200),
        ("GET", "/nothing", 404),
        ("DELETE", "/api/v1/status", 405),
        ("POST", "/", 405),
        ("GET", "/api/v1/search", 405),
        ("POST", "/api/v1/search", 400),
        ("GET", "/readyz", 503),
    ],
)
def test_every_answer_carries_the_security_headers(get: Client, method: str, path: str, status: int) -> None:
    answer = get(path, method)
    assert answer.status_code == status
    for name, value in security.HEADERS.items():
        assert answer.headers[name] == value, name
    if status >= 400 and path != "/readyz":
        assert set(answer.get_json()["error"]) == {"code", "message"}
    answer.close()


def test_unforeseen_failure_is_a_sentence_with_headers_and_no_trace(bus: LocalBus, tmp_path: Path) -> None:
    class Failing(MemorySource):
        def read_object(self, digest: str, max_bytes: int) -> bytes:
            raise RuntimeError("secret detail")

    answer = Client(make_app(bus, tmp_path, source=Failing()))("/api/v1/items/apple/thumbnail")
    assert answer.status_code == 500
    assert b"secret" not in answer.data
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_policy_allows_no_inline_code_and_no_framing(get: Client) -> None:
    policy = get("/").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert {"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"} <= set(policy.split("; "))


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "localhost", "localhost:1", "", f"{HOST},evil", "127.0.0.1"]
)
def test_foreign_host_is_refused(get: Client, host: str) -> None:
    answer = get("/api/v1/status", host=host)
    assert answer.status_code in (400, 421)
    assert "components" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("host", [HOST, f"127.0.0.1:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_own_host_is_answered(get: Client, host: str) -> None:
    assert get("/healthz", host=host).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_changes_from_another_site_are_refused(get: Client, headers: dict[str, str]) -> None:
    answer = get("/api/v1/search", "POST", headers=headers)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "cross_site")


def test_changes_from_the_own_page_are_taken(get: Client) -> None:
    answer = get("/api/v1/search", "POST", headers={"Sec-Fetch-Site": "same-origin", "Origin": f"http://{HOST}"})
    assert answer.get_json()["error"]["code"] == "no_image"


def test_every_route_declares_its_role(app) -> None:
    kiosk = (
        "GET /",
        "GET /static/<path:name>",
        "GET /api/v1/matches/latest",
        "GET /api/v1/matches",
        "GET /api/v1/events",
        "GET /api/v1/items/<path:item_id>",
        "GET /api/v1/items/<path:item_id>/thumbnail",
        "GET /api/v1/status",
        "GET /api/v1/preview.jpg",
        "POST /api/v1/search",
        "POST /api/v1/feedback",
        "GET /healthz",
        "GET /readyz",
    )
    operator = (
        "GET /operate/teach",
        "GET /api/v1/items",
        "POST /api/v1/items",
        "PATCH /api/v1/items/<path:item_id>",
        "DELETE /api/v1/items/<path:item_id>",
        "GET /api/v1/taught.zip",
        "POST /api/v1/teach",
        "GET /api/v1/teach/<path:item_id>",
        "POST /api/v1/teach/<path:item_id>/views",
        "POST /api/v1/teach/<path:item_id>/move",
        "DELETE /api/v1/teach/views/<view_id>",
        "GET /api/v1/teach/views/<view_id>/thumbnail",
        "POST /api/v1/teach/undo",
    )
    assert roles(app) == {**dict.fromkeys(kiosk, "kiosk"), **dict.fromkeys(operator, "operator")}


def test_operators_routes_are_closed_until_they_are_opened_and_then_only_at_the_device(
    app, bus, tmp_path: Path
) -> None:
    closed, opened = Client(app), Client(make_app(bus, tmp_path, operate=True))
    for rule in [rule for rule, role in roles(app).items() if role == "operator"]:
        method, path = rule.replace("<path:item_id>", "apple").replace("<view_id>", "v").split()
        assert closed(path, method).get_json()["error"]["code"] == "closed", rule
        for stranger in (
            {"environ_base": {"REMOTE_ADDR": "192.168.1.7"}},
            {"environ_base": {"REMOTE_ADDR": ""}},
            {"headers": {"X-Forwarded-For": "192.168.1.7"}},
            {"headers": {"Forwarded": "for=192.168.1.7"}},
        ):
            answer = opened(path, method, **stranger)
            assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "not_local"), rule
    assert opened("/api/v1/items?limit=2").status_code == 200
    assert opened("/api/v1/items?limit=2", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200


def test_route_without_a_role_is_for_nobody(bus: LocalBus, tmp_path: Path) -> None:
    app = make_app(bus, tmp_path, operate=True)
    app.add_url_rule("/forgotten", view_func=lambda: "secret")
    assert Client(app)("/forgotten").status_code == 403
