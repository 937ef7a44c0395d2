"""How often the right grocery is found and how honest the answers are, beside plain cosine to the studio picture."""

import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.grocery import Groceries
from benchmarks.other_things import other_things
from benchmarks.plain_cosine import Figures, PlainCosine, hit_rates
from components.core.errors import UnavailableError
from components.featurizer.model import Model
from components.featurizer.sources.labels import Photo, read_photo_list
from components.store import Store
from index_builder.answers import Run, Seen, answer, see
from index_builder.build import BuildOptions, build
from index_builder.evaluate import DECISIONS, Evaluation, evaluate
from index_builder.learning.rendering import MOST_VIEWS
from index_builder.measures import Numbers, auroc, chance_calibration_error
from index_builder.model import make_default_model

SEEDS = 3
LEFT_OUT = 20
THREADS = os.cpu_count() or 1
Items = Collection[str]


class Bench:
    """Builds generations of the groceries into one folder, so that a picture is embedded once, and asks them."""

    def __init__(self, groceries: Groceries, folder: Path, camera_views: int) -> None:
        """Raises UnavailableError or BadContentError where there are no photos to ask with."""
        self._groceries, self._folder, self._camera_views = groceries, folder, camera_views
        self._model = make_default_model(folder / "model")
        self._store = Store(folder / "index")
        self.photos = self._see(read_photo_list(groceries.folder / "photos.csv", "query"))

    def plain_cosine(self) -> PlainCosine:
        """What plain cosine answers to the query photos."""
        return PlainCosine(self._see(self._groceries.studio_pictures), self.photos)

    def ask(self, taught: Items, without: Items = (), others: Sequence[Seen] = ()) -> tuple[Run, list[Run]]:
        """What a catalog without some items, with photos of others, answers to the query photos, and to ``others``.

        The latter come before a camera that has also seen the query photos.
        """
        catalog = self._groceries.write_catalog(self._folder / "catalog.csv", taught, without)
        options = BuildOptions(
            catalog=catalog, out=self._folder / "index", name="groceries", camera_views=self._camera_views
        )
        seq = build(options, self._load_model, lambda what, total: lambda done: None).generation
        run = answer(self._store, seq, self.photos, "settled")
        return run, [self._tail(seq, seen) for seen in others]

    def see_others(self, several: int) -> dict[str, Seen]:
        """Pictures of other things by their kind."""
        kinds = other_things(self._folder / "others", several)
        return {kind: self._see(photos) for kind, photos in kinds.items()}

    def _tail(self, seq: int, seen: Seen) -> Run:
        photos, count = self.photos, len(seen.photos)
        joined = Seen(photos.photos + seen.photos, np.vstack([photos.embeddings, seen.embeddings]), [])
        run = answer(self._store, seq, joined, "settled")
        return replace(run, answers=run.answers[-count:], queries=run.queries[-count:])

    def _see(self, photos: list[Photo]) -> Seen:
        return see(self._model, photos, THREADS, lambda done: None)

    def _load_model(self) -> Model:
        return self._model


def measure(
    groceries: Groceries,
    *,
    seeds: int = SEEDS,
    left_out: int = LEFT_OUT,
    camera_views: int = MOST_VIEWS,
    others_of_each: int = 48,
) -> dict[str, Figures]:
    """The table; raises UnavailableError where the pictures are not there."""
    if not (groceries.folder / "photos.csv").is_file():
        raise UnavailableError(
            f"There are no groceries in {groceries.folder}: name a folder with catalog.csv and photos.csv "
            "(photo, item_id, use) by --grocery."
        )
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        bench = Bench(groceries, Path(folder), camera_views)
        items = [photo.item_id or "" for photo in groceries.studio_pictures]
        peer, studio = bench.plain_cosine(), bench.ask(())[0]
        rows = {
            "studio pictures, plain cosine": peer.hits(items),
            "studio pictures": _figures(evaluate(studio)),
            "photos of every item": _figures(evaluate(bench.ask(items)[0])),
        }
        shuffled = [np.random.default_rng(seed).permutation(items).tolist() for seed in range(seeds)]
        rows |= _mean([_half_taught(bench, peer, studio, order) for order in shuffled])
        others = bench.see_others(others_of_each)
        rows |= _mean([_left_out(bench, peer, others, order[:left_out], order[left_out:]) for order in shuffled])
    return rows


def _half_taught(bench: Bench, peer: PlainCosine, studio: Run, order: list[str]) -> dict[str, Figures]:
    """Photos of the first half of the items; what that makes of the other half."""
    taught, never = order[: len(order) // 2], order[len(order) // 2 :]
    run = bench.ask(taught)[0]
    return {
        "half, never taught, plain cosine": peer.hits(never),
        "half, never taught, before": _hits(studio, never),
        "half, never taught, after": _hits(run, never),
        "half, taught, plain cosine": peer.hits(taught),
        "half, taught, before": _hits(studio, taught),
        "half, taught, after": _hits(run, taught),
    }


def _left_out(
    bench: Bench, peer: PlainCosine, others: dict[str, Seen], unknown: list[str], known: list[str]
) -> dict[str, Figures]:
    """Photos of the items ``known``, and none at all of ``unknown``."""
    run, other_runs = bench.ask(known, unknown, list(others.values()))
    evaluation = evaluate(run)
    assert evaluation.open_set is not None  # both kinds of photos are there
    found = {
        "some left out, plain cosine": peer.open_set(known),
        "some left out": _figures(evaluation)
        | {
            **_chance(run),
            "AUROC": evaluation.open_set.auroc,
            "right at 5 %": evaluation.open_set.answered_right_at_5_percent_wrong,
        },
        "  photos of those": _decided([answer.decision for answer in run.answers if not answer.known]),
    }
    ours = _stated(run, known=True)
    for kind, other in zip(others, other_runs, strict=True):
        apart = {"AUROC": round(auroc(ours, _stated(other, known=False)), 4)}
        found[f"  {kind}"] = apart | _decided([answer.decision for answer in other.answers])
    return found


def _figures(evaluation: Evaluation) -> Figures:
    decided = {kind: evaluation.decisions[kind].known for kind in DECISIONS}
    found = {
        "hit@1": evaluation.hit_rate_at_1,
        "hit@5": evaluation.hit_rate_at_5,
        "ECE": evaluation.expected_calibration_error,
        **decided,
    }
    return {name: figure for name, figure in found.items() if figure is not None}


def _chance(run: Run) -> Figures:
    """The ECE that true probabilities would have on so few photos: no figure of it says more than what is above."""
    stated = [answer.probability for answer in run.answers if answer.probability is not None]
    return {"ECE by chance": round(chance_calibration_error(np.array(stated)), 4)} if stated else {}


def _hits(run: Run, items: Items) -> Figures:
    return hit_rates([answer.rank for answer in run.answers if answer.item_id in items])


def _decided(decisions: list[str]) -> Figures:
    return {kind: round(decisions.count(kind) / len(decisions), 4) for kind in DECISIONS}


def _stated(run: Run, *, known: bool) -> Numbers:
    """The probabilities of the answers to known or to unknown things; scores where none are stated."""
    several = [answer for answer in run.answers if answer.known == known]
    return np.array([answer.score if answer.probability is None else answer.probability for answer in several])


def _mean(several: Sequence[dict[str, Figures]]) -> dict[str, Figures]:
    """Row by row and figure by figure."""
    return {
        row: {name: round(float(np.mean([one[row][name] for one in several])), 4) for name in several[0][row]}
        for row in several[0]
    }
