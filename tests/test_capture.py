"""A camera that never opens, freezes, vanishes or crashes: the capture heals by itself."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from cameras import PipeCamera, jpeg, wait_for

from components.core.errors import ConfigurationError
from components.featurizer.capture import Capture
from components.featurizer.slot import CAPACITY, shrink


class Watching:
    """Runs a capture on a thread, as the featurizer does, and keeps what it brings and says."""

    def __init__(self, source_url, **options):
        self.frames = []
        self.said = []
        self._stop = threading.Event()
        options = {"frozen_after_s": 0.5, "open_within_s": 5.0, "first_pause_s": 0.05, **options}
        self._capture = Capture(source_url, on_health=self.said.append, **options)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        for frame in self._capture.frames(self._stop):
            self.frames.append(frame)

    def child(self):
        """The process id of the camera's child."""
        return wait_for(lambda: children(os.getpid()))[0]

    def wait_for_news(self):
        """Wait until more frames have come."""
        count = len(self.frames)
        wait_for(lambda: len(self.frames) > count + 2)

    def wait_for_reason(self, text):
        """Wait until the last thing said has ``text`` in it."""
        wait_for(lambda: any(text in reason for reason in self.said[-3:]))

    def wait_until_well(self):
        """Wait until all is well."""
        wait_for(lambda: self.said and self.said[-1] == "")


def children(pid):
    """The capture processes that ``pid`` started and that live."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if is_capture(child)]


def is_capture(pid):
    try:
        return b"capture_child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg(number, width=1920, height=1080))
    (tmp_path / "photos.csv").write_text("photo,item_id\nphotos/0.jpg,zero\nphotos/1.jpg,\n")
    return folder


@pytest.fixture
def pipe(tmp_path):
    with PipeCamera(tmp_path / "pipe") as camera:
        yield camera


def test_frames_cross_with_number_label_time_and_half_the_size(photos):
    stop = threading.Event()
    frames = list(itertools.islice(Capture(f"folder:{photos}?fps=20").frames(stop), 3))
    assert [frame.label for frame in frames] == ["zero", "", None]
    assert [frame.image.shape for frame in frames] == [(540, 960, 3)] * 3
    assert frames[0].seq < frames[1].seq < frames[2].seq
    assert frames[0].captured_ns < frames[1].captured_ns < frames[2].captured_ns
    assert abs(frames[0].image[0, 0].astype(int) - 60).max() <= 2


def test_the_newest_frame_wins(photos):
    frames = Capture(f"folder:{photos}?fps=50").frames(threading.Event())
    first = next(frames)
    threading.Event().wait(0.5)
    assert next(frames).seq > first.seq + 5
    frames.close()


def test_an_unknown_source_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="possible are"):
        Capture("nonsense")


def test_a_camera_that_never_opens_is_reported_and_heals_when_it_comes(tmp_path):
    with Watching(f"mjpeg:{tmp_path}/pipe", open_within_s=1.0) as watching:
        watching.wait_for_reason("cannot be opened")
        with PipeCamera(tmp_path / "pipe"):
            watching.wait_for_news()
            assert watching.said[-1] == ""


def test_a_camera_that_hangs_while_it_opens_is_killed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with Watching(f"mjpeg:{tmp_path}/pipe", open_within_s=0.5) as watching:
        before = watching.child()
        watching.wait_for_reason("no frame for 0.5 s")
        wait_for(lambda: not is_capture(before))


def test_a_camera_that_gives_no_more_frames_is_opened_again(pipe):
    with Watching(f"mjpeg:{pipe.path}") as watching:
        watching.wait_for_news()
        before = watching.child()
        pipe.mode = "frozen"
        watching.wait_for_reason("no frame")
        wait_for(lambda: not is_capture(before))
        pipe.mode = "live"
        watching.wait_for_news()
        watching.wait_until_well()


def test_a_camera_that_repeats_one_picture_is_opened_again(pipe):
    with Watching(f"mjpeg:{pipe.path}") as watching:
        watching.wait_for_news()
        pipe.mode = "same"
        watching.wait_for_reason("very same picture")
        pipe.mode = "live"
        watching.wait_for_news()
        watching.wait_until_well()


def test_a_folder_may_repeat_one_picture(photos):
    with Watching(f"folder:{photos}?fps=50&hold_s=60", frozen_after_s=0.2) as watching:
        wait_for(lambda: len(watching.frames) > 40)
        assert watching.said == [""]


def test_a_camera_that_vanishes_is_reported_and_heals(pipe):
    with Watching(f"mjpeg:{pipe.path}") as watching:
        watching.wait_for_news()
        pipe.mode = "away"
        watching.wait_for_reason("ended")
        pipe.mode = "live"
        watching.wait_for_news()
        watching.wait_until_well()


@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL, signal.SIGSEGV])
def test_a_driver_that_hangs_or_crashes_is_replaced(photos, blow):
    with Watching(f"folder:{photos}?fps=50") as watching:
        watching.wait_for_news()
        before = watching.child()
        os.kill(before, blow)
        watching.wait_for_reason("no frame" if blow == signal.SIGSTOP else "ended by itself")
        watching.wait_for_news()
        watching.wait_until_well()
        assert not is_capture(before)
        numbers = [frame.seq for frame in watching.frames]
        assert numbers == sorted(set(numbers))


def test_the_stop_leaves_no_child(photos):
    with Watching(f"folder:{photos}?fps=50") as watching:
        watching.wait_for_news()
        child = watching.child()
    assert not is_capture(child)


def test_no_child_outlives_a_parent_that_is_killed(photos):
    code = (
        "import sys, threading\n"
        "from components.featurizer.capture import Capture\n"
        "for frame in Capture(sys.argv[1]).frames(threading.Event()):\n"
        "    print(frame.seq, flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, f"folder:{photos}?fps=50"], stdout=subprocess.PIPE)
    with parent:
        parent.stdout.readline()
        child = wait_for(lambda: children(parent.pid))[0]
        parent.kill()
    wait_for(lambda: not is_capture(child))


def test_the_password_of_a_camera_is_not_in_the_list_of_processes():
    with Watching("rtsp://user:secret@127.0.0.1:9/stream") as watching:
        assert b"secret" not in Path(f"/proc/{watching.child()}/cmdline").read_bytes()
        watching.wait_for_reason("cannot be opened")
        assert not any("secret" in reason for reason in watching.said)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1080, 1920), (540, 960)),
        ((720, 1280), (360, 640)),
        ((480, 640), (480, 640)),
        ((3000, 4000), (750, 1000)),
        ((1081, 1921), (540, 960)),
        ((300, 3000), (300, 3000)),
        ((1, 3_000_000), (1, 750_000)),
    ],
)
def test_frames_are_halved_until_they_fit(size, expected):
    small = shrink(np.zeros((*size, 3), np.uint8))
    assert small.shape[:2] == expected
    assert small.nbytes <= CAPACITY


def test_halving_is_the_mean_of_four_pixels():
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    mean = image.reshape(540, 2, 960, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrink(image) - mean).max() <= 0.51
