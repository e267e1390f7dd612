"""Small problems whose answers are known."""

from collections.abc import Sequence

import numpy as np

from hepatica.inference import Estimate, Observable, Problem, Trial
from hepatica.model import Apply, Model, Number, Parameter, Reaction, Species, Symbol
from hepatica.model.network import Compartment

TIMES = np.array([0.0, 1.0, 2.0, 4.0, 8.0])


def decay() -> Model:
    """A decays with rate k."""
    return Model(
        id="decay", compartments=(Compartment(id="cell"),), species=(Species(id="A", compartment="cell", initial=2.0),),
        parameters=(Parameter(id="k", value=0.5),),
        reactions=(Reaction(id="loss", reactants=(("A", 1.0),), products=(), rate=Apply("*", (Symbol("k"), Symbol("A")))),),
    )  # fmt: skip


def decaying(
    rates: Sequence[float] = (0.5,), *, sigma: float | None = 0.1, k: Estimate | None = None, noise: int = 7
) -> Problem:
    """A is measured at five times while it decays, once for each true rate, which the first trial estimates.

    With ``sigma`` None the noise is estimated too.
    """
    random = np.random.default_rng(noise)
    estimates = [k or Estimate(id="k", scale="log10", lower=1e-3, upper=1e3, nominal=0.5)]
    if sigma is None:
        estimates.append(Estimate(id="sd", scale="log", lower=1e-3, upper=10.0, nominal=0.1))
    trials = [Trial(id=f"t{j}", after={} if j == 0 else {"k": Number(r)}) for j, r in enumerate(rates)]
    observable = Observable(id="a", formula=Symbol("A"), noise=Number(sigma) if sigma else Symbol("sd"))
    values = np.concatenate([2.0 * np.exp(-r * TIMES) for r in rates])
    return Problem(
        id="decay", model=decay(), parameters=tuple(estimates), trials=tuple(trials), observables=(observable,),
        trial=np.repeat(np.arange(len(rates)), len(TIMES)), observable=np.zeros(len(values), np.int64),
        times=np.tile(TIMES, len(rates)), values=values + 0.1 * random.normal(size=len(values)),
    )  # fmt: skip
