"""Whether gradients are right: beside Richardson differences of the objective, and forward beside adjoint."""

from typing import Any

import numpy as np

from gradient_problems import Fit
from hepatica.simulation import Differentiator
from models import Array

TIGHT, USUAL = 1e-10, 1e-5
STEP, ROUNDS = 0.04, 10  # of the logarithms of parameters; halved each round
RANDOM, SINGLE, FORWARD = 3, 5, 30


def verify(fit: Fit) -> dict[str, Any]:
    """Compare gradients by logarithms of the parameters.

    Returns
    -------
    dict
        ``random``: largest difference along random unit directions, relative to the length of the gradient; ``single``: along
        the parameters with the largest derivatives, relative to each; ``resolved``: how far apart the last extrapolations of
        the differences are, measured alike; ``forward``: largest difference of forward from adjoint over thirty parameters
        at rtol 1e-5, relative to the largest of them.
    """
    p = fit.draws(1, 0.0).draws.values[0]
    tol = fit.tolerances(TIGHT, "rodas5p")
    adjoint = Differentiator(fit.model, fit.experiment, fit.objective, fit.wrt, method="adjoint", tolerances=tol)
    slope = adjoint.evaluate(p[None])[1][0] * p
    largest = np.argsort(-np.abs(slope))
    ways = np.random.default_rng(1).normal(size=(RANDOM, len(p)))
    ways = np.vstack([ways / np.linalg.norm(ways, axis=1)[:, None], np.eye(len(p))[largest[:SINGLE]]])
    found, doubt = differences(adjoint, fit, p, ways)
    scale = np.concatenate([np.full(RANDOM, np.linalg.norm(slope)), np.abs(slope[largest[:SINGLE]])])
    wrong, resolved = np.abs(ways @ slope - found) / scale, doubt / scale
    few = tuple(fit.wrt[k] for k in largest[:FORWARD])
    both = [
        Differentiator(fit.model, fit.experiment, fit.objective, few, method=m, tolerances=fit.tolerances(USUAL))
        for m in ("forward", "adjoint")
    ]
    at = p[largest[:FORWARD]]
    pushed, pulled = (b.evaluate(at[None])[1][0] * at for b in both)
    return {
        "title": fit.title, "parameters": len(p), "random": float(wrong[:RANDOM].max()), "single": float(wrong[RANDOM:].max()),
        "resolved": float(resolved.max()), "forward": float(np.abs(pushed - pulled).max() / np.abs(pulled).max()),
    }  # fmt: skip


def differences(adjoint: Differentiator, fit: Fit, p: Array, ways: Array) -> tuple[Array, Array]:
    """Give derivatives of the objective along ``ways`` (way, parameter) by extrapolated differences, and how good they are.

    Of all orders and steps that is taken which is nearest to its two predecessors: large steps cross what is not smooth, small
    ones drown in the integrator's error.

    Source: L. F. Richardson, Phil. Trans. R. Soc. A 1911;210:307-357; C. J. F. Ridders, Adv. Eng. Softw. 1982;4:75-76.
    """
    steps = STEP / 2.0 ** np.arange(ROUNDS)
    moves = np.array([[sign * h * way for sign in (1, -1)] for way in ways for h in steps]).reshape(-1, len(p))
    values = adjoint.evaluate_value(p * np.exp(moves)).reshape(len(ways), ROUNDS, 2)
    table = (values[..., 0] - values[..., 1]) / (2 * steps)
    best, doubt = table[:, -1].copy(), np.full(len(ways), np.inf)
    for order in range(1, ROUNDS):
        finer = (4**order * table[:, 1:] - table[:, :-1]) / (4**order - 1)
        apart = np.maximum(np.abs(finer - table[:, 1:]), np.abs(finer - table[:, :-1]))
        for way, k in enumerate(np.argmin(apart, axis=1)):
            if apart[way, k] < doubt[way]:
                best[way], doubt[way] = finer[way, k], apart[way, k]
        table = finer
    return best, doubt
