"""AMICI's objective and gradient of the same fits: CVODES with KLU, compiled C++, forward or adjoint sensitivities."""

import logging
import os
import shutil
import sys
import time
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from gradient_problems import Fit
from hepatica.compiler import compile_model
from hepatica.simulation import arm_operations
from hepatica.solver import Operation
from models import Array

STEP_LIMIT = 100_000


class AmiciFit:
    """A fit in AMICI; its experimental data are made outside the clock.

    Parameters that arms change are AMICI's fixed ones. Each condition has only the times of its own measurements.
    """

    def __init__(self, fit: Fit) -> None:
        beside = str(Path(sys.executable).parent)  # where the SWIG and CMake that its build needs stand
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
        import amici
        from amici.sim import sundials

        # warnings of CVODES, at each step that ends on a discontinuity, and of AMICI: the gradients are compared anyway
        logging.disable(logging.WARNING)
        warnings.filterwarnings(
            "ignore", message="Adjoint sensitivity analysis for models with discontinuous", module="amici"
        )
        self.version: str = amici.__version__
        self.api: Any = sundials
        self.fit, self.kernel = fit, compile_model(fit.model, ())
        self.arms = [arm_operations(fit.model, self.kernel, fit.experiment, a) for a in fit.experiment.arms]
        operations = [op for arm in self.arms for op in arm]
        if any(op.what == "state" or op.how != "set" or op.start not in {None, 0.0} for op in operations):
            raise ValueError("an arm does more than setting parameters before or at time zero")
        self.fixed = sorted({self.kernel.parameters[op.index] for op in operations})
        module = self._build(amici)
        self.model: Any = module.get_model()
        self.solver: Any = self.model.create_solver()
        self.solver.set_max_steps(STEP_LIMIT)
        self.solver.set_return_data_reporting_mode(sundials.RDataReporting.likelihood)
        # its default, 100, makes steady states the largest error by far; tighter ones cost it nothing to speak of
        self.solver.set_steady_state_tolerance_factor(0.01)
        free = list(self.model.get_free_parameter_ids())
        self.plist = [free.index(name) for name in fit.wrt]
        known = {name: float(v) for name, v in zip(self.kernel.parameters, self.kernel.p0, strict=True)}
        values = zip(free, self.model.get_free_parameters(), strict=True)
        self.free = np.array([known.get(name, value) for name, value in values])
        self.constant = dict(
            zip(self.model.get_fixed_parameter_ids(), self.model.get_fixed_parameters(), strict=True)
        )  # fmt: skip
        self.constant |= {name: known[name] for name in self.fixed}
        self.seconds = 0.0

    def _build(self, amici: Any) -> Any:
        names = self.fit.objective.observables
        text = f"{self.fit.sbml}{self.fixed}{names}"
        key = f"fit_{self.fit.name}_{sha256(text.encode()).hexdigest()[:10]}"
        folder = Path(os.environ.get("HEPATICA_BENCH", "results/bench")) / "amici" / self.version / key
        stamp = folder / "seconds"
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            begin = time.perf_counter()
            importer = amici.SbmlImporter(self.fit.sbml, from_file=False, discard_annotations=True)
            channels = [amici.MeasurementChannel(f"read_{name}", formula=name) for name in names]
            importer.sbml2amici(key, folder, fixed_parameters=self.fixed, observation_model=channels, verbose=False)
            stamp.write_text(repr(time.perf_counter() - begin))
        self.load_seconds = float(stamp.read_text())
        return amici.import_model_module(key, folder)

    def _condition(self, arm: int, values: Array) -> Any:
        objective, experiment = self.fit.objective, self.fit.experiment
        place = [str(a) for a in objective.measured["arm"].values].index(experiment.arms[arm].id)
        data = np.stack([objective.measured[n].values[place] for n in objective.observables], axis=-1)
        sigma = np.stack([objective.sigma[n].values[place] for n in objective.observables], axis=-1)  # type: ignore[index]
        used = np.isfinite(data).any(axis=1)
        found = self.api.ExpData(self.model)
        found.set_timepoints(np.array(objective.times)[used])
        found.set_measurements(data[used].ravel())
        found.set_noise_scales(sigma[used].ravel())
        self.free[self.plist] = values
        found.free_parameters = self.free
        found.plist = self.plist
        if experiment.equilibrate:
            found.fixed_parameters_pre_equilibration = self._held(arm, (None,))
        found.fixed_parameters = self._held(arm, (None, 0.0))
        return found

    def _held(self, arm: int, starts: tuple[float | None, ...]) -> list[float]:
        held: dict[str, float] = dict(self.constant)
        chosen: list[Operation] = [op for start in starts for op in self.arms[arm] if op.start == start]
        held |= {self.kernel.parameters[op.index]: op.value for op in chosen}
        return [held[name] for name in self.model.get_fixed_parameter_ids()]

    def run(self, rtol: float, method: str, values: Array) -> tuple[Array, Array]:
        """Objective and gradient at parameter sets.

        Parameters
        ----------
        rtol
            Relative tolerance of states, sensitivities, adjoints and quadratures.
        method
            ``none`` for the objective alone, ``forward`` or ``adjoint``.
        values
            Parameter sets, shape (draw, name).

        Returns
        -------
        objective, gradient
            Shapes (draw,) and (draw, name); NaN where a condition failed.
        """
        solver, api = self.solver, self.api
        for kind in ("", "_fsa", "_b", "_quadratures"):
            getattr(solver, f"set_relative_tolerance{kind}")(rtol)
            getattr(solver, f"set_absolute_tolerance{kind}")(rtol * self.fit.absolute)
        order = "none" if method == "none" else "first"
        solver.set_sensitivity_order(getattr(api.SensitivityOrder, order))
        solver.set_sensitivity_method(getattr(api.SensitivityMethod, method))
        solver.set_sensitivity_method_pre_equilibration(getattr(api.SensitivityMethod, method))
        objective = np.full(len(values), np.nan)
        gradient = np.full(values.shape, np.nan)
        self.seconds = 0.0
        for d, row in enumerate(values):
            conditions = [self._condition(a, row) for a in range(len(self.arms))]
            noise = sum(
                float(np.log(2 * np.pi * np.array(c.get_noise_scales())[self._known(c)] ** 2).sum()) for c in conditions
            )
            begin = time.process_time()
            results = api.run_simulations(self.model, solver, conditions, failfast=False, num_threads=1)
            self.seconds += time.process_time() - begin
            if all(r.status == 0 for r in results):
                objective[d] = -sum(r.llh for r in results) - 0.5 * noise
                if method != "none":
                    gradient[d] = -np.sum([r.sllh for r in results], axis=0)
        return objective, gradient

    @staticmethod
    def _known(condition: Any) -> Any:
        return np.isfinite(np.array(condition.get_measurements()))
