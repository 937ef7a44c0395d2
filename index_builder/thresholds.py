"""From which score on a best item counts as a match."""

import numpy as np

from components.core.projection import Projection
from components.core.segments import Vectors

EMPTY_SHARE = 0.9
LOWEST, HIGHEST = 0.2, 0.6


def choose_min_score(empty: Vectors, projection: Projection, vectors: Vectors) -> float:
    """The score that 90 % of pictures of nothing stay below, within 0.2 to 0.6.

    ``empty`` are their raw embeddings, (n, raw_dim); ``vectors`` the catalog's, (views, dim).
    """
    best = (projection.query(empty) @ vectors.T).max(axis=1)
    return round(float(np.clip(np.quantile(best, EMPTY_SHARE), LOWEST, HIGHEST)), 3)
