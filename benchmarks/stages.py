"""The stages of a frame's way inside the featurizer and the searcher, one at a time, on one thread."""

import itertools
import tempfile
from pathlib import Path

import cv2

from benchmarks.figures import durations_ms, p50_p95
from benchmarks.material import camera_picture, make_generation, raw_embeddings
from components.core import messages
from components.core.messages import Query
from components.featurizer.crop import Crop
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.foreground import Foreground, Scene
from components.featurizer.frame import Image
from components.featurizer.gate import Gate
from components.featurizer.model import Model
from components.featurizer.quality import Limits
from components.searcher.index import Index
from components.searcher.searcher import Searcher
from components.searcher.snapshot import load_snapshot

REPEATS = 200


def measure(model: Model, items: int = 10_000) -> dict[str, dict[str, float]]:
    """p50/p95 of each stage; the searcher's at ``items`` items by exact scan."""
    full = camera_picture()
    half = cv2.resize(full, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", full)[1].tobytes()
    embedder, gate = Embedder(model, device="CPU", threads=1), Gate(max_fps=1000)
    clock, loose = iter(range(10_000)), Scene(is_loose=True)
    query = Query(query_id="q", embedding=embedder.embed(half), model=model.digest)
    payload = messages.encode(query)
    rows = {
        "decode (JPEG, 1080p)": durations_ms(lambda: decode_picture(jpeg), REPEATS // 4),
        "gate (960x540)": durations_ms(lambda: gate.opens(half, next(clock)), REPEATS),
        "foreground (960x540)": _foreground_ms(half),
        "foreground (1080p)": _foreground_ms(full),
        "quality (960x540)": durations_ms(lambda: Limits().guidance(Crop(half, None), loose, half), REPEATS),
        "embed (960x540)": durations_ms(lambda: embedder.embed(half), REPEATS),
        "query to bytes": durations_ms(lambda: messages.encode(query), REPEATS),
        "bytes to query": durations_ms(lambda: messages.decode(Query, payload), REPEATS),
    }
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        store = make_generation(Path(folder), raw_embeddings(items), model.digest)
        searcher = Searcher(Index(load_snapshot(store, 1)))
        rows[f"search ({items} items)"] = durations_ms(lambda: searcher.answer(query), REPEATS)
    return {name: p50_p95(values) for name, values in rows.items()}


def _foreground_ms(empty: Image) -> list[float]:
    """Looks at an item on a background that is known."""
    foreground, times = Foreground(), (0.1 * number for number in itertools.count())
    for _ in range(20):
        foreground.look(empty, next(times))
    height, width = empty.shape[:2]
    with_item = empty.copy()
    with_item[height // 4 : height // 2, width // 4 : width // 2] = 255
    spent_ms = durations_ms(lambda: foreground.look(with_item, next(times)), REPEATS)
    if not foreground.scene.objects:
        raise SystemExit("the foreground did not find the item: the benchmark times something else")
    return spent_ms
