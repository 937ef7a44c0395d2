"""From a query to its result: project, search, decide."""

from components.core.errors import ModelMismatchError
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
            return SearchResult.answering(query, decision="no_match", reason="there is no index on this device yet")
        manifest = index.snapshot.manifest
        try:
            manifest.require_model(query.model)
        except ModelMismatchError as error:
            self.mismatch = str(error)
            return SearchResult.answering(query, decision="no_match", reason=str(error)[:300], generation=manifest.seq)
        if query.embedding.size != manifest.model.dim:
            self.mismatch = f"the query has {query.embedding.size} numbers, its model's have {manifest.model.dim}"
            return SearchResult.answering(query, decision="no_match", reason=self.mismatch, generation=manifest.seq)
        self.mismatch = ""
        vector = index.snapshot.projection.query(query.embedding[None, :])[0]
        matches = index.search(vector, query.k, query.filters)
        decision = decide(matches, manifest.thresholds.min_score, filtered=bool(query.filters))
        return SearchResult.answering(
            query,
            decision=decision.kind,
            reason=decision.reason,
            generation=manifest.seq,
            matches=matches,
            backend=index.backend,
        )
