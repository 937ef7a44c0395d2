"""How probably known a picture has to be to be answered: by what answers bring, or by how often they may be wrong."""

from dataclasses import dataclass, field

import numpy as np

from index_builder.learning.logistic import Flags, Numbers

_JUST_ABOVE = 1e-9
"""So much more than a probability that it is not reached, however the device rounds."""


@dataclass(frozen=True)
class Cases:
    """Queries, (n,) of each: how probably they show a known item, and what comes of answering them."""

    known: Numbers = field(repr=False)
    right: Flags = field(repr=False)
    """Whether the right item is the match, or among the candidates."""
    unknown_item: Flags = field(repr=False)
    """Whether it shows an item, but none of the index's."""
    weights: Numbers = field(repr=False)

    def where(self, chosen: Flags) -> "Cases":
        """The part of them that ``chosen``, (n,), says."""
        return Cases(self.known[chosen], self.right[chosen], self.unknown_item[chosen], self.weights[chosen])


def least_known(cases: Cases, wrong_on_unknown: float | None) -> float:
    """From where on only the share ``wrong_on_unknown`` of the pictures of unknown items is answered; None: as pays."""
    return _pays(cases) if wrong_on_unknown is None else _at_most(wrong_on_unknown, cases.where(cases.unknown_item))


def _pays(cases: Cases) -> float:
    """Where right answers less wrong ones are most: one costs what the other is worth."""
    order = np.argsort(-cases.known, kind="stable")
    gains = np.cumsum((cases.weights * np.where(cases.right, 1.0, -1.0))[order])
    return float(cases.known[order][int(gains.argmax())])


def _at_most(wrong: float, unknown: Cases) -> float:
    """The lowest value that at most the share ``wrong`` of the unknown reaches."""
    order = np.argsort(-unknown.known, kind="stable")
    too_many = np.cumsum(unknown.weights[order]) > wrong * unknown.weights.sum() + _JUST_ABOVE
    return float(unknown.known[order][too_many.argmax()]) + _JUST_ABOVE if too_many.any() else 0.0
