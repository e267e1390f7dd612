"""How every suite runs the engine: one trajectory at the model's own values, far more accurate than what it is compared to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler import compile_model
from hepatica.model import Model
from hepatica.solver import Status, Tolerances, integrate, plan_after

Array = NDArray[np.float64]
TIGHT = Tolerances(rtol=1e-9, atol=1e-14, limit=10**6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """One trajectory.

    Parameters
    ----------
    names
        What was read.
    values
        Shape (time, name); NaN from a failure on.
    status, stopped
        How, and at which model time, it ended.
    """

    names: tuple[str, ...]
    values: Array
    status: Status
    stopped: float

    @property
    def completed(self) -> bool:
        return self.status is Status.OK

    @property
    def sentence(self) -> str:
        return f"{self.status.sentence} (at {self.stopped:.3g})"

    def of(self, name: str) -> Array:
        return self.values[:, self.names.index(name)]


def simulate(model: Model, times: Array, names: Sequence[str], tolerances: Tolerances = TIGHT) -> Curves:
    """Run a model from its initial values; raises what refuses it."""
    kernel = compile_model(model, tuple(dict.fromkeys(names)), cached=False)
    plan = plan_after([[]], equilibrated=False)
    run = integrate(kernel, plan, np.array([[0, 0, -1]]), kernel.p0[None, :], times, tolerances=tolerances)
    return Curves(
        names=kernel.observables,
        values=run.values[0],
        status=Status(int(run.status[0])),
        stopped=float(run.stopped[0]),
    )
