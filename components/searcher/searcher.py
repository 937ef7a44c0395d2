"""From a query to its result: project, search, decide, and hold steady what a camera sees."""

from components.core.camera_mean import CameraMean
from components.core.decisions import COMPARED, decide, with_probabilities
from components.core.errors import ModelMismatchError
from components.core.generations import Manifest
from components.core.messages import Query, SearchResult
from components.core.projection import Projection
from components.core.segments import Vectors
from components.core.steadiness import PATIENCE, Answer, Patience
from components.searcher.camera_means import CameraMeans
from components.searcher.index import Index
from components.searcher.watch import Watches

SETTLED = 3
"""A scene that was at rest for so many frames counts for the mean of its camera: what passes by does not."""


class Searcher:
    """Answers every query from the index of the moment; the index may be replaced at any time.

    The frames of a camera are centered by what ``means`` knows of it, and their answers are steadied. An uploaded
    picture, or one without a time, is answered as it is and centered by the generation: it comes from another camera,
    and the same picture shall find the same items on every device.
    """

    def __init__(
        self, index: Index | None = None, *, means: CameraMeans | None = None, patience: Patience = PATIENCE
    ) -> None:
        self.index = index
        self.means = means or CameraMeans()
        self.mismatch = ""
        """Why the last query could not be compared with the index; "" where it could."""
        self._watches = Watches(patience)

    def answer(self, query: Query) -> SearchResult:
        """The result of ``query``; without an index, or with one of another model: "no match" and the reason."""
        index = self.index  # one index for the whole query, whatever is activated meanwhile
        if index is None:
            return _unavailable(query, "there is no index on this device yet", 0)
        manifest = index.snapshot.manifest
        self.mismatch = _mismatch(query, manifest)
        if self.mismatch:
            return _unavailable(query, self.mismatch, manifest.seq)
        if query.origin == "camera" and query.captured_ns:
            return _result(query, index, *self._steadied(query, index))
        return _result(query, index, _search(query, index, query.embedding[None, :]), 0)

    def _steadied(self, query: Query, index: Index) -> tuple[Answer, int]:
        """What to show of a camera's frame, and the number of this showing."""
        watch, mean = self._watches.of(query), self.means.of(query)
        projection = index.snapshot.projection
        center = _center(projection, mean)
        watch.scene.see(query.embedding, center)
        if watch.scene.settled == SETTLED:
            mean.saw(query.embedding, projection.query_mean, query.captured_ns / 1e9)
        answer = watch.known(query, index)
        if answer is None:
            answer = _search(query, index, watch.scene.evidence(), center)
            watch.found(query, index, answer)
        return watch.steadied(query, index, answer)


def _search(query: Query, index: Index, evidence: Vectors, mean: Vectors | None = None) -> Answer:
    """What the frames ``evidence``, shape (n, dim), find together: a score is the mean of each frame's own."""
    vector = index.snapshot.projection.query(evidence, mean).mean(axis=0)
    # The decision looks at the runners-up even where the client wants the best item alone.
    matches = index.search(vector, max(query.k, COMPARED), query.filters)
    thresholds = index.snapshot.manifest.thresholds
    matches = with_probabilities(matches, thresholds.calibration, query.mode)
    category = index.snapshot.category_of[matches[0].item_id] if matches else ""
    decision = decide(matches, thresholds, mode=query.mode, category=category, filtered=bool(query.filters))
    return Answer(decision, matches)


def _center(projection: Projection, mean: CameraMean) -> Vectors:
    """What to center a camera's frames by: nothing, where the catalog's vectors are not centered either."""
    return mean.around(projection.query_mean) if projection.query_mean.any() else projection.query_mean


def _result(query: Query, index: Index, answer: Answer, showing: int) -> SearchResult:
    decision = answer.decision
    return SearchResult.answering(
        query,
        decision=decision.kind,
        cause=decision.cause,
        reason=decision.reason,
        guidance="hold_still" if decision.cause == "poor_picture" else "",
        candidates=decision.candidates,
        showing=showing,
        generation=index.snapshot.manifest.seq,
        matches=answer.matches[: max(query.k, decision.candidates)],
        backend=index.backend,
    )


def _mismatch(query: Query, manifest: Manifest) -> str:
    """Why ``query`` cannot be compared with the index; "" where it can."""
    try:
        manifest.require_model(query.model)
    except ModelMismatchError as error:
        return str(error)
    if query.embedding.size != manifest.model.dim:
        return f"the query has {query.embedding.size} numbers, its model's have {manifest.model.dim}"
    return ""


def _unavailable(query: Query, reason: str, generation: int) -> SearchResult:
    return SearchResult.answering(
        query, decision="no_match", cause="unavailable", reason=reason[:300], generation=generation
    )
