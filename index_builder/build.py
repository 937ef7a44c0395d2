"""A catalog becomes an index generation: embed, project, tune, write objects, and the manifest last."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.core.errors import BadContentError, UnavailableError
from components.featurizer.embedder import Embedder
from components.featurizer.model import Model
from components.files import write_whole
from components.index_state import read_state
from components.store import Store
from index_builder.announce import Announce
from index_builder.catalog import Entry, read_catalog
from index_builder.embedding import CatalogEmbedding, Failure, View
from index_builder.embedding_store import EmbeddingStore
from index_builder.empty_scenes import empty_scenes
from index_builder.generation import Made, Naming, write_generation
from index_builder.increment import Plan, plan_increment, write_increment
from index_builder.learning.rendering import MOST_VIEWS, CameraViews, Rendering
from index_builder.next_generation import write_next
from index_builder.pictures import Pictures
from index_builder.taught import adopt, joined


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What a build is asked to do."""

    catalog: Path
    out: Path
    name: str
    license: str = "unknown"
    max_dim: int = 256
    camera_views: int = MOST_VIEWS
    """How many camera views to render of a studio picture at most."""
    taught: str | None = None
    """Where what was taught at cameras lies, to be taken over."""
    wrong_on_unknown: float | None = None
    """The share of the pictures of unknown items that may be answered; None: as pays."""
    compact: bool = False
    """Learn anew, though the last generation could be added to."""
    max_failures: int = 10
    threads: int = os.cpu_count() or 1

    def shaping(self) -> dict[str, object]:
        """What a generation must have been built with to be added to."""
        return {
            "max_dim": self.max_dim,
            "camera_views": self.camera_views,
            "wrong_on_unknown": self.wrong_on_unknown,
        }


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build made."""

    generation: int
    unchanged: bool
    """The same input was built before: nothing was written."""
    learned: str
    """Why it was learned anew; "" where it adds to the generation before."""
    added_views: int
    removed_views: int
    items: int
    views: int
    failures: int
    dim: int
    recall_at_10: float
    """Of Annoy against exact search, on held-out queries."""
    held_out_hit_rate_at_1: float | None
    """Of camera views that were rendered of items that the metric did not learn from, or of their photos."""
    n_trees: int
    search_k: int
    min_score: float
    model: str
    segments: tuple[str, ...]
    """sha256 of the vectors: the same input gives the same ones."""


def build(options: BuildOptions, load_model: Callable[[], Model], announce: Announce) -> BuildReport:
    """Build the next generation into ``options.out``; raises BadContentError with more failures than allowed."""
    entries = read_catalog(options.catalog)
    _require_folder(options.out)
    model = load_model()
    store = Store(options.out)
    embedder = Embedder(model, device="CPU", cache_dir=None, threads=options.threads)
    embedded = _embed(entries, embedder, model, options, store, announce)
    views, failures = embedded.views, embedded.failures
    _write_failures(options.out / "failures.jsonl", failures)
    if not views:
        first = failures[0]
        raise BadContentError(
            f"None of the catalog's {len(failures)} pictures can be used; the first one: {first.item_id}, "
            f"{first.picture}: {first.reason}"
        )
    if len(failures) > options.max_failures:
        raise BadContentError(
            f"{len(failures)} pictures could not be used, more than --max-failures {options.max_failures}: "
            f"{options.out / 'failures.jsonl'} lists them. No generation was made; what was embedded is kept."
        )
    done = announce("learning and tuning", 1)
    made = _made(embedded, embedder, model, options, store)
    report = _publish(made, embedded, store)
    done(1)
    return report


def _require_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnavailableError(
            f"{out} cannot be written ({reason}): choose a folder of your own with --out."
        ) from error
    if read_state(out) is not None:
        raise UnavailableError(
            f"{out} is the index of a device that gets updates, and they decide which generation counts there: build "
            "into another folder, publish it, and let the device fetch or import it."
        )


@dataclass(frozen=True)
class _Embedded:
    views: list[View]
    rendered: CameraViews
    failures: list[Failure]
    plan: Plan | None
    """How to add to the last generation; None: learn anew."""
    why: str


def _embed(
    entries: list[Entry], embedder: Embedder, model: Model, options: BuildOptions, store: Store, announce: Announce
) -> _Embedded:
    work = options.out / "work"
    kept = EmbeddingStore(work / "embeddings.sqlite", model.digest)
    pictures = Pictures(work / "pictures")
    try:
        done = announce("embedding pictures", sum(len(entry.pictures) for entry in entries))
        embedding = CatalogEmbedding(pictures, embedder, model.preprocessing.size, kept, store)
        views, failures = embedding.run(entries, options.threads, done)
        if options.taught is not None:
            adopted = adopt(options.taught, entries, model.digest, store)
            views, failures = joined(views, adopted.views), failures + adopted.failures
        plan, why = None, "as was asked"
        if not options.compact:
            plan, why = plan_increment(views, store, model.digest, options.shaping())
        rendering = Rendering(pictures, embedder, model.preprocessing.size, kept)
        new = views if plan is None else [views[number] for number in plan.to_render]
        of = None if plan is None else sum(not view.picture.by_camera for view in views)
        rendered = rendering.run(new, options.camera_views, options.threads, announce, of)
        return _Embedded(views, rendered, failures, plan, why)
    finally:
        pictures.close()
        kept.close()


def _made(embedded: _Embedded, embedder: Embedder, model: Model, options: BuildOptions, store: Store) -> Made:
    """Add to the last generation where there is a plan to, else learn anew."""
    naming = Naming(options.name, options.license)
    if embedded.plan is not None:
        return write_increment(embedded.plan, embedded.views, embedded.rendered, store, naming)
    empty = np.stack(list(embedder.embed_all(empty_scenes(model.preprocessing.size), options.threads)))
    return write_generation(
        embedded.views,
        embedded.rendered,
        empty,
        model,
        store,
        naming,
        max_dim=options.max_dim,
        wrong_on_unknown=options.wrong_on_unknown,
        settings=options.shaping(),
    )


def _publish(made: Made, embedded: _Embedded, store: Store) -> BuildReport:
    plan = embedded.plan
    removed = 0 if plan is None else len(plan.tombstones) - len(plan.base.manifest.tombstones)
    manifest, unchanged = write_next(made.manifest, store)
    return BuildReport(
        generation=manifest.seq,
        unchanged=unchanged,
        learned=embedded.why,
        added_views=manifest.views if plan is None else len(plan.added),
        removed_views=removed,
        items=manifest.items,
        views=manifest.views,
        failures=len(embedded.failures),
        dim=manifest.dim,
        recall_at_10=made.recall_at_10,
        held_out_hit_rate_at_1=made.held_out_hit_rate_at_1,
        n_trees=manifest.search.n_trees,
        search_k=manifest.search.search_k,
        min_score=manifest.thresholds.min_score,
        model=manifest.model.digest,
        segments=tuple(segment.vectors.sha256 for segment in manifest.segments),
    )


def _write_failures(path: Path, failures: list[Failure]) -> None:
    lines = (json.dumps(dataclasses.asdict(failure), ensure_ascii=False) + "\n" for failure in failures)
    try:
        write_whole(path, "".join(lines).encode(errors="backslashreplace"))  # names of files may be no text
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): choose a folder of your own.") from error
