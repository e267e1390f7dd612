"""Antimony text -> numbers, for the tests of what happens during a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hepatica.compiler import Kernel, compile_model
from hepatica.sbml import read_antimony
from hepatica.solver import Operation, Status, Tolerances, Trajectories, integrate, plan_after

TIGHT = Tolerances(rtol=1e-9, atol=1e-12)


@dataclass(frozen=True)
class Run:
    """One trajectory, or several; ``run["x"]`` is that of x, shape (time,), or (task, time) of several."""

    kernel: Kernel
    trajectories: Trajectories

    def __getitem__(self, name: str) -> np.ndarray:
        values = self.trajectories.values[..., self.kernel.observables.index(name)]
        return values[0] if len(values) == 1 else values

    @property
    def status(self) -> Status:
        (status,) = set(self.trajectories.status.tolist())
        return Status(status)


def compiled(text: str, names: str | None = None, lanes: int | None = None) -> Kernel:
    """Compile Antimony text; ``names`` are the observables, separated by blanks."""
    return compile_model(read_antimony(text=text), names.split() if names else None, lanes=lanes, cached=False)


def follow(
    model: str | Kernel, at: Sequence[float] | np.ndarray, *, tolerances: Tolerances = TIGHT, draws: np.ndarray | None = None,
    arms: Sequence[Sequence[Operation]] = ((),), threads: int = 1, order: Sequence[int] | None = None,
) -> Run:  # fmt: skip
    """Run a model for every row of ``draws`` (the model's own values when ``None``) in every arm, in the given order."""
    kernel = compiled(model) if isinstance(model, str) else model
    base = kernel.p0[None, :] if draws is None else draws
    tasks = np.array([[arm, draw, -1] for arm in range(len(arms)) for draw in range(len(base))], np.int64)
    tasks = tasks if order is None else tasks[np.asarray(order)]
    plan = plan_after([list(arm) for arm in arms], equilibrated=False)
    times = np.array(at, dtype=float)
    return Run(kernel, integrate(kernel, plan, tasks, base, times, tolerances=tolerances, threads=threads))


def spread(kernel: Kernel, draws: int, **ranges: tuple[float, float]) -> np.ndarray:
    """Give parameter sets in which some parameters are drawn from ranges."""
    base = np.tile(kernel.p0, (draws, 1))
    rng = np.random.default_rng(11)
    for name, (low, high) in ranges.items():
        base[:, kernel.parameter_index(name)] = rng.uniform(low, high, draws)
    return base
