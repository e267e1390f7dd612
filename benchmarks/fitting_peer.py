"""pyPESTO with AMICI: the same PEtab problems, fitted by fides."""

import logging
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models import Array

MOST = 500
STEP_LIMIT = 10_000


class PypestoProblem:
    """A PEtab problem in pyPESTO, its model built by AMICI outside the clock.

    Parameters
    ----------
    file
        The problem's YAML file.
    rtol, atol
        Of states and of their sensitivities.
    """

    def __init__(self, file: Path, *, rtol: float, atol: float) -> None:
        beside = str(Path(sys.executable).parent)  # where the SWIG and CMake that its build needs stand
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
        logging.disable(logging.ERROR)  # of AMICI, at each point that it cannot integrate
        warnings.filterwarnings("ignore")
        import petab.v1 as petab
        import pypesto.petab
        from amici.sim import sundials

        self.version = f"pyPESTO {version('pypesto')}, fides {version('fides')}, AMICI {version('amici')}"
        folder = (
            Path(os.environ.get("HEPATICA_BENCH", "results/bench")).resolve() / "pypesto" / version("amici") / file.stem
        )
        importer = pypesto.petab.PetabImporter(
            petab.Problem.from_yaml(str(file)), output_folder=str(folder), model_name=f"fit_{file.stem}"
        )
        creator = importer.create_objective_creator()
        begin = time.perf_counter()
        model = creator.create_model(verbose=False)
        self.load_seconds = time.perf_counter() - begin
        objective = creator.create_objective(model=model)
        solver = objective.amici_solver
        solver.set_max_steps(STEP_LIMIT)
        solver.set_sensitivity_method(sundials.SensitivityMethod.forward)
        for kind in ("", "_fsa"):
            getattr(solver, f"set_relative_tolerance{kind}")(rtol)
            getattr(solver, f"set_absolute_tolerance{kind}")(atol)
        self.problem: Any = importer.create_problem(objective=objective)
        free = list(self.problem.x_free_indices)
        self.names = [self.problem.x_names[k] for k in free]

    def objective(self, x: Array) -> float:
        """Minus the log-posterior at a point, on the parameters' scales, in the order of ``names``."""
        return float(self.problem.objective(x))

    def fit(self, x: Array, update: Literal["hybrid", "information"]) -> tuple[float, int]:
        """Give the objective that fides finds from a point, and how many points it evaluated.

        Parameters
        ----------
        x
            Where it starts, on the parameters' scales, in the order of ``names``.
        update
            ``hybrid``, pyPESTO's own setting: first the Fisher information from forward sensitivities, later BFGS; or the
            ``information`` all along.
        """
        from pypesto.history import HistoryOptions
        from pypesto.optimize import FidesOptimizer, OptimizeOptions

        optimizer = FidesOptimizer(
            hessian_update="default" if update == "hybrid" else None,
            verbose=logging.CRITICAL,
            options={"maxiter": MOST},
        )
        result = optimizer.minimize(
            self.problem, x0=x, id="0", history_options=HistoryOptions(), optimize_options=OptimizeOptions()
        )
        found = np.nan if result.fval is None else float(result.fval)
        return found, int(max(result.n_fval, result.n_grad, result.n_hess))
