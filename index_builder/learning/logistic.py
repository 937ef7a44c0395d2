"""Logistic regression by Newton's method (iteratively reweighted least squares), with a little ridge."""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

_STEPS = 50
_RIDGE = 1e-3
_STEEPEST = 30.0


def fit_logistic(features: Numbers, true: Numbers, weights: Numbers) -> Numbers:
    """The bias and the weights, (1 + m,), of features (n, m) for outcomes 0 or 1, (n,), weighted by (n,)."""
    x = np.column_stack([np.ones(len(features)), features])
    ridge = _RIDGE * weights.sum() * np.diag([0.0, *np.ones(features.shape[1])])
    found = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -_STEEPEST, _STEEPEST)))
        gradient = x.T @ (weights * (true - p)) - ridge @ found
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + ridge + 1e-9 * np.eye(len(found))
        step = np.linalg.solve(curvature, gradient)
        found = found + step
        if np.abs(step).max() < 1e-8:  # far below what a probability shows
            break
    return found
