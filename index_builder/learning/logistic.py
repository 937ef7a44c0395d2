"""Logistic regression by Newton's method (iteratively reweighted least squares), with a ridge."""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RIDGE = 0.01
"""For features of unit deviation, by cross-validation over taught photos: less of it is as good for photos like those,
but states too much of photos that resemble them less."""
_STEPS = 50
_STEEPEST = 30.0
_NOTHING = 1e-9


def fit_logistic(features: Numbers, true: Numbers, weights: Numbers, ridge: float = RIDGE) -> Numbers:
    """The bias and the weights, (1 + m,), of features (n, m) for outcomes 0 or 1, (n,), weighted by (n,)."""
    middle, spread = features.mean(axis=0), np.maximum(features.std(axis=0), _NOTHING)
    x = np.column_stack([np.ones(len(features)), (features - middle) / spread])
    penalty = ridge * weights.sum() * np.diag([0.0, *np.ones(features.shape[1])])
    found = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -_STEEPEST, _STEEPEST)))
        gradient = x.T @ (weights * (true - p)) - penalty @ found
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + penalty + _NOTHING * np.eye(len(found))
        step = np.linalg.solve(curvature, gradient)
        found = found + step
        if np.abs(step).max() < 1e-8:  # far below what a probability shows
            break
    slopes = found[1:] / spread
    return np.concatenate([[found[0] - slopes @ middle], slopes])
