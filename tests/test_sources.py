"""Where frames come from: real pipes, streams, videos and folders."""

import itertools
import os
import threading
import time

import cv2
import pytest
from cameras import PipeCamera, http_camera, jpeg, scene

from components.core.errors import BadContentError, ConfigurationError, UnavailableError
from components.featurizer.sources import is_live, parse_source, redacted
from components.featurizer.sources.folder import Folder
from components.featurizer.sources.jpeg_splitter import JpegSplitter
from components.featurizer.sources.pipe import DEEPLENS_PIPE, JpegPipe
from components.featurizer.sources.stream import Stream
from components.featurizer.sources.usb import UsbCamera
from components.featurizer.sources.video import VideoFile


def take(text, count):
    """The first ``count`` frames of the source ``text``."""
    frames = parse_source(text).frames(threading.Event())
    try:
        return list(itertools.islice(frames, count))
    finally:
        frames.close()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("usb:0", UsbCamera),
        ("0", UsbCamera),
        ("usb:/dev/video2?size=1920x1080", UsbCamera),
        ("/dev/video1", UsbCamera),
        ("rtsp://user:secret@10.0.0.5/stream?channel=1", Stream),
        ("http://10.0.0.5/video.mjpg", Stream),
        ("https://10.0.0.5/video", Stream),
        ("awscam:", JpegPipe),
        ("mjpeg:/tmp/pipe", JpegPipe),
        ("file:/v/clip.mp4", VideoFile),
        ("/v/clip.mp4", VideoFile),
        ("folder:/photos?order=shuffle&seed=3&fps=5&hold_s=2", Folder),
        ("/photos", Folder),
        ("./photos", Folder),
    ],
)
def test_one_setting_names_every_kind_of_source(text, kind):
    assert isinstance(parse_source(text), kind)


def test_settings_of_a_source_reach_it():
    assert parse_source("usb:/dev/video2?size=1920x1080") == UsbCamera("/dev/video2", 1920, 1080)
    folder = parse_source("folder:/photos?order=shuffle&seed=3&fps=5&hold_s=2&use=query")
    assert (folder.shuffle, folder.seed, folder.fps, folder.hold_s, folder.use) == (True, 3, 5, 2, "query")
    assert str(parse_source("awscam:").path) == DEEPLENS_PIPE
    assert parse_source("http://h/v?a=1&b=2").url == "http://h/v?a=1&b=2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "usb:0"),
        ("webcam", "rtsp://"),
        ("ftp:/x", "possible are"),
        ("rtsp://", "possible are"),
        ("usb:", "usb:0"),
        ("usb:front", "/dev/video0"),
        ("usb:0?size=9x9", "1280x720"),
        ("usb:0?zoom=2", "possible are size, max_fps"),
        ("folder:", "needs the path"),
        ("folder:/p?fps=fast", "0.1 to 240"),
        ("folder:/p?order=odd", "sorted or shuffle"),
        ("file:", "needs the path"),
        ("mjpeg:", "needs the path"),
    ],
)
def test_a_wrong_source_is_refused_and_told_what_is_possible(text, said):
    with pytest.raises(ConfigurationError, match=said):
        parse_source(text)


def test_only_real_cameras_are_live():
    live = ["usb:0", "rtsp://h/s", "http://h/s", "awscam:", "mjpeg:/p"]
    assert [text for text in [*live, "file:/v.mp4", "folder:/p", "synthetic:/c"] if is_live(text)] == live


def test_name_and_password_of_a_camera_are_not_shown():
    assert redacted("rtsp://user:se/c@ret@h:554/s?a=1") == "rtsp://***@h:554/s?a=1"
    assert redacted("http://user@h/s") == "http://***@h/s"
    assert redacted("folder:/a@b/c") == "folder:/a@b/c"


def test_a_missing_usb_camera_is_unavailable():
    with pytest.raises(UnavailableError, match="plugged in"):
        take("usb:/dev/video97", 1)


def test_mjpeg_over_http_is_read():
    with http_camera() as url:
        frames = take(url, 3)
    assert [frame.image.shape for frame in frames] == [(240, 320, 3)] * 3
    assert frames[0].seq < frames[1].seq < frames[2].seq


def test_a_stream_that_is_not_there_is_unavailable():
    with pytest.raises(UnavailableError, match="the network") as caught:
        take("http://user:secret@127.0.0.1:9/stream", 1)
    assert "secret" not in str(caught.value)


def test_the_deeplens_pipe_is_read(tmp_path):
    with PipeCamera(tmp_path / "ch2_out.mjpeg") as camera:
        frames = take(f"mjpeg:{camera.path}", 5)
    assert all(frame.image.shape == (240, 320, 3) for frame in frames)
    assert [frame.seq for frame in frames] == sorted({frame.seq for frame in frames})


def test_a_pipe_without_writer_does_not_block_the_stop(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert list(parse_source(f"mjpeg:{tmp_path}/pipe").frames(stop)) == []


def test_a_pipe_whose_writer_ends_is_unavailable(tmp_path):
    with PipeCamera(tmp_path / "pipe") as camera:
        frames = parse_source(f"mjpeg:{camera.path}").frames(threading.Event())
        next(frames)
        camera.mode = "away"
        with pytest.raises(UnavailableError, match="ended"):
            list(frames)


def test_the_splitter_finds_pictures_however_they_arrive():
    pictures = [jpeg(number) for number in range(3)]
    stream = b"garbage" + pictures[0] + b"\xff\xd8\xff\x00" + pictures[1] + b"\0" * 9 + pictures[2]
    for size in (1, 7, 1000, len(stream)):
        splitter = JpegSplitter()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [picture for piece in pieces for picture in splitter.feed(piece)] == pictures


def test_the_splitter_does_not_end_a_picture_at_its_thumbnail():
    whole, inner = jpeg(1), jpeg(2, width=32, height=32)
    thumbnail = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
    picture = whole[:2] + thumbnail + whole[2:]
    assert JpegSplitter().feed(picture) == [picture]


def test_the_splitter_bounds_its_memory_and_goes_on_after_a_picture_without_end():
    splitter = JpegSplitter(max_jpeg_bytes=20_000)
    endless = jpeg(1)[:-2]
    for _ in range(50):
        assert splitter.feed(endless + b"\0" * 1000) == []
        assert len(splitter._buffer) <= 20_000
    for _ in range(50):
        assert splitter.feed(b"\0" * 1000) == []
        assert len(splitter._buffer) <= 20_000
    assert splitter.feed(jpeg(2)) == [jpeg(2)]


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 50, (320, 240))
    for number in range(10):
        writer.write(scene(number))
    writer.release()
    return path


def test_a_video_is_shown_at_its_own_pace_and_begins_again(video):
    began = time.monotonic()
    frames = take(f"file:{video}", 25)
    assert [frame.seq for frame in frames] == list(range(1, 26))
    assert time.monotonic() - began >= 22 / 50  # it may be slower, never faster
    assert abs(frames[0].image.astype(int) - frames[10].image).mean() < 1


def test_a_file_that_is_no_video_is_unavailable(tmp_path):
    (tmp_path / "no.mp4").write_text("no video")
    for path in (tmp_path / "no.mp4", tmp_path / "missing.mp4"):
        with pytest.raises(UnavailableError, match="cannot be opened"):
            take(f"file:{path}", 1)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(["a", "b", "c", "d"]):
        (folder / f"{name}.jpg").write_bytes(jpeg(number))
    (tmp_path / "photos.csv").write_text(
        "photo,item_id,use\nphotos/a.jpg,apple,teach\nphotos/b.jpg,bread,query\nphotos/c.jpg,,query\n"
    )
    return folder


def labels(text, count):
    return [frame.label for frame in take(text, count)]


def test_photos_carry_the_labels_of_the_table_beside_the_folder(photos):
    assert labels(f"folder:{photos}?fps=100", 6) == ["apple", "bread", "", None, "apple", "bread"]


def test_a_named_table_is_used_instead(photos, tmp_path):
    (tmp_path / "other.csv").write_text("photo,item_id\nphotos/a.jpg,pear\n")
    assert labels(f"folder:{photos}?fps=100&labels={tmp_path}/other.csv", 2) == ["pear", None]


def test_only_photos_of_one_use_are_shown(photos):
    assert labels(f"folder:{photos}?fps=100&use=query", 4) == ["bread", "", "bread", ""]


def test_photos_are_held(photos):
    assert labels(f"folder:{photos}?fps=100&hold_s=0.03", 7) == ["apple"] * 3 + ["bread"] * 3 + [""]


def test_a_shuffled_folder_shows_every_photo_once_a_round_in_an_order_of_its_seed(photos):
    def order(seed):
        return labels(f"folder:{photos}?fps=200&order=shuffle&seed={seed}", 16)

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(5)}) > 1
    assert all(sorted(map(str, order(1)[at : at + 4])) == ["", "None", "apple", "bread"] for at in (0, 4, 8, 12))


def test_an_unreadable_photo_is_left_out(photos):
    (photos / "a.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert labels(f"folder:{photos}?fps=100", 3) == ["bread", "", None]


def test_a_folder_without_one_readable_photo_is_unavailable(photos):
    for path in photos.iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(UnavailableError, match="None of the 4"):
        take(f"folder:{photos}", 1)


def test_missing_and_empty_folders_are_unavailable(tmp_path):
    for text, said in [(f"folder:{tmp_path}/nope", "not there"), (f"folder:{tmp_path}", "no JPEG")]:
        with pytest.raises(UnavailableError, match=said):
            take(text, 1)


def test_a_table_without_its_columns_is_refused(photos, tmp_path):
    (tmp_path / "photos.csv").write_text("file,label\na.jpg,apple\n")
    with pytest.raises(BadContentError, match="lacks the column photo and item_id"):
        take(f"folder:{photos}", 1)


def test_a_table_without_the_column_that_chooses_is_refused(photos, tmp_path):
    (tmp_path / "photos.csv").write_text("photo,item_id\nphotos/a.jpg,apple\n")
    with pytest.raises(BadContentError, match="lacks the column use"):
        take(f"folder:{photos}?use=query", 1)
