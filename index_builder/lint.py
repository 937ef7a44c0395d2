"""What is wrong or risky in a catalog, found before a customer does: copies, look-alikes, poor pictures, titles."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.core.errors import BadContentError
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model
from components.store import Store
from index_builder.announce import Announce
from index_builder.catalog import Entry, read_catalog
from index_builder.embedding import CatalogEmbedding, Failure
from index_builder.embedding_store import EmbeddingStore
from index_builder.lint_looks import Alikeness, Look, domain_mean, learn_alikeness, look_at
from index_builder.lint_rules import KINDS, Finding, of_copies, of_failures, of_items, of_pictures
from index_builder.pictures import Pictures


@dataclass(frozen=True, kw_only=True)
class LintReport:
    """All findings, by kind and the worst first."""

    items: int
    pictures: int
    counts: dict[str, int]
    alikeness: Alikeness
    findings: tuple[Finding, ...]
    thumbnails: dict[str, str] = field(repr=False)
    """Picture -> sha256 of its thumbnail object."""


def lint(catalog: Path, folder: Path, load_model: Callable[[], Model], threads: int, announce: Announce) -> LintReport:
    """Look at all of a catalog; ``folder`` is one of generations, as for a build, where embeddings are kept.

    Raises BadContentError where the catalog is none, or none of its pictures can be used.
    """
    entries = read_catalog(catalog)
    model, store = load_model(), Store(folder)
    embedder = Embedder(model, device="CPU", cache_dir=None, threads=threads)
    looks, failures = _look(entries, model, embedder, store, threads, announce)
    if not looks:
        first = failures[0]
        raise BadContentError(
            f"None of the pictures of {catalog} can be used; the first one: {first.item_id}, {first.picture}: "
            f"{first.reason}"
        )
    done = announce("comparing", 1)
    mean = domain_mean(np.stack([look.embedding for look in looks]))
    alikeness = learn_alikeness(looks, mean, store, embedder, threads)
    findings = [
        *of_failures(failures, {look.item_id for look in looks}),
        *of_pictures(looks, model.preprocessing.size),
        *of_copies(looks, mean, alikeness),
        *of_items(entries, looks, titled=not catalog.is_dir()),
    ]
    order = list(KINDS)
    findings.sort(key=lambda finding: (order.index(finding.kind), -(finding.score or 0.0)))
    done(1)
    return LintReport(
        items=len(entries),
        pictures=sum(len(entry.pictures) for entry in entries),
        counts={kind: n for kind in order if (n := sum(one.kind == kind for one in findings))},
        alikeness=alikeness,
        findings=tuple(findings),
        thumbnails={look.location: look.thumbnail for look in looks},
    )


def _look(
    entries: list[Entry], model: Model, embedder: Embedder, store: Store, threads: int, announce: Announce
) -> tuple[list[Look], list[Failure]]:
    work = store.index_dir / "work"
    kept, pictures = EmbeddingStore(work / "embeddings.sqlite", model.digest), Pictures(work / "pictures")
    try:
        done = announce("embedding pictures", sum(len(entry.pictures) for entry in entries))
        embedding = CatalogEmbedding(pictures, embedder, model.preprocessing.size, kept, store)
        views, failures = embedding.run(entries, threads, done)
        return look_at(views, pictures, store, threads, announce("looking at pictures", len(views))), failures
    finally:
        pictures.close()
        kept.close()
