"""Answers over time: clips with ground truth through the real way of a frame, from the gate to the steadied answer."""

import dataclasses
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.clip_scenes import FPS, Shot, Shown, clip
from benchmarks.grocery import Groceries
from benchmarks.material import GROCERY
from components.bus import LocalBus
from components.core import messages
from components.core.messages import Query, SearchResult
from components.featurizer.configuration import FeaturizerConfiguration
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.figures import Figures
from components.featurizer.foreground import Foreground
from components.featurizer.frame import Frame
from components.featurizer.gate import Gate
from components.featurizer.pipeline import Embeds, Pipeline
from components.featurizer.preview import Preview
from components.featurizer.sources.labels import Photo, read_photo_list
from components.featurizer.synthetic import SyntheticCamera
from components.problems import Problems
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import load_snapshot
from components.store import Store
from index_builder.build import BuildOptions, build
from index_builder.demo_catalog import write_demo_catalog
from index_builder.model import make_default_model

CLIP_ITEMS = 9
ANSWERED_WITHIN_S = 1.0
START_S = 1_000.0
Items = frozenset[str]
Figure = dict[str, float]


@dataclass(frozen=True)
class Moment:
    """What is true at one frame, and what is shown by then."""

    t: float
    label: str | None
    turn: int
    shown: Items


@dataclass(frozen=True)
class Answered:
    """A result: what it shows, and what its frame says when it is answered alone."""

    turn: int
    label: str | None
    shown: Items
    alone: Items


class Reel:
    """Clips as a camera whose clock goes as fast as its frames are taken."""

    def __init__(self, shots: Iterable[Shot]) -> None:
        self._shots = shots
        self.now_s = START_S
        self.shot: Shot | None = None

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Every shot, 1 / FPS seconds after the one before."""
        for seq, shot in enumerate(self._shots, start=1):
            if stop.is_set():
                return
            self.now_s, self.shot = START_S + seq / FPS, shot
            yield Frame(shot.image, seq, int(self.now_s * 1e9), self.now_s, shot.label)


class Screen:
    """What one searcher's answers put up, from frame to frame."""

    def __init__(self, index: Index, reel: Reel) -> None:
        self._searcher, self._alone = Searcher(index), Searcher(index)
        self._reel = reel
        self.shown: Items = frozenset()
        self.answers: list[Answered] = []
        self.moments: list[Moment] = []

    def on_query(self, payload: bytes) -> None:
        """Answer a frame as the searcher does, and once more alone, as an uploaded picture."""
        query = messages.decode(Query, payload)
        alone = named(self._alone.answer(dataclasses.replace(query, origin="upload")))
        self.shown = named(self._searcher.answer(query))
        shot = self._reel.shot
        assert shot is not None  # a query follows a frame
        self.answers.append(Answered(shot.turn, shot.label, self.shown, alone))

    def note(self, shot: Shot, t: float) -> None:
        """The frame is through: note what is shown now."""
        self.moments.append(Moment(t, shot.label, shot.turn, self.shown))


def named(result: SearchResult) -> Items:
    """The items that a result says it may be; none without a match."""
    return frozenset(match.item_id for match in result.possible)


class _Always:
    """An embedder that is there."""

    def __init__(self, embedder: Embeds) -> None:
        self.embedder = embedder


def play(shots: Iterable[Shot], embedder: Embeds, indexes: Sequence[Index], ram_dir: Path) -> list[Screen]:
    """Run the frames through gate, crop, quality, embedder and bus into a searcher on each of ``indexes``.

    What the featurizer says of a poor picture is a hint that the kiosk shows beside the answer: it changes none.
    """
    bus, reel, defaults = LocalBus(), Reel(shots), FeaturizerConfiguration()
    screens = [Screen(index, reel) for index in indexes]
    for screen in screens:
        bus.subscribe(messages.QUERY_TOPIC, screen.on_query)
    pipeline = Pipeline(
        bus,
        _Always(embedder),
        gate=Gate(defaults.max_fps),
        preview=Preview(ram_dir, "clips"),
        figures=Figures(),
        health=Problems(),
        foreground=Foreground() if defaults.crop == "foreground" else None,
        k=defaults.k,
        clock=lambda: reel.now_s,
    )
    pipeline.run(_Noted(reel, screens), threading.Event())
    return screens


class _Noted:
    """A reel after each of whose frames the screens are read."""

    def __init__(self, reel: Reel, screens: Sequence[Screen]) -> None:
        self._reel, self._screens = reel, screens

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        for frame in self._reel.frames(stop):
            yield frame
            for screen in self._screens:
                if self._reel.shot is not None:
                    screen.note(self._reel.shot, self._reel.now_s)


def figures(screen: Screen) -> Figure:
    """What is asked of steady answers, of one screen.

    Changes to an answer per item, and those with an answer's leaving; how many items a frame alone recognizes, and the
    share of these that are shown within a second of coming to rest; from the second second on, the share of right
    answers at rest and of no answer to an empty scene; both also for each searched frame alone.
    """
    turns = max(moment.turn for moment in screen.moments)
    changes = [after for before, after in pairwise(screen.moments) if after.shown != before.shown]
    recognizable = _recognizable(screen.answers)
    resting = _since_at_rest(screen.moments)
    in_time = {m.turn for m, s in resting if m.label and s <= ANSWERED_WITHIN_S and m.shown == {m.label}}
    empty = [not m.shown for m, since_s in resting if m.label == "" and since_s > ANSWERED_WITHIN_S]
    at_rest = [m.shown == {m.label} for m, since_s in resting if m.label and since_s > ANSWERED_WITHIN_S]
    alone = [answered.alone == {answered.label} for answered in screen.answers if answered.label]
    alone_empty = [not answered.alone for answered in screen.answers if answered.label == ""]
    return {
        "items": turns,
        "changes/item": _round(sum(bool(m.shown) for m in changes) / turns),
        "with leaving": _round(len(changes) / turns),
        "recognizable": len(recognizable),
        "within 1 s": _share([turn in in_time for turn in recognizable]),
        "right": _share(at_rest),
        "right alone": _share(alone),
        "empty quiet": _share(empty),
        "quiet alone": _share(alone_empty),
    }


def _recognizable(answers: Sequence[Answered]) -> list[int]:
    """The turns whose item at rest is found by at least every other frame alone."""
    frames = Counter(answered.turn for answered in answers if answered.label)
    right = Counter(answered.turn for answered in answers if answered.label and answered.alone == {answered.label})
    return [turn for turn in frames if 2 * right[turn] >= frames[turn]]


def _since_at_rest(moments: Sequence[Moment]) -> list[tuple[Moment, float]]:
    """Each moment at rest or empty, with the seconds since that began."""
    found, began, before = [], 0.0, None
    for moment in moments:
        if moment.label != before:
            began, before = moment.t, moment.label
        if moment.label is not None:
            found.append((moment, moment.t - began))
    return found


def _share(true: Sequence[bool]) -> float:
    return _round(float(np.mean(true))) if true else 0.0


def _round(value: float) -> float:
    return round(value, 3)


def clips_of(shown: Sequence[Shown], seed: int = 0) -> Iterator[Shot]:
    """One clip after the other, ``CLIP_ITEMS`` items each, before another empty scene each."""
    for first in range(0, len(shown), CLIP_ITEMS):
        for shot in clip(shown[first : first + CLIP_ITEMS], seed + first):
            yield dataclasses.replace(shot, turn=shot.turn + first)


def measure(use: str = "query") -> dict[str, Figure]:
    """The figures of rendered items and, where they are, of photos of groceries whose ``use`` it is.

    The latter in an index of studio pictures alone, and in one with the photos to teach beside them.
    """
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        root = Path(folder)
        model = make_default_model(root / "model")
        embedder = Embedder(model, device="CPU", threads=os.cpu_count() or 1)
        drawn = write_demo_catalog(root / "catalog", items=24)
        rows = _rows(("rendered items",), at_rest(drawn), [_index(drawn, root / "drawn")], embedder, root)
        if GROCERY.exists():
            studio = GROCERY / "catalog.csv"
            indexes = [_index(studio, root / "studio"), _index(_taught(root / "taught.csv"), root / "taught")]
            names = ("groceries, studio pictures", "groceries, 4 taught photos")
            rows |= _rows(names, one_photo_each(use), indexes, embedder, root)
    return rows


def _rows(
    names: Sequence[str], shown: Sequence[Shown], indexes: Sequence[Index], embedder: Embeds, root: Path
) -> dict[str, Figure]:
    screens = play(clips_of(shown), embedder, indexes, root / "ram")
    return {name: figures(screen) for name, screen in zip(names, screens, strict=True)}


def _index(catalog: Path, out: Path) -> Index:
    options = BuildOptions(catalog=catalog, out=out, name="clips")
    build(options, lambda: make_default_model(out / "model"), lambda what, total: lambda done: None)
    return Index(load_snapshot(Store(out), 1))


def at_rest(catalog: Path, seed: int = 1) -> list[Shown]:
    """Each item of a rendered catalog as a camera sees it on its stand: one picture each."""
    found: dict[str, Shown] = {}
    items = catalog.read_text().count("\n") - 1
    for image, label in SyntheticCamera(catalog, fps=1, hold_s=1, empty_s=0.1, seed=seed, size=(640, 480)).pictures():
        if label and label not in found:
            found[label] = Shown(label, image)
        if len(found) == items:
            break
    return list(found.values())


def one_photo_each(use: str) -> list[Shown]:
    """One photo of every grocery, in an order in which like items are apart; always the same."""
    rng = np.random.default_rng(0)
    photos: dict[str, list[Photo]] = {}
    for photo in read_photo_list(GROCERY / "photos.csv", use):
        photos.setdefault(photo.item_id or "", []).append(photo)
    chosen = [(item_id, several[int(rng.integers(len(several)))]) for item_id, several in photos.items()]
    ordered = [chosen[int(n)] for n in rng.permutation(len(chosen))]
    return [Shown(item_id, decode_picture(photo.path.read_bytes())) for item_id, photo in ordered]


def _taught(path: Path) -> Path:
    groceries = Groceries()
    return groceries.write_catalog(path, [photo.item_id or "" for photo in groceries.studio_pictures])
