"""What travels between the components: frozen, checked, at most 7,000 bytes on the wire.

Binary on the bus: UTF-8 JSON with ``format`` and ``kind``; an embedding is base64 of little-endian fp16. Pictures never
travel here: they pass through a directory in RAM, named by the query's id (``components/ram.py``).
"""

import base64
import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from components.core.errors import MessageError
from components.core.fields import is_sha256

FORMAT = 1
MAX_MESSAGE_BYTES = 7_000
MAX_K = 50
MAX_DIM = 2_304  # more would not fit in a message
MAX_ID_LENGTH = 64
MAX_REASON = 500
MAX_OBJECTS = 8

QUERY_TOPIC = "lookalike/query"
PICTURE_TOPIC = "lookalike/picture"
RESULT_TOPIC = "lookalike/result"
STATUS_TOPIC = "lookalike/status"
TEACH_TOPIC = "lookalike/teach"
TAUGHT_TOPIC = "lookalike/taught"

Embedding = npt.NDArray[np.float32]
Filters = Mapping[str, tuple[str, ...]]
Details = Mapping[str, str | int | float | bool]
Region = tuple[float, float, float, float]

ORIGINS = ("camera", "upload")
MODES = ("item", "style")
"""What is looked for: the same item, or items of the same style."""
DECISIONS = ("match", "ambiguous", "no_match")
CAUSES = ("", "nothing_there", "unknown_item", "poor_picture", "unavailable")
"""Why there is no match: a picture of nothing, an item that is not in the catalog, a picture that is not searched, a
device that cannot search now."""
GUIDANCE = ("", "hold_still", "too_dark", "too_blurred", "come_closer")
"""What the person before the camera can do about a poor picture."""
STATES = ("starting", "running", "degraded")


def _require(condition: bool, kind: str, problem: str) -> None:
    if not condition:
        raise MessageError(f"A {kind} message is not valid: {problem}.")


def _is_number(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**63
    return isinstance(value, float) and math.isfinite(value)


def _is_region(region: object) -> bool:
    if not isinstance(region, tuple) or len(region) != 4 or not all(map(_is_number, region)):
        return False
    left, top, width, height = region
    inside = left >= 0 and top >= 0 and left + width <= 1.001 and top + height <= 1.001
    return bool(inside and width > 0 and height > 0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What a query says of itself and its result repeats: where it came from, when, of which frame."""

    query_id: str
    origin: str = "camera"
    camera: str = "camera"
    frame_seq: int = 0
    captured_at: float = 0.0
    """Wall clock, seconds since 1970: only to show."""
    captured_ns: int = 0
    """Monotonic clock of this device, nanoseconds: for ages."""
    inference_ms: float = 0.0
    label: str | None = None
    """The item that the camera really shows, where that is known (synthetic camera, labelled folder); "" if none."""
    region: Region | None = None
    """Which part of the frame was searched: left, top, width, height as shares of the frame; None for all of it."""
    object_index: int = 0
    """Which of several objects in one frame, 0 for the largest one."""
    mode: str = "item"

    def _check_asked(self, kind: str) -> None:
        _require(_is_id(self.query_id), kind, f"query_id must be 1 to {MAX_ID_LENGTH} characters")
        _require(self.origin in ORIGINS, kind, f"origin {self.origin!r} is none of {', '.join(ORIGINS)}")
        _require(_is_id(self.camera), kind, f"camera must be 1 to {MAX_ID_LENGTH} characters")
        _require(
            _is_count(self.frame_seq) and _is_count(self.captured_ns), kind, "frame_seq and captured_ns must be counts"
        )
        _require(_is_number(self.captured_at) and _is_number(self.inference_ms), kind, "times must be finite numbers")
        _require(
            self.label is None or (isinstance(self.label, str) and len(self.label) <= MAX_ID_LENGTH),
            kind,
            "label must be text",
        )
        _require(
            self.region is None or _is_region(self.region), kind, "region must be left, top, width, height in 0..1"
        )
        _require(
            _is_count(self.object_index) and self.object_index < MAX_OBJECTS,
            kind,
            f"object_index must be 0 to {MAX_OBJECTS - 1}",
        )
        _require(self.mode in MODES, kind, f"mode {self.mode!r} is none of {', '.join(MODES)}")


def _check_wanted(kind: str, k: object, filters: object) -> None:
    _require(_is_count(k) and 1 <= k <= MAX_K, kind, f"k must be 1 to {MAX_K}, not {k!r}")  # type: ignore[operator]  # k is an int here
    _require(isinstance(filters, Mapping), kind, "filters must map a name to the values that pass")
    for name, values in filters.items():  # type: ignore[attr-defined]  # a Mapping here
        good = (
            isinstance(name, str) and isinstance(values, tuple) and values and all(isinstance(v, str) for v in values)
        )
        _require(bool(good), kind, f"filter {name!r} must list at least one text value")


@dataclass(frozen=True, kw_only=True)
class Query(_Asked):
    """The embedding of one frame or uploaded picture, on its way to the searcher."""

    KIND: ClassVar[str] = "query"
    embedding: Embedding = field(repr=False, compare=False)
    """Shape (dim,), float32, unit length; fp16 on the wire."""
    model: str
    """Digest of the network with its preprocessing."""
    k: int = 5
    filters: Filters = field(default_factory=dict)
    """AND over the names, OR over a name's values."""
    camera_digest: str = ""
    """Fingerprint of where the camera's pictures come from: with another one, what was learned of it counts no more."""

    def __post_init__(self) -> None:
        self._check_asked(self.KIND)
        good = isinstance(self.camera_digest, str) and len(self.camera_digest) <= MAX_ID_LENGTH
        _require(good, self.KIND, f"camera_digest must be text of at most {MAX_ID_LENGTH} characters")
        _check_wanted(self.KIND, self.k, self.filters)
        _require(is_sha256(self.model), self.KIND, "model must be a sha256 in hex")
        e = self.embedding
        good = isinstance(e, np.ndarray) and e.dtype == np.float32 and e.ndim == 1 and 0 < e.size <= MAX_DIM
        _require(good, self.KIND, f"embedding must be a float32 vector of 1 to {MAX_DIM} numbers")
        unit = bool(np.isfinite(e).all()) and abs(float(np.linalg.norm(e)) - 1.0) < 0.01
        _require(unit, self.KIND, "embedding must be finite and of unit length")


@dataclass(frozen=True, kw_only=True)
class PictureQuery:
    """Asks the featurizer to embed the picture that lies in the RAM directory under ``query_id`` and to query."""

    KIND: ClassVar[str] = "picture"
    query_id: str
    k: int = 5
    filters: Filters = field(default_factory=dict)
    mode: str = "item"

    def __post_init__(self) -> None:
        _require(self.mode in MODES, self.KIND, f"mode {self.mode!r} is none of {', '.join(MODES)}")
        _require(_is_id(self.query_id) and self.query_id.isalnum(), self.KIND, "query_id must be letters and digits")
        _check_wanted(self.KIND, self.k, self.filters)


@dataclass(frozen=True)
class Match:
    """One item that looks like the query, with its cosine score and the calibrated probability that it is the one."""

    item_id: str
    score: float
    probability: float | None = None
    """0 to 1; None where the index is not calibrated."""

    def __post_init__(self) -> None:
        _require(_is_id(self.item_id), "match", f"item_id must be 1 to {MAX_ID_LENGTH} characters")
        _require(_is_number(self.score) and -1.01 <= self.score <= 1.01, "match", f"score {self.score!r} is no cosine")
        sure = self.probability is None or (_is_number(self.probability) and 0.0 <= self.probability <= 1.0)
        _require(sure, "match", f"probability {self.probability!r} is none from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class SearchResult(_Asked):
    """The answer to one query: ``matches``, best first.

    ``ambiguous`` says that one of the first ``candidates`` matches is right; with ``no_match`` the matches are the
    nearest items all the same.
    """

    KIND: ClassVar[str] = "result"
    model: str
    generation: int
    """``seq`` of the index generation that answered; 0 where there was none."""
    decision: str
    reason: str = ""
    """Why there is no match, in words; "" with a match."""
    cause: str = ""
    """The same as one of CAUSES."""
    guidance: str = ""
    """One of GUIDANCE, where the picture is poor."""
    candidates: int = 0
    """How many of the matches may be the right one: 2 to 4 where the decision is ``ambiguous``."""
    showing: int = 0
    """Counts up with every change of what this camera shows; 0 for an uploaded picture."""
    matches: tuple[Match, ...] = ()
    backend: str = "exact"
    """What found the candidates: exact or annoy."""

    def __post_init__(self) -> None:
        self._check_asked(self.KIND)
        _require(is_sha256(self.model), self.KIND, "model must be a sha256 in hex")
        _require(_is_count(self.generation), self.KIND, "generation must be a count")
        _require(self.decision in DECISIONS, self.KIND, f"decision {self.decision!r} is none of {', '.join(DECISIONS)}")
        _require(isinstance(self.reason, str) and len(self.reason) <= 300, self.KIND, "reason must be short text")
        _require(isinstance(self.backend, str) and len(self.backend) <= 20, self.KIND, "backend must be a short name")
        _require(len(self.matches) <= MAX_K, self.KIND, f"at most {MAX_K} matches")
        _require(self.decision != "match" or bool(self.matches), self.KIND, "a match decision needs a match")
        _require(self.cause in CAUSES, self.KIND, f"cause {self.cause!r} is none of {', '.join(CAUSES[1:])}")
        _require(
            self.guidance in GUIDANCE, self.KIND, f"guidance {self.guidance!r} is none of {', '.join(GUIDANCE[1:])}"
        )
        _require(
            _is_count(self.candidates) and _is_count(self.showing), self.KIND, "candidates, showing must be counts"
        )
        chosen = 2 <= self.candidates <= min(4, len(self.matches))
        _require(self.decision != "ambiguous" or chosen, self.KIND, "an ambiguous decision needs 2 to 4 candidates")

    @property
    def possible(self) -> tuple[Match, ...]:
        """The matches of which one is right: one with ``match``, two to four with ``ambiguous``, else none."""
        counts = {"match": 1, "ambiguous": self.candidates, "no_match": 0}
        return self.matches[: counts[self.decision]]

    @classmethod
    def answering(cls, query: Query, **answer: Any) -> "SearchResult":
        """The result of ``query``, which repeats what the query says of itself."""
        asked = {f.name: getattr(query, f.name) for f in dataclasses.fields(_Asked)}
        return cls(**asked, model=query.model, **{"generation": 0, **answer})


@dataclass(frozen=True, kw_only=True)
class Status:
    """How a component is: said when it changes, and every few seconds for whoever came late."""

    KIND: ClassVar[str] = "status"
    component: str
    state: str
    reason: str = ""
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(_is_id(self.component), self.KIND, "component must be a name")
        _require(self.state in STATES, self.KIND, f"state {self.state!r} is none of {', '.join(STATES)}")
        _require(
            isinstance(self.reason, str) and len(self.reason) <= MAX_REASON,
            self.KIND,
            f"reason must be text of at most {MAX_REASON} characters",
        )
        _require(isinstance(self.details, Mapping) and len(self.details) <= 40, self.KIND, "at most 40 details")
        for name, value in self.details.items():
            _require(
                isinstance(value, (str, bool)) or _is_number(value),
                self.KIND,
                f"detail {name!r} must be text or a number",
            )

    @classmethod
    def of(cls, component: str, reason: str, *, works: bool = True, details: Details | None = None) -> "Status":
        """Degraded while there is a ``reason``, which may be long; else running, or starting until it ``works``."""
        state = "degraded" if reason else "running" if works else "starting"
        return cls(component=component, state=state, reason=reason[:MAX_REASON], details=details or {})


class Message(Protocol):
    """A frozen dataclass that checks itself and has a name on the wire."""

    KIND: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """The message as it travels; raises MessageError where it would pass 7,000 bytes."""
    data = _written(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A {message.KIND} message of {len(data)} bytes is too large; at most {MAX_MESSAGE_BYTES} may travel."
        )
    return data


def shortened(result: SearchResult) -> SearchResult:
    """``result`` with as many of its matches, best first, as one message carries: long ids take much room."""
    while result.matches and len(_written(result)) > MAX_MESSAGE_BYTES:
        result = dataclasses.replace(result, matches=result.matches[:-1])
    return result


def _written(message: Message) -> bytes:
    fields = dataclasses.asdict(message)
    if isinstance(message, Query):
        packed = message.embedding.astype("<f2").tobytes()
        fields["embedding"] = base64.b64encode(packed).decode("ascii")
        fields["dim"] = int(message.embedding.size)
    return _json({"format": FORMAT, "kind": message.KIND, **fields})


def _json(fields: dict[str, Any]) -> bytes:
    try:
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise MessageError("A message holds half a surrogate pair, which is no text.") from error


def decode(cls: type[M], data: bytes) -> M:
    """The message of kind ``cls`` in ``data``; raises MessageError for anything that is not one of this version's."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A {cls.KIND} message of {len(data)} bytes is too large; at most {MAX_MESSAGE_BYTES} may travel."
        )
    fields = _parse(cls.KIND, data)
    names = {f.name for f in dataclasses.fields(cls)}
    known = {name: value for name, value in fields.items() if name in names}
    try:
        if cls is Query:
            known["embedding"] = _unpack(known.get("embedding"), fields.get("dim"))
        if "filters" in known:
            known["filters"] = {name: _several(values) for name, values in known["filters"].items()}
        if known.get("region") is not None:
            known["region"] = _several(known["region"])
        if "matches" in known:
            known["matches"] = tuple(Match(m["item_id"], m["score"], m.get("probability")) for m in known["matches"])
        return cls(**known)
    except (TypeError, KeyError, AttributeError) as error:
        raise MessageError(f"A {cls.KIND} message lacks a field or has one of the wrong kind: {error}.") from error


def _several(values: object) -> tuple[Any, ...]:
    if not isinstance(values, (list, tuple)):  # a text would fall apart into its letters
        raise TypeError(f"{values!r:.100} is not a list of values")
    return tuple(values)


def _parse(kind: str, data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"A {kind} message is not JSON: {str(error)[:100]}.") from error
    if not isinstance(fields, dict):
        raise MessageError(f"A {kind} message must be a JSON object.")
    if b"\\u" in data:  # the only way to write what is no text
        _json(fields)
    if fields.get("format") != FORMAT:
        raise MessageError(
            f"A {kind} message has format {fields.get('format')!r}; this version understands {FORMAT}: "
            "deploy the same version of all components."
        )
    if fields.get("kind") != kind:
        raise MessageError(f"A {kind} message was expected, but it is of kind {fields.get('kind')!r}.")
    return fields


def _unpack(text: object, dim: object) -> Embedding:
    try:
        packed = base64.b64decode(str(text), validate=True)
    except ValueError as error:
        raise MessageError(f"A query message's embedding is not base64: {error}.") from error
    if not isinstance(dim, int) or len(packed) != 2 * dim:
        raise MessageError(f"A query message's embedding has {len(packed)} bytes; its dim {dim!r} asks for two each.")
    return np.frombuffer(packed, dtype="<f2").astype(np.float32)
