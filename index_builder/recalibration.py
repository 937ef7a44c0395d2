"""Refits a generation's probabilities on photos: the same objects, other thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from components.core.decisions import COMPARED, Calibration, Thresholds
from components.core.errors import BadContentError, UnavailableError
from components.searcher.snapshot import Snapshot
from index_builder.answers import Answer, Run, answered
from index_builder.learning.calibration import UNKNOWN, UNKNOWN_SHARE, Answers, calibrate
from index_builder.measures import weighted_calibration_error
from index_builder.next_generation import write_next

FOLDS = 5
"""No fewer items must have photos, so that each fold leaves out some and keeps some."""
FEWEST_KNOWN = 30
FEWEST_UNKNOWN = 30
"""With fewer photos of unknown things, known items that are left out take the part of unknown ones."""


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What is stated and decided about photos; those of unknown things have UNKNOWN_SHARE of the weight."""

    expected_calibration_error: float | None
    """None where no probabilities are stated."""
    known_answered: float
    """Share of the photos of known items with a match or with candidates."""
    right_of_answered: float | None
    """Of these, how often the right item is the first; None of none."""
    unknown_answered: float


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """What came of it."""

    generation: int
    unchanged: bool
    """Nothing was written: the active generation has these thresholds already, or would state less true ones."""
    worse: bool
    """The probabilities of the active generation are as true, or truer."""
    photos: int
    items: int
    """How many items the photos show."""
    unknown_photos: int
    left_out: int
    """Photos that were asked once more without their item, as photos of an unknown one."""
    unreadable: int
    before: Stated
    after: Stated
    """By cross-validation over the items: no photo is judged by what was fitted on its item."""
    min_known: float


@dataclass(frozen=True)
class Case:
    """An answer, and the thing that its photo shows: one thing's photos are never in two folds."""

    answer: Answer
    thing: str


def recalibrate(run: Run, wrong_on_unknown: float | None = None, *, anyway: bool = False) -> Recalibration:
    """Fit on ``run``, the answers of the active generation, and publish the next one; deterministic.

    ``wrong_on_unknown`` is the share of the photos of unknown things that may be answered; None: as many as pay.
    Nothing is published where that makes probabilities less true and nobody asked for another share, unless ``anyway``.
    Raises BadContentError where there are too few photos, UnavailableError where ``run`` is of an older generation.
    """
    snapshot = run.snapshot
    known, unknown, left_out = _cases(run.answers)
    calibration = _fit(known, unknown + left_out, snapshot, wrong_on_unknown)
    after = _cross_validated(known, unknown, left_out, snapshot, wrong_on_unknown)
    before = _stated(_decided(known + unknown + left_out, snapshot, snapshot.manifest.thresholds))
    if run.store.active() != snapshot.manifest.seq:
        raise UnavailableError(
            f"Generation {snapshot.manifest.seq} is no longer the newest one in {run.store.index_dir}: calibrate again."
        )
    thresholds = replace(snapshot.manifest.thresholds, calibration=calibration)
    worse = _is_worse(before, after) and thresholds != snapshot.manifest.thresholds
    if worse and wrong_on_unknown is None and not anyway:
        thresholds = snapshot.manifest.thresholds
    manifest, unchanged = write_next(replace(snapshot.manifest, thresholds=thresholds), run.store)
    return Recalibration(
        generation=manifest.seq,
        unchanged=unchanged,
        worse=worse,
        photos=len(known),
        items=len({case.thing for case in known}),
        unknown_photos=len(unknown),
        left_out=len(left_out),
        unreadable=len(run.unreadable),
        before=before,
        after=after,
        min_known=round(thresholds.calibration.min_known if thresholds.calibration else 0.0, 4),
    )


def _is_worse(before: Stated, after: Stated) -> bool:
    old, new = before.expected_calibration_error, after.expected_calibration_error
    return old is not None and new is not None and new >= old


def without_its_item(answer: Answer) -> Answer:
    """What a generation that does not hold the item would answer to the photo (the decision is left to be made)."""
    matches = tuple(match for match in answer.matches if match.item_id != answer.item_id)
    return replace(answer, photo=replace(answer.photo, item_id=""), known=False, matches=matches)


def _cases(answers: Sequence[Answer]) -> tuple[list[Case], list[Case], list[Case]]:
    """Of known items, of unknown things, and of known items left out where there are too few unknown things."""
    known = [Case(one, one.item_id) for one in answers if one.known]
    unknown = [Case(one, one.item_id or str(one.photo.path)) for one in answers if not one.known]
    items = len({case.thing for case in known})
    if len(known) < FEWEST_KNOWN or items < FOLDS:
        raise BadContentError(
            f"There are {len(known)} readable photos of {items} items that the generation holds; to calibrate, give "
            f"at least {FEWEST_KNOWN} of at least {FOLDS} items."
        )
    few = len(unknown) < FEWEST_UNKNOWN or len({case.thing for case in unknown}) < FOLDS
    return known, unknown, [Case(without_its_item(case.answer), case.thing) for case in known] if few else []


def _fit(
    known: Sequence[Case], unknown: Sequence[Case], snapshot: Snapshot, wrong_on_unknown: float | None
) -> Calibration:
    item_ids = sorted({snapshot.item_of[ordinal] for ordinal in snapshot.alive})
    numbers = {item_id: number for number, item_id in enumerate(item_ids)}
    categories = {number: snapshot.category_of[item_id] for item_id, number in numbers.items()}
    return calibrate(_columns(known, numbers), _columns(unknown, numbers), categories, wrong_on_unknown)


def _columns(cases: Sequence[Case], numbers: Mapping[str, int]) -> Answers:
    """The answers as arrays; ``numbers`` has one for every item's id."""
    answers = [case.answer for case in cases]
    top = min(COMPARED, len(numbers) - 1)  # where an item is left out, there is one less
    return Answers(
        scores=np.array([[match.score for match in one.matches[:top]] for one in answers], np.float32),
        position=np.array([int(one.rank) - 1 if one.rank <= top else -1 for one in answers], np.int64),
        first=np.array([numbers[one.matches[0].item_id] for one in answers], np.int64),
        right=np.array([numbers[one.item_id] if one.known else UNKNOWN for one in answers], np.int64),
        weights=np.ones(len(answers)),
    )


def _cross_validated(
    known: list[Case], unknown: list[Case], left_out: list[Case], snapshot: Snapshot, wrong_on_unknown: float | None
) -> Stated:
    turns = {**_turns(unknown), **_turns(known)}
    decided: list[Answer] = []
    for fold in range(FOLDS):
        fitted_on = [[case for case in several if turns[case.thing] != fold] for several in (known, unknown + left_out)]
        calibration = _fit(fitted_on[0], fitted_on[1], snapshot, wrong_on_unknown)
        judged = [case for case in known + unknown + left_out if turns[case.thing] == fold]
        decided += _decided(judged, snapshot, replace(snapshot.manifest.thresholds, calibration=calibration))
    return _stated(decided)


def _turns(cases: Sequence[Case]) -> dict[str, int]:
    """In which fold each thing is left out; the same photos always have the same folds."""
    things = list(dict.fromkeys(case.thing for case in cases))
    order = np.random.default_rng(0).permutation(len(things))
    return {thing: int(place) % FOLDS for thing, place in zip(things, order, strict=True)}


def _decided(cases: Sequence[Case], snapshot: Snapshot, thresholds: Thresholds) -> list[Answer]:
    answers = (case.answer for case in cases)
    return [answered(one.photo, one.known, one.matches, thresholds, snapshot.category_of) for one in answers]


def _stated(answers: Sequence[Answer]) -> Stated:
    known = np.array([one.known for one in answers])
    right = np.array([one.rank == 1 for one in answers])
    told = np.array([one.decision != "no_match" for one in answers])
    probabilities = [one.probability for one in answers if one.probability is not None]
    error = None
    if len(probabilities) == len(answers):
        weights = np.where(known, (1 - UNKNOWN_SHARE) / known.sum(), UNKNOWN_SHARE / (~known).sum())
        error = round(weighted_calibration_error(np.array(probabilities), right, weights), 4)
    return Stated(
        expected_calibration_error=error,
        known_answered=round(float(told[known].mean()), 4),
        right_of_answered=round(float(right[told & known].mean()), 4) if (told & known).any() else None,
        unknown_answered=round(float(told[~known].mean()), 4),
    )
