"""The way of a frame to the bus, and the way of an uploaded picture."""

import os
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from cameras import jpeg, scene, wait_for

from components.bus import LocalBus
from components.core import messages
from components.core.errors import ConfigurationError, UnavailableError
from components.core.messages import PictureQuery, Query, SearchResult
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.figures import Figures
from components.featurizer.foreground import Foreground
from components.featurizer.frame import Frame
from components.featurizer.gate import SETTLING, Gate
from components.featurizer.pictures import FORGOTTEN_AFTER_S, MAX_WAITING, Pictures
from components.featurizer.pipeline import Pipeline
from components.featurizer.preview import Preview
from components.featurizer.quality import Limits
from components.featurizer.region import parse_region
from components.problems import Problems
from components.ram import picture_path, preview_path, write_aside

DIGEST = "ab" * 32


class MeanColor:
    """An embedder whose vector is the picture's mean color."""

    model_digest = DIGEST
    broken = False

    def embed(self, image):
        if self.broken:
            raise UnavailableError("The device is lost.")
        vector = image.reshape(-1, 3).mean(axis=0).astype(np.float32) + 1
        return vector / np.linalg.norm(vector)


class Active:
    """Holds the embedder, or none."""

    def __init__(self, embedder=None):
        self.embedder = embedder


class Reel:
    """A source of prepared frames."""

    def __init__(self, *frames):
        self._frames = frames

    def frames(self, stop) -> Iterator[Frame]:
        for frame in self._frames:
            if stop.is_set():
                return
            yield frame


class AwayBus(LocalBus):
    """A bus that is away for the first ``failures`` messages."""

    def __init__(self, failures):
        super().__init__()
        self._failures = failures

    def publish(self, topic, payload):
        self._failures -= 1
        if self._failures >= 0:
            raise UnavailableError("The nucleus is away.")
        super().publish(topic, payload)


def frame(number, label=None, image=None):
    return Frame(scene(number) if image is None else image, number, time.monotonic_ns(), time.time(), label)


def heard(bus, topic, kind):
    """The list into which every later message on ``topic`` goes."""
    received = []
    bus.subscribe(topic, lambda payload: received.append(messages.decode(kind, payload)))
    return received


@pytest.fixture
def ram_dir(tmp_path):
    return tmp_path / "ram"


def pipeline(bus, ram_dir, active=None, **options):
    parts = {"gate": Gate(10_000), "preview": Preview(ram_dir, "till"), "figures": Figures(), "health": Problems()}
    parts["limits"] = Limits(min_sharpness=0)  # what is drawn here has hardly an edge
    return Pipeline(bus, active or Active(MeanColor()), **{**parts, "camera": "till", **options})


def test_every_frame_becomes_a_query_with_its_number_time_and_label(ram_dir):
    bus = LocalBus()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    frames = [frame(3, "apple"), frame(5, ""), frame(9)]
    pipeline(bus, ram_dir, k=4, camera_digest="c0ffee").run(Reel(*frames), threading.Event())
    assert [query.label for query in queries] == ["apple", "", None]
    assert [query.frame_seq for query in queries] == [3, 5, 9]
    assert [query.captured_ns for query in queries] == [f.captured_ns for f in frames]
    assert {(query.camera, query.k, query.model, query.origin) for query in queries} == {("till", 4, DIGEST, "camera")}
    assert {query.camera_digest for query in queries} == {"c0ffee"}
    assert len({query.query_id for query in queries}) == 3
    assert np.allclose(queries[0].embedding, MeanColor().embed(frames[0].image), atol=1e-3)


def on_counter(*places, size=60):
    """A counter with a bright square at each of ``places`` (left, top)."""
    image = np.random.default_rng(0).integers(80, 120, (270, 480, 3), dtype=np.uint8)
    for left, top in places:
        image[top : top + size, left : left + size] = (20, 200, 250)
    return image


def over_time(*images, step_s=0.1):
    """Frames of ``images`` taken one after the other, ``step_s`` apart."""
    began_ns = time.monotonic_ns()
    return [Frame(image, n, began_ns + round(n * step_s * 1e9), time.time()) for n, image in enumerate(images)]


def test_object_on_the_counter_is_searched_alone_and_the_query_says_where(ram_dir):
    bus, active = LocalBus(), Active(MeanColor())
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    frames = over_time(*[on_counter()] * 20, *[on_counter((300, 150))] * 3)
    pipeline(bus, ram_dir, active, foreground=Foreground()).run(Reel(*frames), threading.Event())
    assert queries[0].region is None
    left, top, width, height = queries[-1].region
    assert left * 480 <= 300 and top * 270 <= 150
    assert (left + width) * 480 >= 360 and (top + height) * 270 >= 210
    assert width < 0.3 and height < 0.5
    found = on_counter((300, 150))[round(top * 270) : round((top + height) * 270), round(left * 480) :][:, :80]
    assert np.dot(queries[-1].embedding, MeanColor().embed(found)) > 0.99


@pytest.mark.parametrize("max_objects", [1, 2, 8])
def test_several_objects_are_several_queries_of_one_frame(ram_dir, max_objects):
    bus = LocalBus()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    counter = on_counter((40, 40), (220, 40), (400, 180))
    frames = over_time(*[on_counter()] * 20, *[counter] * 3)
    road = pipeline(bus, ram_dir, foreground=Foreground(), max_objects=max_objects)
    road.run(Reel(*frames), threading.Event())
    last = [query for query in queries if query.frame_seq == queries[-1].frame_seq]
    assert [query.object_index for query in last] == list(range(min(3, max_objects)))
    assert len({query.region for query in last}) == len(last)


def test_what_happens_outside_of_the_region_is_neither_searched_nor_noticed(ram_dir):
    bus = LocalBus()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    outside = [on_counter(), *(on_counter((20 * n, 20)) for n in range(6))]
    road = pipeline(bus, ram_dir, region=parse_region("0.5,0,0.5,1"))
    road.run(Reel(*over_time(*outside, step_s=0.01)), threading.Event())
    assert len(queries) == 1 + SETTLING
    assert queries[0].region == pytest.approx((0.5, 0.0556, 0.5, 0.8889), abs=0.001)
    assert np.allclose(queries[0].embedding, MeanColor().embed(on_counter()[:, 240:]), atol=1e-3)


def test_an_unchanged_scene_is_not_searched_again_at_once(ram_dir):
    bus = LocalBus()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    pipeline(bus, ram_dir).run(Reel(*[frame(1)] * 20), threading.Event())
    assert len(queries) == 1 + SETTLING


def test_a_bus_that_is_away_does_not_end_the_way(ram_dir):
    bus = AwayBus(failures=2)
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    figures = Figures()
    road = pipeline(bus, ram_dir, figures=figures)
    road.run(Reel(*[frame(number) for number in range(1, 5)]), threading.Event())
    assert [query.frame_seq for query in queries] == [3, 4]
    assert figures.details()["frames"] == 4
    assert figures.details()["queries"] == 2


def test_an_embedder_that_fails_is_reported_and_the_next_frame_tried(ram_dir):
    bus, embedder, health = LocalBus(), MeanColor(), Problems()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    road = pipeline(bus, ram_dir, Active(embedder), health=health)
    embedder.broken = True
    road.run(Reel(frame(1)), threading.Event())
    assert health.reason == "The device is lost."
    embedder.broken = False
    road.run(Reel(frame(2)), threading.Event())
    assert health.reason == ""
    assert [query.frame_seq for query in queries] == [2]


def test_without_a_model_there_is_a_preview_and_no_query(ram_dir):
    bus = LocalBus()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    pipeline(bus, ram_dir, Active()).run(Reel(frame(1)), threading.Event())
    assert queries == []
    assert preview_path(ram_dir, "till").exists()


def test_the_preview_is_small_and_written_after_the_query(ram_dir):
    bus, seen = LocalBus(), []
    path = preview_path(ram_dir, "till")
    bus.subscribe(messages.QUERY_TOPIC, lambda _: seen.append(path.exists()))
    pipeline(bus, ram_dir).run(Reel(frame(1, image=scene(1, 960, 540))), threading.Event())
    assert seen == [False]
    assert cv2.imread(str(path)).shape == (360, 640, 3)


def test_previews_are_at_most_eight_a_second_and_the_last_is_removed(ram_dir):
    preview, path = Preview(ram_dir, "till"), preview_path(ram_dir, "till")
    preview.offer(scene(1), 100.0)
    first = path.read_bytes()
    preview.offer(scene(2), 100.1)
    assert path.read_bytes() == first
    preview.offer(scene(2), 100.13)
    assert path.read_bytes() != first
    preview.close()
    assert not path.exists()


def test_a_preview_that_cannot_be_written_does_not_end_the_way(tmp_path):
    (tmp_path / "ram").write_text("a file where the folder should be")
    bus = LocalBus()
    queries = heard(bus, messages.QUERY_TOPIC, Query)
    pipeline(bus, tmp_path / "ram").run(Reel(frame(1), frame(2)), threading.Event())
    assert len(queries) == 2


class Counter:
    """Serves pictures on its thread, as the featurizer does, and hears the answers."""

    def __init__(self, ram_dir, active=None, bus=None):
        self.bus = bus or LocalBus()
        self.ram_dir = ram_dir
        self.queries = heard(self.bus, messages.QUERY_TOPIC, Query)
        self.results = heard(self.bus, messages.RESULT_TOPIC, SearchResult)
        self.pictures = Pictures(self.bus, active or Active(MeanColor()), ram_dir, camera="till")
        self.bus.subscribe(messages.PICTURE_TOPIC, self.pictures.receive)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.pictures.run, args=(self._stop,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def send(self, data, query_id="q1", **wanted):
        if data is not None:
            write_aside(picture_path(self.ram_dir, query_id), data)
        message = PictureQuery(query_id=query_id, **wanted)
        self.bus.publish(messages.PICTURE_TOPIC, messages.encode(message))


def test_an_upload_is_served_without_any_frame_and_its_file_removed(ram_dir):
    with Counter(ram_dir) as counter:
        counter.send(jpeg(7), k=3, filters={"category": ("Fruit",)})
        (query,) = wait_for(lambda: counter.queries)
    assert (query.query_id, query.origin, query.k, query.filters) == ("q1", "upload", 3, {"category": ("Fruit",)})
    assert query.label is None
    assert np.allclose(query.embedding, MeanColor().embed(scene(7)), atol=0.02)
    assert list(picture_path(ram_dir, "q1").parent.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "empty"), (b"GIF89a" + b"\0" * 30, "a GIF"), (jpeg(1)[:-40], "cut off"), (None, "no longer there")],
)
def test_a_bad_upload_is_answered_with_what_is_wrong(ram_dir, data, said):
    with Counter(ram_dir) as counter:
        counter.send(data)
        (result,) = wait_for(lambda: counter.results)
        counter.send(jpeg(1), "q2")
        wait_for(lambda: counter.queries)
    assert (result.query_id, result.origin, result.decision, result.matches) == ("q1", "upload", "no_match", ())
    assert said in result.reason
    assert list(picture_path(ram_dir, "q1").parent.iterdir()) == []


def test_an_upload_without_a_model_is_answered(ram_dir):
    with Counter(ram_dir, Active()) as counter:
        counter.send(jpeg(1))
        (result,) = wait_for(lambda: counter.results)
    assert "no model" in result.reason


def test_uploads_beyond_the_line_are_refused_at_once_and_removed(ram_dir):
    counter = Counter(ram_dir)  # nobody serves
    for number in range(MAX_WAITING + 1):
        counter.send(jpeg(number), f"q{number}")
    assert [result.query_id for result in counter.results] == [f"q{MAX_WAITING}"]
    assert not picture_path(ram_dir, f"q{MAX_WAITING}").exists()


def test_a_forgotten_upload_does_not_stay_in_memory(ram_dir):
    forgotten, fresh = picture_path(ram_dir, "old"), picture_path(ram_dir, "new")
    for path in (forgotten, fresh):
        write_aside(path, jpeg(1))
    past = time.time() - FORGOTTEN_AFTER_S - 1
    os.utime(forgotten, (past, past))
    with Counter(ram_dir):
        wait_for(lambda: not forgotten.exists())
    assert fresh.exists()


def test_a_message_that_is_no_picture_query_is_dropped(ram_dir):
    with Counter(ram_dir) as counter:
        counter.bus.publish(messages.PICTURE_TOPIC, b"nonsense")
        counter.send(jpeg(1))
        wait_for(lambda: counter.queries)
    assert counter.results == []


def test_an_answer_that_the_bus_does_not_take_does_not_end_the_service(ram_dir):
    bus = AwayBus(failures=0)
    with Counter(ram_dir, bus=bus) as counter:
        write_aside(picture_path(ram_dir, "q1"), jpeg(1))
        counter.pictures.receive(messages.encode(PictureQuery(query_id="q1")))
        bus._failures = 1
        wait_for(lambda: not picture_path(ram_dir, "q1").exists())
        wait_for(lambda: bus._failures <= 0)
        counter.send(jpeg(2), "q2")
        wait_for(lambda: [query for query in counter.queries if query.query_id == "q2"])


def test_a_camera_name_that_is_no_file_name_is_refused():
    with pytest.raises(ConfigurationError, match="camera"):
        FeaturizerConfiguration(camera="../../etc/passwd")


def test_another_source_region_or_crop_is_another_camera_but_another_password_is_not():
    digests = {
        FeaturizerConfiguration(**settings).camera_digest
        for settings in ({}, {"source": "usb:1"}, {"region": "0,0,0.5,1"}, {"crop": "none"})
    }
    assert len(digests) == 4
    one, other = (FeaturizerConfiguration(source=f"rtsp://me:{secret}@till/1", k=3) for secret in ("first", "second"))
    assert one.camera_digest == other.camera_digest
    assert FeaturizerConfiguration().camera_digest == FeaturizerConfiguration(camera="b", max_fps=2).camera_digest
