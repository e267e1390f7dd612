"""Small problems as values, and differences of log-likelihoods."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hepatica.inference import Estimate, Likelihood, Observable, Problem, Trial
from hepatica.inference.formula import read_formula
from hepatica.sbml import read_antimony
from hepatica.solver import Tolerances

TIGHT = Tolerances(rtol=1e-9)
REVERSIBLE = """
model toy
  compartment c = 1; species A in c = 2, B in c = 1;
  forward: A -> B; c*k1*A; back: B -> A; c*k2*B;
  k1 = 0.8; k2 = 0.6;
end
"""
OPEN = """
model toy
  compartment c = 1; species A in c = 2, B in c = 1;
  forward: A -> B; c*k1*A; back: B -> ; c*k2*B; feed: -> A; c*v;
  k1 = 0.8; k2 = 0.6; v = 0.5;
end
"""


def values(**given: Any) -> dict[str, Any]:
    """Conditions from numbers and formulas."""
    return {name: read_formula(str(x), name) for name, x in given.items()}


def problem(
    antimony: str = REVERSIBLE,
    *,
    estimates: Mapping[str, tuple[float, str]],
    trials: Sequence[Trial] = (Trial(id="only"),),
    formulas: Sequence[tuple[str, str]] = (("A", "0.3"),),
    read: Sequence[tuple[int, int, float]] = ((0, 0, 0.5), (0, 0, 2.0)),
    **more: Any,
) -> Problem:
    """A problem; ``read``: trial, observable and time of each measurement."""
    trial, observable, times = (np.array(x) for x in zip(*read, strict=True))
    observables = tuple(
        Observable(id=f"o{k}", formula=read_formula(f, "o"), noise=read_formula(n, "n"), **more)
        for k, (f, n) in enumerate(formulas)
    )
    return Problem(
        id="toy", model=read_antimony(text=antimony), trials=tuple(trials), observables=observables, trial=trial.astype(np.int64),
        parameters=tuple(Estimate(id=n, nominal=v, scale=s) for n, (v, s) in estimates.items()),  # type: ignore[arg-type]
        observable=observable.astype(np.int64), times=times.astype(float), values=np.linspace(1.0, 2.0, len(times)),
    )  # fmt: skip


def differences(likelihood: Likelihood, x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """Derivatives of the log-likelihood by differences of fourth order, one point."""
    steps = h * np.eye(len(x))
    up, down, far, back = (likelihood(x + k * steps) for k in (1, -1, 2, -2))
    return np.asarray((8.0 * (up - down) - (far - back)) / (12.0 * h))


def right(made: Problem) -> tuple[float, np.ndarray]:
    """The log-likelihood of the nominal point with its gradient, which differences confirm."""
    likelihood = Likelihood(made, tolerances=TIGHT)
    x = made.nominal
    value, gradient = likelihood.gradient(x[None])
    assert np.isfinite(value[0])
    assert abs(value[0] - likelihood(x[None])[0]) < 1e-9 * max(1.0, abs(value[0]))
    wanted = differences(likelihood, x)
    again, forward, _ = likelihood.curvature(x[None])
    np.testing.assert_allclose(again, value, rtol=1e-6)
    np.testing.assert_allclose(forward[0], wanted, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(wanted).max()))
    np.testing.assert_allclose(gradient[0], wanted, rtol=2e-6, atol=2e-6 * max(1.0, np.abs(wanted).max()))
    return float(value[0]), np.asarray(gradient[0])
