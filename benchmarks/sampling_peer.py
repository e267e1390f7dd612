"""pyPESTO's adaptive parallel tempering with AMICI: of a PEtab problem of version 1, or of one of version 2 from a calibration."""

import logging
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fitting_peer import PypestoProblem
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Problem
from models import Array

FACTORS = {"lin": 0.0, "log": 1.0, "log10": float(np.log(10.0))}


class Peer:
    """What pyPESTO samples.

    Parameters
    ----------
    problem
        A ``pypesto.Problem``.
    names
        Its free parameters.
    """

    def __init__(self, problem: Any, names: list[str]) -> None:
        self.problem, self.names = problem, names
        self.version = f"pyPESTO {version('pypesto')}, AMICI {version('amici')}"

    def objective(self, x: Array) -> float:
        """Minus the log-posterior at a point, on the parameters' scales, in the order of ``names``."""
        return float(self.problem.objective(x))

    def sample(self, x: Array, draws: int, temperatures: int) -> tuple[Array, float]:
        """Give the draws (draw, parameter) of the untempered chain, and processor seconds."""
        from pypesto import sample

        sampler = sample.AdaptiveParallelTemperingSampler(
            internal_sampler=sample.AdaptiveMetropolisSampler(), n_chains=temperatures, options={"show_progress": False}
        )
        begin = time.process_time()
        result = sample.sample(self.problem, n_samples=draws, sampler=sampler, x0=x, filename=None)
        return np.asarray(result.sample_result.trace_x[0]), time.process_time() - begin


def of_collection(file: Path, rtol: float, atol: float) -> Peer:
    """Give a problem of the collection."""
    made = PypestoProblem(file, rtol=rtol, atol=atol)
    return Peer(made.problem, made.names)


def of_calibration(file: Path, problem: Problem, rtol: float, atol: float) -> Peer:
    """Give a problem of version 2, its likelihood by AMICI, its prior and scales by hepatica.

    Without code for sensitivities, which tempering does not need and which would take AMICI long to write.
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    logging.disable(logging.ERROR)
    warnings.filterwarnings("ignore")
    import amici
    import petab.v2 as petab
    import pypesto
    from amici.importers.petab import PetabImporter

    whole = amici.SbmlImporter.sbml2amici

    def plain(*args: Any, **more: Any) -> Any:
        return whole(*args, **(more | {"generate_sensitivity_code": False}))

    amici.SbmlImporter.sbml2amici = plain
    read = petab.Problem.from_yaml(str(file))
    nominal = read.get_x_nominal_dict()
    try:
        folder = file.parent / "amici" / version("amici")
        importer = PetabImporter(
            read, output_dir=str(folder), module_name=f"sample_{file.parent.name}",
            validate=False, verbose=False,
        )  # fmt: skip
        simulator = importer.create_simulator(force_import=True)
    finally:
        amici.SbmlImporter.sbml2amici = whole
    simulator.solver.set_relative_tolerance(rtol)
    simulator.solver.set_absolute_tolerance(atol)
    factors = np.array([FACTORS[p.scale] for p in problem.estimated])
    names = _names(problem, set(nominal))

    def value(x: Array) -> float:
        linear = np.where(factors == 0.0, x, np.exp(factors * x))
        prior = float(log_prior(x[None], linear[None], factors, problem.estimated)[0][0])
        if not np.isfinite(prior):
            return np.inf
        found = float(simulator.simulate(nominal | dict(zip(names, linear.tolist(), strict=True))).llh)
        return np.inf if np.isnan(found) else -(found + prior)

    ends = np.array([[p.lower, p.upper] for p in problem.estimated], float).T
    with np.errstate(divide="ignore"):
        lower, upper = (np.where(factors == 0.0, e, np.log(e) / np.where(factors == 0.0, 1.0, factors)) for e in ends)
    ids = [p.id for p in problem.estimated]
    return Peer(pypesto.Problem(objective=pypesto.Objective(fun=value), lb=lower, ub=upper, x_names=ids), ids)


def _names(problem: Problem, there: set[str]) -> list[str]:
    """Names of the estimated parameters in the files."""
    from hepatica.calibration.export import SHARED

    return [p.id if p.id in there else SHARED.format(p.id) for p in problem.estimated]
