"""From a query to its result: project, search, decide."""

from components.core.errors import ModelMismatchError
from components.core.generations import Manifest
from components.core.matching import decide
from components.core.messages import Query, SearchResult
from components.searcher.index import Index


class Searcher:
    """Answers every query from the index of the moment; the index may be replaced at any time."""

    def __init__(self, index: Index | None = None) -> None:
        self.index = index
        self.mismatch = ""
        """Why the last query could not be compared with the index; "" where it could."""

    def answer(self, query: Query) -> SearchResult:
        """The result of ``query``; without an index, or with one of another model: "no match" and the reason."""
        index = self.index  # one index for the whole query, whatever is activated meanwhile
        if index is None:
            return _unavailable(query, "there is no index on this device yet", 0)
        manifest = index.snapshot.manifest
        self.mismatch = _mismatch(query, manifest)
        if self.mismatch:
            return _unavailable(query, self.mismatch, manifest.seq)
        vector = index.snapshot.projection.query(query.embedding[None, :])[0]
        matches = index.search(vector, query.k, query.filters)
        decision = decide(matches, manifest.thresholds.min_score, filtered=bool(query.filters))
        return SearchResult.answering(
            query,
            decision=decision.kind,
            cause=decision.cause,
            reason=decision.reason,
            generation=manifest.seq,
            matches=matches,
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
