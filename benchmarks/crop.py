"""What the crop to the object is worth: hit rate with and without it, on scenes composited from catalog pictures."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.material import GROCERY, default_model
from components.core.segments import Vectors
from components.featurizer.crop import square_around
from components.featurizer.decode import decode_picture
from components.featurizer.embedder import Embedder
from components.featurizer.foreground import Foreground, Scene
from components.featurizer.frame import Image
from components.featurizer.region import cut
from components.featurizer.sources.labels import read_photo_list
from components.featurizer.synthetic.counter import counters
from components.featurizer.synthetic.cutout import Cutout, cut_out
from components.featurizer.synthetic.lens import Lens
from index_builder.catalog import read_catalog
from index_builder.demo_catalog import write_demo_catalog

SIZE = (960, 540)
EMPTY_FRAMES, ITEM_FRAMES, FPS = 20, 4, 10
SCENES = 128


@dataclass(frozen=True)
class Shot:
    """One item on a counter: the last frame, what was found in it, and where the item really is (pixels)."""

    item: int
    image: Image
    scene: Scene
    truth: tuple[int, int, int, int]


def measure() -> dict[str, dict[str, float]]:
    """Hit rate@1 among the catalog's pictures (plain cosine), of the whole picture and of the crop."""
    embedder = Embedder(default_model(), device="CPU", threads=2)
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        rows = {"rendered catalog": _catalog_rows(write_demo_catalog(Path(folder), items=120), embedder)}
    if GROCERY.exists():
        rows["groceries"] = _catalog_rows(GROCERY / "catalog.csv", embedder)
        rows["photos in turns"] = _photo_rows(embedder)
    return rows


def _catalog_rows(catalog: Path, embedder: Embedder) -> dict[str, float]:
    pictures = [decode_picture(Path(entry.pictures[0].location).read_bytes()) for entry in read_catalog(catalog)]
    known = np.stack([embedder.embed(picture) for picture in pictures])
    shots = list(composited(pictures))
    whole = [embedder.embed(shot.image) for shot in shots]
    cropped = [embedder.embed(_crop(shot.image, shot.scene)) for shot in shots]
    items = [shot.item for shot in shots]
    return {
        "scenes": len(shots),
        "whole @1": _hit_rate(known, whole, items),
        "crop @1": _hit_rate(known, cropped, items),
        "cropped": _share([bool(shot.scene.objects) for shot in shots]),
        "item inside": _share([_holds(shot) for shot in shots]),
        "harmed": _share(
            [_hit(known, w, i) and not _hit(known, c, i) for w, c, i in zip(whole, cropped, items, strict=True)]
        ),
    }


def _photo_rows(embedder: Embedder) -> dict[str, float]:
    """Photos that fill the frame, each another scene: they must stay whole, held for one frame or for three seconds."""
    photos = [decode_picture(photo.path.read_bytes()) for photo in read_photo_list(GROCERY / "photos.csv")]
    found = {}
    for name, frames in (("one frame each", 1), ("three seconds each", 3 * FPS)):
        foreground, cropped, now_s = Foreground(), 0, 0.0
        for photo in photos[::3]:
            for _ in range(frames):
                now_s += 1 / FPS
                cropped += bool(foreground.look(photo, now_s).objects)
        found[f"cropped, {name}"] = round(cropped / (frames * len(photos[::3])), 4)
    return {"scenes": len(photos[::3]), **found}


def composited(pictures: list[Image], count: int = SCENES, seed: int = 5) -> Iterator[Shot]:
    """``count`` items of ``pictures``, a quarter to a half as high as the frame, somewhere on various counters."""
    rng = np.random.default_rng(seed)
    lens, grounds = Lens(SIZE, rng), [*counters(SIZE, rng), *_surfaces(rng)]
    order = rng.permutation(np.resize(np.arange(len(pictures)), count))
    for number, item in enumerate(order):
        ground = grounds[number % len(grounds)]
        yield _shot(int(item), pictures[item], ground, lens, rng)


def _shot(item: int, picture: Image, ground: Image, lens: Lens, rng: np.random.Generator) -> Shot:
    foreground, seq = Foreground(), 0
    for seq in range(EMPTY_FRAMES):
        foreground.look(lens.expose(ground, rng), seq / FPS)
    with_item = ground.copy()
    truth = _put(with_item, cut_out(picture), rng)
    image = with_item
    for later in range(1, ITEM_FRAMES + 1):
        image = lens.expose(with_item, rng)
        foreground.look(image, (seq + later) / FPS)
    return Shot(item, image, foreground.scene, truth)


def _put(scene: Image, item: Cutout, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw ``item`` with a soft shadow; gives its left, top, right, bottom."""
    height, width = scene.shape[:2]
    scale = float(rng.uniform(0.25, 0.5)) * height / max(item.shape[:2])
    size = (max(2, round(item.shape[1] * scale)), max(2, round(item.shape[0] * scale)))
    item = np.asarray(cv2.resize(item, size, interpolation=cv2.INTER_AREA), np.uint8)
    left = int(rng.integers(round(0.2 * width), round(0.8 * width) - size[0]))
    top = int(rng.integers(round(0.08 * height), round(0.95 * height) - size[1]))
    shadow = np.zeros((height, width), np.float32)
    cv2.ellipse(shadow, (left + size[0] // 2, top + size[1]), (size[0] * 6 // 10, size[1] // 8), 0, 0, 360, 0.45, -1)
    scene[:] = scene * (1 - cv2.GaussianBlur(shadow, (0, 0), size[0] * 0.06 + 1)[..., None])
    part = scene[top : top + size[1], left : left + size[0]]
    part[:] = np.clip(part * (1 - item[..., 3:] / 255.0) + item[..., :3], 0, 255)
    return left, top, left + size[0], top + size[1]


def _surfaces(rng: np.random.Generator) -> list[Image]:
    """Counters without anything behind: plain, wood, tiles, granite, printed cloth."""
    w, h = SIZE
    plain = np.full((h, w, 3), (188, 196, 200), np.float32) * np.linspace(1.1, 0.85, w, dtype=np.float32)[None, :, None]
    grain = cv2.resize(rng.standard_normal((h, 10)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    wood = np.array((70, 110, 150), np.float32) + 16 * grain[..., None]
    tiles = np.full((h, w, 3), (205, 205, 198), np.float32)
    tiles[:: h // 6], tiles[:, :: h // 6] = 120, 120
    speckle = cv2.GaussianBlur(rng.standard_normal((h, w)).astype(np.float32), (0, 0), 2.2) * 130
    granite = np.array((110, 108, 112), np.float32) + speckle[..., None]
    x, y = np.meshgrid(np.arange(w), np.arange(h))
    checks = ((x // 40 + y // 40) % 2 == 0)[..., None]
    cloth = np.where(checks, np.array((60, 60, 190)), np.array((225, 225, 230))).astype(np.float32)
    blurred = [cv2.GaussianBlur(surface, (0, 0), 1.2) for surface in (plain, wood, tiles, granite, cloth)]
    return [np.clip(surface, 0, 255).astype(np.uint8) for surface in blurred]


def _crop(image: Image, scene: Scene) -> Image:
    return cut(image, square_around(scene.objects[0], image)) if scene.objects else image


def _holds(shot: Shot) -> bool:
    """Whether the crop, if there is one, shows nearly all of the item."""
    if not shot.scene.objects:
        return True
    height, width = shot.image.shape[:2]
    left, top, wide, high = square_around(shot.scene.objects[0], shot.image)
    first_x, first_y, last_x, last_y = shot.truth
    across = min(last_x, (left + wide) * width) - max(first_x, left * width)
    down = min(last_y, (top + high) * height) - max(first_y, top * height)
    return max(0, across) * max(0, down) >= 0.9 * (last_x - first_x) * (last_y - first_y)


def _hit(known: Vectors, query: Vectors, item: int) -> bool:
    return int(np.argmax(known @ query)) == item


def _hit_rate(known: Vectors, queries: list[Vectors], items: list[int]) -> float:
    return _share([_hit(known, query, item) for query, item in zip(queries, items, strict=True)])


def _share(true: list[bool]) -> float:
    return round(float(np.mean(true)), 4)
