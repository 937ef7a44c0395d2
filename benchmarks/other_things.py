"""Pictures of other things than a catalog's: photos of anything, empty counters, rendered household goods."""

import itertools
from pathlib import Path

import cv2

from components.featurizer.sources.labels import Photo
from components.featurizer.synthetic import SyntheticCamera
from index_builder.demo_catalog import write_demo_catalog

SCIKIT_IMAGE = "scikit-image's pictures"
SEED = 20
"""Of the rendered scenes, another one than the tests' and the demo's."""


def other_things(folder: Path, several: int = 48) -> dict[str, list[Photo]]:
    """Pictures by their kind: ``several`` rendered ones of each, written below ``folder``, and scikit-image's."""
    items, empty = _rendered(folder, several)
    found = {"empty scenes": empty, "rendered items": items}
    if photos := _scikit_image():
        found[SCIKIT_IMAGE] = photos
    return found


def _rendered(folder: Path, several: int) -> tuple[list[Photo], list[Photo]]:
    """Items held up over counters, two pictures of each at most, and the counters alone."""
    catalog = write_demo_catalog(folder / "demo", items=several)
    camera = SyntheticCamera(catalog, fps=1, hold_s=1, empty_s=0.1, seed=SEED, size=(640, 480))
    items: list[Photo] = []
    empty: list[Photo] = []
    for number, (image, label) in enumerate(itertools.takewhile(lambda _: len(items) < several, camera.pictures())):
        if label is not None and len(items if label else empty) < several:
            path = folder / f"scene-{number}.png"
            cv2.imwrite(str(path), image)
            (items if label else empty).append(Photo(path, ""))
    return items, empty


def _scikit_image() -> list[Photo]:
    """The sample pictures that come with scikit-image, where it is installed: photos, textures, a page, the moon."""
    try:
        import skimage.data  # it is needed by developers alone
    except ImportError:
        return []
    folder = Path(skimage.data.__file__).parent
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".png", ".jpg"})
    return [Photo(path, "") for path in paths]
