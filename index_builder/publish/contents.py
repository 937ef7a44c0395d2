"""What a generation consists of, and what of it a device has to fetch."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud_sync.index.generation_objects import thumbnails
from components.core.errors import NotThereError
from components.core.generations import Manifest
from components.store import Store
from index_builder.publish.places import Place, object_path


@dataclass(frozen=True)
class Part:
    """An object of a generation."""

    kind: str
    size: int


def parts_of(manifest: Manifest, store: Store, sizes: Mapping[str, int] | None = None) -> dict[str, Part]:
    """Every object of the generation by its hash; the rows are in ``store``, thumbnails too, or as ``sizes`` says."""
    parts = {ref.sha256: Part(kind, ref.size) for kind, ref in manifest.objects()}
    for digest in sorted(thumbnails(store, manifest)):
        if sizes is None:
            parts[digest] = Part("thumbnails", store.object_path(digest).stat().st_size)
        elif object_path(digest) in sizes:
            parts[digest] = Part("thumbnails", sizes[object_path(digest)])
    return parts


def published_parts(manifest: Manifest, place: Place, sizes: Mapping[str, int]) -> dict[str, Part]:
    """The same of a generation that lies in ``place``, whose objects have these ``sizes``; {} where it is not whole."""
    with TemporaryDirectory(prefix="lookalike-") as folder:
        store = Store(Path(folder))
        try:
            for segment in manifest.segments:
                store.write_object(place.read(object_path(segment.rows.sha256), segment.rows.size))
        except NotThereError:
            return {}
        return parts_of(manifest, store, sizes)


def to_fetch(parts: Mapping[str, Part], on_device: Mapping[str, Part]) -> dict[str, int]:
    """Bytes that a device fetches that has ``on_device``, by kind."""
    total: Counter[str] = Counter()
    for digest, part in parts.items():
        if digest not in on_device:
            total[part.kind] += part.size
    return dict(total)
