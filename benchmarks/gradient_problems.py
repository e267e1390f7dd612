"""The fits whose gradients are measured and checked: PEtab problems, our own model, and the models of ``models.py``."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

import hepatica.library as library
from hepatica.assays import TimeCourse
from hepatica.ensemble import Ensemble
from hepatica.experiment import Arm, Experiment
from hepatica.model import Model
from hepatica.sbml import write_sbml
from hepatica.simulation import SquaredError, simulate
from hepatica.solver import Tolerances
from models import PROBLEMS, Array

DOSES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
HOURS = (0.0, 0.5, 2.0, 6.0, 24.0, 72.0)
BLOTTED = ("ppERK", "pAKT_S473", "pS6K", "cPARP")
READ = 10


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A model, what was done to it, what is compared, and what is estimated.

    Parameters
    ----------
    name, title
        Short and long name.
    sbml
        The model as another engine reads it.
    model, experiment, objective, wrt
        As a :class:`~hepatica.simulation.Differentiator` takes them.
    absolute
        Absolute tolerances are ``rtol`` times this, in the model's units.
    """

    name: str
    title: str
    sbml: str
    model: Model
    experiment: Experiment
    objective: SquaredError
    wrt: tuple[str, ...]
    absolute: float

    def draws(self, count: int, sigma: float) -> Ensemble:
        """Parameter sets around the model's own, which is the first; log-normal."""
        values = {q.id: q.value for q in self.model.parameters}
        factors = np.exp(np.random.default_rng(1).normal(0.0, sigma, (count, len(self.wrt))))
        factors[0] = 1.0
        return ensemble(np.array([values[name] for name in self.wrt]) * factors, self.wrt)

    def tolerances(self, rtol: float, method: str | None = None) -> Tolerances:
        """Tolerances as every engine has them."""
        return Tolerances(rtol=rtol, atol=rtol * self.absolute, limit=1_000_000, method=method)


def ensemble(values: Array, names: tuple[str, ...]) -> Ensemble:
    """Label parameter sets, shape (draw, parameter)."""
    table = xr.DataArray(
        values, dims=("draw", "parameter"), coords={"draw": np.arange(len(values)), "parameter": list(names)}
    )
    return Ensemble(draws=table, origin="nominal", seed=1)


def half_of(
    model: Model, experiment: Experiment, wanted: Callable[[str, str, float], bool] | None = None, floor: float = 0.0
) -> tuple[SquaredError, float]:
    """Squared distance from half of what the model's own values give, each relative to the largest value of its kind.

    Parameters
    ----------
    model, experiment
        What is run.
    wanted
        Tells for an observable, an arm and a time whether it is compared; all are by default.
    floor
        Added to the largest values, so that what never comes near it does not count.

    Returns
    -------
    objective, absolute
        And a thousandth of the smallest of the largest values: what is below is of no interest.
    """
    seen = simulate(model, experiment, tolerances=Tolerances(rtol=1e-6))
    measured, sigma = {}, {}
    for name in experiment.assay.observables:
        values = seen[name].isel(draw=0).drop_vars("draw")
        size = float(np.abs(values).max())
        if not size > 0.0:
            continue
        kept = [[wanted is None or wanted(name, a.id, t) for t in experiment.assay.times] for a in experiment.arms]
        measured[name], sigma[name] = (0.5 * values).where(np.array(kept)), xr.full_like(values, size + floor)
    sizes = [float(s.max()) for s in sigma.values()]
    return SquaredError(measured=xr.Dataset(measured), sigma=xr.Dataset(sigma)), 1e-3 * min(sizes)


def hcc() -> Fit:
    """Five blotted proteins after six doses of sorafenib, from the steady state."""
    model, drug = library.load_model("hcc"), library.load_drug("sorafenib")
    arms = tuple(Arm(id=f"{d} uM", interventions=(drug.bath(f"{d} uM"),)) for d in DOSES)
    reading = TimeCourse(at=tuple(60.0 * h for h in HOURS), of=BLOTTED)
    experiment = Experiment(id="hcc", arms=arms, assay=reading)
    objective, absolute = half_of(model, experiment)
    return Fit(
        name="hcc", title="HCC (this project)", sbml=write_sbml(model), model=model, experiment=experiment,
        objective=objective, wrt=tuple(p.id for p in model.parameters if p.prior is not None), absolute=absolute,
    )  # fmt: skip


def whole(name: str) -> Fit:
    """A model of the speed benchmark, from its own initial values: all states at ten times, by all that varies there."""
    problem = PROBLEMS[name](1)
    values = dict(zip(problem.kernel.parameters, problem.kernel.p0, strict=True))
    parameters = tuple(replace(q, value=values.get(q.id, q.value)) for q in problem.model.parameters)
    times = tuple(float(t) for t in np.linspace(0.0, problem.horizon, READ + 1)[1:])
    experiment = Experiment(
        id=name, arms=(Arm(id="run"),), assay=TimeCourse(at=times, of=problem.states), equilibrate=False
    )
    model = replace(
        problem.model, parameters=parameters, foreign=False
    )  # trusted: no limit of time for its derivatives
    objective, _ = half_of(model, experiment, floor=problem.absolute)
    return Fit(
        name=name, title=problem.title, sbml=problem.sbml, model=model, experiment=experiment, objective=objective,
        wrt=tuple(problem.kernel.parameters[c] for c in problem.varied), absolute=problem.absolute,
    )  # fmt: skip
