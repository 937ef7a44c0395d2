"""Odd and bad pictures: in an upload, in the folder of a camera."""

import io
import itertools
import threading
from pathlib import Path

import pytest
from dashboard_kit import (
    MULTIPART,
    Client,
    make_app,
    multipart,
    result,
)
from PIL import Image

from components.bus import LocalBus
from components.core import messages
from components.core.errors import BadContentError
from components.core.messages import PICTURE_TOPIC, RESULT_TOPIC, PictureQuery
from components.featurizer.sources import parse_source
from components.picture_header import MAX_SCANS, check_picture
from components.ram import picture_path
from tests.odd_pictures import PLAIN, REFUSED, TAKEN, many_scans, pictures, saved


class Featurizer:
    """Keeps the pictures that reach the device, and answers."""

    def __init__(self, bus: LocalBus, ram_dir: Path) -> None:
        self.seen: list[bytes] = []

        def take(payload: bytes) -> None:
            wanted = messages.decode(PictureQuery, payload)
            self.seen.append(picture_path(ram_dir, wanted.query_id).read_bytes())
            bus.publish(RESULT_TOPIC, messages.encode(result(wanted.query_id, origin="upload")))

        bus.subscribe(PICTURE_TOPIC, take)


def test_an_upload_of_any_color_kind_reaches_the_device_as_a_color_jpeg(tmp_path: Path) -> None:
    bus = LocalBus()
    device, ask = Featurizer(bus, tmp_path), Client(make_app(bus, tmp_path))
    for name, data in TAKEN.items():
        answer = ask("/api/v1/search", "POST", data=multipart(data), content_type=MULTIPART)
        assert answer.status_code == 200, name
        assert Image.open(io.BytesIO(device.seen[-1])).mode == "RGB", name


def test_a_bad_upload_is_refused_in_words_and_never_reaches_the_device(tmp_path: Path) -> None:
    bus = LocalBus()
    device, ask = Featurizer(bus, tmp_path), Client(make_app(bus, tmp_path))
    for name, (data, reason) in REFUSED.items():
        answer = ask("/api/v1/search", "POST", data=multipart(data), content_type=MULTIPART)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_picture"), name
        assert reason in answer.get_json()["error"]["message"]
    assert device.seen == []


def test_a_camera_of_a_folder_shows_odd_pictures_and_leaves_bad_ones_out(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "shop")
    frames = parse_source(f"folder:{folder}?fps=240").frames(threading.Event())
    shown = list(itertools.islice(frames, 2 * len(TAKEN)))
    assert {(frame.image.shape, frame.image.dtype.name) for frame in shown} == {((120, 120, 3), "uint8")}
    first_round = {frame.image.tobytes() for frame in shown[: len(TAKEN)]}
    assert first_round == {frame.image.tobytes() for frame in shown[len(TAKEN) :]}


def test_scans_are_counted_in_the_picture_alone() -> None:
    check_picture(many_scans(40))
    check_picture(saved(PLAIN, "JPEG") + b"\xff\xda" * 1_000)  # as behind a picture that moves a little
    with pytest.raises(BadContentError, match=f"more than {MAX_SCANS} scans"):
        check_picture(many_scans(MAX_SCANS + 1))


@pytest.mark.parametrize("filling", [b"\n", b"\r", b"\r\n-", b"\0"])
def test_no_upload_within_the_bound_is_called_too_large(tmp_path: Path, filling: bytes) -> None:
    """Line ends look like the beginning of a boundary, wherever the server cuts what it reads."""
    bus = LocalBus()
    Featurizer(bus, tmp_path)
    picture = TAKEN["gray.jpg"] + filling * (2_000_000 // len(filling))
    answer = Client(make_app(bus, tmp_path))("/api/v1/search", "POST", data=multipart(picture), content_type=MULTIPART)
    assert answer.status_code == 200
