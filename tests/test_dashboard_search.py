"""Search by upload: every limit, every bad picture, and the way of a good one."""

import struct
import subprocess
import sys
import threading
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from dashboard_kit import MULTIPART, Client, jpeg, make_app, multipart, result
from werkzeug.test import create_environ

from components.bus import LocalBus
from components.core.messages import PICTURE_TOPIC, RESULT_TOPIC, PictureQuery, decode, encode
from components.ram import picture_path
from dashboard.pictures import PictureCleaner
from dashboard.search import RequestInRam


class Device:
    """Featurizer and searcher in one: takes the picture out of RAM, answers over the bus from another thread."""

    def __init__(self, bus: LocalBus, ram_dir: Path, answers: bool = True) -> None:
        self.bus, self.ram_dir, self.answers = bus, ram_dir, answers
        self.queries: list[PictureQuery] = []
        self.pictures: list[bytes] = []
        bus.subscribe(PICTURE_TOPIC, self.take)

    def take(self, payload: bytes) -> None:
        query = decode(PictureQuery, payload)
        self.queries.append(query)
        self.pictures.append(picture_path(self.ram_dir, query.query_id).read_bytes())
        if self.answers:
            answer = encode(result(query.query_id, origin="upload"))
            threading.Thread(target=self.bus.publish, args=(RESULT_TOPIC, answer)).start()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def device(bus: LocalBus, tmp_path: Path) -> Device:
    return Device(bus, tmp_path)


@pytest.fixture
def client(bus: LocalBus, tmp_path: Path) -> Client:
    return Client(make_app(bus, tmp_path, search_timeout_s=10))


def upload(client: Client, picture: bytes | None, field: str = "image", **fields: str | list[str]):
    body = multipart(picture, field, fields)
    return client("/api/v1/search", "POST", data=body, content_type=MULTIPART)


def png(width: int, height: int, announced: tuple[int, int] | None = None) -> bytes:
    """A PNG; ``announced`` is another size, put into its header with a right checksum."""
    data = bytes(cv2.imencode(".png", np.full((height, width, 3), 80, np.uint8))[1])
    if announced is None:
        return data
    header = b"IHDR" + struct.pack(">II", *announced) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def test_upload_is_answered_with_matches(client: Client, device: Device, tmp_path: Path) -> None:
    answer = upload(client, jpeg(), k="3", category=["fruit", "milk"], **{"attr.color": "red"})
    body = answer.get_json()
    assert answer.status_code == 200, body
    assert (body["decision"], body["generation"], body["query_id"]) == ("match", 7, device.queries[0].query_id)
    assert body["matches"][0]["title"]["en"] == "Apple"
    assert (device.queries[0].k, dict(device.queries[0].filters)) == (
        3,
        {"category": ("fruit", "milk"), "color": ("red",)},
    )
    assert not picture_path(tmp_path, body["query_id"]).exists()


def test_featurizer_gets_a_clean_jpeg_of_at_most_1280_pixels(client: Client, device: Device) -> None:
    big = bytes(cv2.imencode(".png", np.zeros((1000, 3000, 3), np.uint8))[1])
    assert upload(client, big).status_code == 200
    picture = device.pictures[0]
    assert picture.startswith(b"\xff\xd8")
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape == (427, 1280, 3)


def test_picture_is_turned_and_its_metadata_is_gone(client: Client, device: Device) -> None:
    tiff = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + b"\x00" * 4
    turned = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(tiff) + 2) + tiff + jpeg(64, 48)[2:]
    assert upload(client, turned).status_code == 200
    assert cv2.imdecode(np.frombuffer(device.pictures[0], np.uint8), cv2.IMREAD_COLOR).shape == (64, 48, 3)
    assert b"Exif" not in device.pictures[0]


def test_webp_is_taken(client: Client, device: Device) -> None:
    assert upload(client, bytes(cv2.imencode(".webp", np.zeros((20, 20, 3), np.uint8))[1])).status_code == 200


BAD = {
    "empty": (b"", "is empty"),
    "text": (b"hello, I am a picture", "JPEG, PNG or WebP"),
    "gif": (b"GIF89a" + b"\x01" * 200, "a GIF"),
    "cut off in the header": (jpeg()[:12], "cut off"),
    "cut off in the pixels": (png(60, 60)[:60], "cut off"),
    "30 megapixels by its header": (png(10, 10, (6000, 5000)), "25 megapixels"),
    "3 GB by its header": (png(10, 10, (32000, 32000)), "25 megapixels"),
    "lies about its size": (png(10, 10, (4000, 4000)), "damaged"),
    "html with a jpeg's magic": (b"\xff\xd8\xff<script>alert(1)</script>", "cut off"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_picture_is_refused_with_a_sentence(client: Client, device: Device, name: str) -> None:
    picture, said = BAD[name]
    answer = upload(client, picture)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"]) == (400, "bad_picture")
    assert said in error["message"]
    assert device.queries == []


def test_nine_megabytes_are_too_large(client: Client, device: Device) -> None:
    answer = upload(client, jpeg() + b"\0" * 9 * 2**20)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "request_entity_too_large")


def test_wrong_field_is_named(client: Client) -> None:
    assert upload(client, jpeg(), field="picture").get_json()["error"]["code"] == "no_image"
    assert upload(client, jpeg(), color="red").get_json()["error"]["code"] == "bad_field"
    assert upload(client, None, image="text").get_json()["error"]["code"] == "bad_field"


@pytest.mark.parametrize("k", ["0", "51", "-1", "x", "", "5.0", "٣", "9" * 30])
def test_bad_k_is_refused(client: Client, k: str) -> None:
    assert upload(client, jpeg(), k=k).get_json()["error"]["code"] == "bad_k"


def test_items_of_the_same_style_can_be_asked_for(client: Client, device: Device) -> None:
    upload(client, jpeg(), mode="style")
    upload(client, jpeg())
    assert [query.mode for query in device.queries] == ["style", "item"]
    assert upload(client, jpeg(), mode="color").get_json()["error"]["code"] == "bad_mode"


def test_filters_that_would_not_travel_are_refused(client: Client, device: Device) -> None:
    assert upload(client, jpeg(), category=["x"] * 51).get_json()["error"]["code"] == "bad_filter"
    assert upload(client, jpeg(), category=["x" * 2000] * 4).status_code == 400
    assert device.queries == []


def test_silent_device_is_a_timeout_and_leaves_nothing(bus: LocalBus, tmp_path: Path) -> None:
    device = Device(bus, tmp_path, answers=False)
    app = make_app(bus, tmp_path, search_timeout_s=0.5)
    answer = upload(Client(app), jpeg())
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (504, "timeout")
    assert not picture_path(tmp_path, device.queries[0].query_id).exists()


def test_upload_stays_in_memory() -> None:
    """Werkzeug would put an upload of more than 500 KB into a temporary file, on flash."""
    body = multipart(b"x" * 2**20)
    environment = create_environ(method="POST", input_stream=BytesIO(body), content_type=MULTIPART)
    with RequestInRam({**environment, "CONTENT_LENGTH": str(len(body))}) as request:
        assert isinstance(request.files["image"].stream, BytesIO)


def test_process_of_a_picture_gets_no_more_memory_than_it_may() -> None:
    greedy = "from dashboard.decode_worker import limit_this_process as limit; limit(); bytearray(2**30)"
    done = subprocess.run([sys.executable, "-c", greedy], capture_output=True, check=False)
    assert b"MemoryError" in done.stderr


def test_picture_of_25_megapixels_fits_the_limits() -> None:
    assert PictureCleaner().clean(png(5000, 5000)).startswith(b"\xff\xd8")
