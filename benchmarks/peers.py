"""The other engines, each behind the same two things: ``load_seconds`` and ``run(rtol, draws)``.

An engine that is not installed, or that cannot take a model, is absent: :func:`load_peers` says why.
"""

import importlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from models import OUTPUTS, Array, Problem

STEP_LIMIT = 20_000


class Peer(Protocol):
    """Another engine with one model loaded."""

    name: str
    version: str
    load_seconds: float
    seconds: float
    """CPU seconds that the last ``run`` spent in the engine."""
    integrator_seconds: float | None
    """Those of its integrator alone, where it tells them."""

    def run(self, rtol: float, draws: range) -> Array:
        """Integrate these draws; shape (draw, time, state), NaN where the engine failed."""
        ...


def spent() -> float:
    """Processor seconds of this process and of those that it started, as a C compiler."""
    return sum(os.times()[:4])


class RoadRunner:
    """libRoadRunner: CVODE with a dense Jacobian by differences, machine code through LLVM."""

    name = "libRoadRunner"

    def __init__(self, problem: Problem) -> None:
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
        self.version: str = roadrunner.__version__
        begin = spent()
        self.engine = roadrunner.RoadRunner(problem.sbml)
        self.load_seconds = spent() - begin
        self.seconds, self.integrator_seconds = 0.0, None
        self.problem = problem
        model, kernel = self.engine.model, problem.kernel
        names, species = list(model.getGlobalParameterIds()), list(model.getFloatingSpeciesIds())
        self.columns = [c for c in problem.varied if kernel.parameters[c] in names]
        self.slots = [names.index(kernel.parameters[c]) for c in self.columns]
        self.moving = [i for i, s in enumerate(kernel.states) if s in species]
        self.species_slots = [species.index(kernel.states[i]) for i in self.moving]
        self.ruled = [i for i, s in enumerate(kernel.states) if s in names]
        self.ruled_slots = [names.index(kernel.states[i]) for i in self.ruled]
        amounts = {s.id for s in problem.model.species if s.substance_only}
        self.engine.timeCourseSelections = [
            f"[{s}]" if s in species and s not in amounts else s for s in problem.states
        ]

    def run(self, rtol: float, draws: range) -> Array:
        """Integrate."""
        engine, problem = self.engine, self.problem
        integrator = engine.getIntegrator()
        integrator.setValue("relative_tolerance", rtol)
        integrator.setValue("absolute_tolerance", rtol * problem.absolute)
        integrator.setValue("maximum_num_steps", STEP_LIMIT)
        out = np.full((len(draws), OUTPUTS, len(problem.states)), np.nan)
        begin = time.process_time()
        for k, d in enumerate(draws):
            engine.resetToOrigin()
            engine.model.setGlobalParameterValues(self.slots, problem.p[d, self.columns])
            if problem.y0 is not None:
                engine.model.setFloatingSpeciesConcentrations(self.species_slots, problem.y0[d, self.moving])
                if self.ruled:
                    engine.model.setGlobalParameterValues(self.ruled_slots, problem.y0[d, self.ruled])
            try:
                out[k] = engine.simulate(0.0, problem.horizon, OUTPUTS)
            except RuntimeError:
                continue
        self.seconds = time.process_time() - begin
        return out


class Amici:
    """AMICI: CVODES with KLU and a symbolic sparse Jacobian, compiled C++; its data are fetched outside the clock."""

    name = "AMICI"

    def __init__(self, problem: Problem) -> None:
        # its build needs the SWIG that belongs to it, which stands beside the interpreter
        beside = str(Path(sys.executable).parent)
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
        import amici
        from amici.sim import sundials

        self.version: str = amici.__version__
        self.api: Any = sundials
        key = f"bench_{problem.name}_{sha256(problem.sbml.encode()).hexdigest()[:10]}"
        folder = Path(os.environ.get("HEPATICA_BENCH", "results/bench")) / "amici" / self.version / key
        stamp = folder / "seconds"
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            begin = time.perf_counter()
            # its reader of annotations stumbles over prefixes that the model declares further up
            importer = amici.SbmlImporter(problem.sbml, from_file=False, discard_annotations=True)
            importer.sbml2amici(key, folder, observation_model=[], generate_sensitivity_code=False, verbose=False)
            stamp.write_text(repr(time.perf_counter() - begin))
        self.load_seconds = float(stamp.read_text())
        self.seconds = self.integrator_seconds = 0.0
        self.problem = problem
        self.model: Any = amici.import_model_module(key, folder).get_model()
        self.solver: Any = self.model.create_solver()
        self.model.set_timepoints(problem.times)
        self.solver.set_sensitivity_order(sundials.SensitivityOrder.none)
        self.solver.set_max_steps(STEP_LIMIT)
        ids, names = list(self.model.get_state_ids()), list(self.model.get_free_parameter_ids())
        self.out = [ids.index(s) for s in problem.states]
        kernel = problem.kernel
        self.columns = [c for c in problem.varied if kernel.parameters[c] in names]
        self.slots = [names.index(kernel.parameters[c]) for c in self.columns]
        self.states = [(ids.index(s), i) for i, s in enumerate(kernel.states) if s in ids]

    def run(self, rtol: float, draws: range) -> Array:
        """Integrate."""
        problem, model, solver = self.problem, self.model, self.solver
        solver.set_relative_tolerance(rtol)
        solver.set_absolute_tolerance(rtol * problem.absolute)
        base, start = np.array(model.get_free_parameters()), np.array(model.get_initial_state())
        out = np.full((len(draws), OUTPUTS, len(problem.states)), np.nan)
        self.seconds = self.integrator_seconds = 0.0
        for k, d in enumerate(draws):
            data = self.api.ExpData(model)
            p, x = base.copy(), start.copy()
            p[self.slots] = problem.p[d, self.columns]
            data.free_parameters = p
            if problem.y0 is not None:
                for slot, i in self.states:
                    x[slot] = problem.y0[d, i]
                data.x0 = x
            begin = time.process_time()
            result = self.api.run_simulation(model, solver, data)
            self.seconds += time.process_time() - begin
            self.integrator_seconds += result.cpu_time / 1e3
            if result.status == 0:
                out[k] = result.x[:, self.out]
        return out


class BngSim:
    """bngsim: CVODE with a symbolic Jacobian, dense or KLU, C code where a compiler is found."""

    name = "bngsim"

    def __init__(self, problem: Problem) -> None:
        import bngsim

        self.version: str = bngsim.__version__
        begin = spent()
        self.model = bngsim.Model.from_sbml_string(problem.sbml)
        try:
            self.engine = bngsim.Simulator(self.model, method="ode", codegen=True)
        except RuntimeError:  # no C compiler
            self.engine = bngsim.Simulator(self.model, method="ode")
        self.load_seconds = spent() - begin
        self.seconds, self.integrator_seconds = 0.0, None
        self.problem, self.failure = problem, bngsim.BngsimError
        kernel = problem.kernel
        known, species = set(self.model.param_names), list(self.model.species_names)
        self.columns = [(kernel.parameters[c], c) for c in problem.varied if kernel.parameters[c] in known]
        self.states = [(s, i) for i, s in enumerate(kernel.states) if s in species]
        # it drops a pool that nothing reads, as Borisov's sink 'Null'
        self.read = [k for k, s in enumerate(problem.states) if s in species]
        self.out = [species.index(problem.states[k]) for k in self.read]

    def run(self, rtol: float, draws: range) -> Array:
        """Integrate."""
        problem, model = self.problem, self.model
        out = np.full((len(draws), OUTPUTS, len(problem.states)), np.nan)
        begin = time.process_time()
        for k, d in enumerate(draws):
            model.reset()
            model.set_params({name: float(problem.p[d, c]) for name, c in self.columns})
            if problem.y0 is not None:
                for name, i in self.states:
                    model.set_concentration(name, float(problem.y0[d, i]))
            try:
                result = self.engine.run(
                    (0.0, problem.horizon), OUTPUTS, rtol=rtol, atol=rtol * problem.absolute, max_steps=STEP_LIMIT
                )
            except (self.failure, RuntimeError):
                continue
            out[k][:, self.read] = result.species[:, self.out]
        self.seconds = time.process_time() - begin
        return out


PEERS: dict[str, tuple[str, Callable[[Problem], Peer]]] = {
    "libRoadRunner": ("roadrunner", RoadRunner),
    "AMICI": ("amici", Amici),
    "bngsim": ("bngsim", BngSim),
}


def load_peers(problem: Problem, wanted: list[str]) -> tuple[dict[str, Peer], dict[str, str]]:
    """Load a problem into the engines that can take it; for the others, why not."""
    loaded: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    for name in wanted:
        module, make = PEERS[name]
        if importlib.util.find_spec(module) is None:
            absent[name] = "not installed"
            continue
        try:
            loaded[name] = make(problem)
        except Exception as error:  # noqa: BLE001  a peer's own failure is a result here, told in the table
            absent[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:160]}" if str(error) else repr(error)
    return loaded, absent
