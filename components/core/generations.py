"""A generation's manifest: which model, projection and segments make one published state of an index."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from components.core.decisions import Calibration, Thresholds
from components.core.errors import FormatError, ModelMismatchError
from components.core.fields import count, is_sha256, text

FORMAT = 2
KIND = "lookalike-generation"
MAX_MANIFEST_BYTES = 64 * 2**20
MAX_OBJECT_BYTES = 2**32
MAX_TREES = 1_000
MAX_SEARCH_K = 10_000_000


@dataclass(frozen=True)
class ObjectRef:
    """A content-addressed object: its sha256 in hex and its size in bytes."""

    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not is_sha256(self.sha256):
            raise FormatError(f"An object of the manifest is named {self.sha256!r}, which is no sha256 in hex.")
        if not 0 <= self.size <= MAX_OBJECT_BYTES:
            raise FormatError(f"An object of the manifest claims {self.size} bytes, beyond what is allowed.")


@dataclass(frozen=True)
class ModelRef:
    """The network whose embeddings the index holds, with its provenance."""

    name: str
    digest: str
    """Identity: sha256 over network and preprocessing."""
    dim: int
    license: str
    source: str
    files: Mapping[str, ObjectRef]
    """model.xml, model.bin, model.json."""

    def file(self, name: str) -> ObjectRef:
        """The object that holds the file ``name``; raises FormatError where the generation brings none."""
        if name not in self.files:
            raise FormatError(f"The generation does not hold {name} of its model: build or fetch it again.")
        return self.files[name]


@dataclass(frozen=True)
class SegmentRef:
    """A segment with its rows; a ``tail`` is scanned exactly, the others are Annoy's base."""

    vectors: ObjectRef
    rows: ObjectRef
    first_ordinal: int
    count: int
    tail: bool = False


@dataclass(frozen=True)
class SearchSettings:
    """How Annoy is built and asked; tuned by the builder on held-out queries."""

    n_trees: int = 20
    search_k: int = 8000
    """0 where Annoy does not pay: every search is an exact scan."""
    rescore: int = 80
    """How many candidates are scored again exactly."""

    def __post_init__(self) -> None:
        allowed = {"n_trees": (1, MAX_TREES), "search_k": (0, MAX_SEARCH_K), "rescore": (1, MAX_SEARCH_K)}
        for name, (low, high) in allowed.items():
            if not low <= getattr(self, name) <= high:
                raise FormatError(f"A manifest says {name} {getattr(self, name)!r}; expected {low} to {high}.")


@dataclass(frozen=True)
class Manifest:
    """One published state of an index."""

    seq: int
    name: str
    license: str
    model: ModelRef
    projection: ObjectRef
    dim: int
    """Length of the vectors in the segments."""
    segments: tuple[SegmentRef, ...]
    """First Annoy's base, then the tail."""
    tombstones: tuple[int, ...]
    """Ordinals of removed views, ascending."""
    search: SearchSettings
    thresholds: Thresholds
    items: int
    views: int
    """Without the removed ones."""
    golden: ObjectRef | None = None
    """Queries that a device asks before it uses the generation; None where there are none."""

    def __post_init__(self) -> None:
        expected = 0
        for segment in self.segments:
            if segment.first_ordinal != expected or segment.count < 0:
                raise FormatError(
                    f"The segments of generation {self.seq} leave a gap or overlap at ordinal {expected}."
                )
            expected += segment.count
        if [segment.tail for segment in self.segments] != sorted(segment.tail for segment in self.segments):
            raise FormatError(f"Generation {self.seq} has a tail segment before one of the base.")
        if any(not 0 <= ordinal < expected for ordinal in self.tombstones):
            raise FormatError(f"Generation {self.seq} has a tombstone for a view that it does not have.")

    def objects(self) -> Iterator[tuple[str, ObjectRef]]:
        """All that the manifest names, with what it is; the thumbnails are named by the rows."""
        yield from (("model", ref) for ref in self.model.files.values())
        yield "projection", self.projection
        if self.golden is not None:
            yield "golden queries", self.golden
        for segment in self.segments:
            yield "vectors", segment.vectors
            yield "rows", segment.rows

    def require_model(self, digest: str) -> None:
        """Raise ModelMismatchError unless embeddings of the model ``digest`` may be compared with this index."""
        if digest != self.model.digest:
            raise ModelMismatchError(
                f"The query comes from model {digest[:12]}, but index generation {self.seq} was built with model "
                f"{self.model.digest[:12]} ({self.model.name}): build the index with the camera's model, or deploy the "
                "generation's model to the featurizer."
            )


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest's file: JSON with sorted keys, so that the same generation gives the same bytes.

    Without spaces: a device fetches it with every update, and it may name thousands of tombstones.
    """
    document = {"format": FORMAT, "kind": KIND, **asdict(manifest)}
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def decode_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of a file; raises FormatError that says what is wrong with it."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise FormatError(f"A manifest of {len(data)} bytes is beyond the {MAX_MANIFEST_BYTES} that are allowed.")
    try:
        document = json.loads(data)
        if document.get("kind") != KIND:
            raise FormatError("The file is not the manifest of an index generation: give the folder that `build` made.")
        if document["format"] != FORMAT:
            raise FormatError(_other_format(count(document["format"])))
        return _manifest(document)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise FormatError(
            f"A manifest is damaged, or of another version ({error!r}): fetch or build the generation again."
        ) from error


def decode_manifest_of(seq: int, data: bytes) -> Manifest:
    """The manifest of generation ``seq``; raises FormatError also where it is another one's."""
    manifest = decode_manifest(data)
    if manifest.seq != seq:
        raise FormatError(
            f"The manifest of generation {seq} says that it is generation {manifest.seq}: fetch, build or publish it "
            "again."
        )
    return manifest


def _other_format(found: int) -> str:
    what_to_do = "it is older: build it again" if found < FORMAT else "update this version"
    return f"The generation has format {found}; this version reads {FORMAT}: {what_to_do}."


def _manifest(document: dict[str, Any]) -> Manifest:
    model = document["model"]
    return Manifest(
        seq=count(document["seq"]),
        name=text(document["name"]),
        license=text(document["license"]),
        model=ModelRef(
            name=text(model["name"]),
            digest=ObjectRef(text(model["digest"]), 0).sha256,
            dim=count(model["dim"]),
            license=text(model["license"]),
            source=text(model["source"]),
            files={text(name): _object(ref) for name, ref in model["files"].items()},
        ),
        projection=_object(document["projection"]),
        dim=count(document["dim"]),
        segments=tuple(_segment(segment) for segment in document["segments"]),
        tombstones=tuple(count(ordinal) for ordinal in document["tombstones"]),
        search=SearchSettings(**{name: count(value) for name, value in document["search"].items()}),
        thresholds=_thresholds(document["thresholds"]),
        items=count(document["items"]),
        views=count(document["views"]),
        golden=None if document["golden"] is None else _object(document["golden"]),
    )


def _thresholds(fields: dict[str, Any]) -> Thresholds:
    known = fields["calibration"]
    if known is not None:
        several = {text(category): float(value) for category, value in known["min_known_by_category"].items()}
        numbers = {name: float(value) for name, value in known.items() if name != "min_known_by_category"}
        known = Calibration(min_known_by_category=several, **numbers)
    return Thresholds(float(fields["min_score"]), float(fields["taught_penalty"]), known)


def _segment(fields: dict[str, Any]) -> SegmentRef:
    return SegmentRef(
        vectors=_object(fields["vectors"]),
        rows=_object(fields["rows"]),
        first_ordinal=count(fields["first_ordinal"]),
        count=count(fields["count"]),
        tail=bool(fields["tail"]),
    )


def _object(fields: dict[str, Any]) -> ObjectRef:
    return ObjectRef(text(fields["sha256"]), count(fields["size"]))
