"""How faithful the index is to exact search."""

from pathlib import Path
from tempfile import TemporaryDirectory

from components.searcher.annoy_index import cache_path, open_or_build
from components.searcher.index import Index
from index_builder.answers import Run
from index_builder.tuning import SAME_SCORE

RECALL_AT = 10


def recall_of(run: Run) -> float:
    """Share of the ten nearest items by exact search that the index finds too."""
    snapshot = run.snapshot
    if not snapshot.annoy_pays:
        return 1.0
    with TemporaryDirectory(prefix="lookalike-") as folder:
        kept = cache_path(run.store.index_dir, snapshot.manifest)
        path = kept if kept.exists() else Path(folder) / "index.ann"  # to evaluate writes nothing beside the index
        annoy = open_or_build(path, snapshot.vectors[: snapshot.base], snapshot.manifest.search.n_trees)
        index = Index(snapshot, annoy)
        wanted = found = 0
        for answer, query in zip(run.answers, run.queries, strict=True):
            best = answer.matches[:RECALL_AT]
            wanted += len(best)
            # Counted by score: of several items that look the same any one is right.
            found += sum(match.score >= best[-1].score - SAME_SCORE for match in index.search(query, RECALL_AT))
    return round(found / wanted, 4) if wanted else 1.0
