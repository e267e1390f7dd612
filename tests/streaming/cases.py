"""What the tests of streaming run."""

from dataclasses import replace

import xarray as xr

from hepatica.experiment import Arm, Change, Experiment, Intervention
from hepatica.model import Apply, Model, Prior, Symbol
from hepatica.streaming import prior_blocks, simulate_blocks
from tests.compiler.networks import rate_of, turnover
from tests.simulation.test_run import Reading

DOSE = Intervention(
    id="dose", changes=(Change(target="make", how="scale", value=2.0),), labels={"dose": 2.0, "kind": "b"}
)
EXPERIMENT = Experiment(id="test", arms=(Arm(id="control"), Arm(id="dose", interventions=(DOSE,))), assay=Reading())
BLOWN_UP = Experiment(
    id="blow-up", arms=(Arm(id="a"),), assay=Reading(at=(0.0, 1.0, 2.0), names=("x",)), equilibrate=False
)


def uncertain() -> Model:
    """The turnover model with two uncertain rates."""
    made, lost = (
        Prior(distribution="log-normal", arguments=(0.7, 0.5)),
        Prior(distribution="uniform", arguments=(0.05, 0.2)),
    )
    wide = {"make": made, "decay": lost}
    model = turnover()
    return replace(model, parameters=tuple(replace(p, prior=wide[p.id]) for p in model.parameters))


def explosive() -> Model:
    """``dx/dt = k + x^2``, which ends before time 2 where k is above (pi / 4)^2."""
    model = rate_of(Apply("+", (Symbol("k"), Apply("*", (Symbol("x"), Symbol("x"))))), k=1.0)
    prior = Prior(distribution="uniform", arguments=(0.1, 1.2))
    return replace(model, parameters=tuple(replace(p, prior=prior) if p.id == "k" else p for p in model.parameters))


def blocks(draws: int, size: int, *, start: int = 0, seed: int = 3) -> list[xr.Dataset]:
    """Simulate draws of the turnover model."""
    model = uncertain()
    return list(
        simulate_blocks(model, EXPERIMENT, prior_blocks(model, draws, seed=seed, size=size, start=start), threads=1)
    )
