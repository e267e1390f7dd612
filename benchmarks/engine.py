"""hepatica's engine beside libRoadRunner on the HCC model: one core, one run, equal achieved error.

``python benchmarks/engine.py [--draws 1000] [--json]``

Both engines integrate the same parameter sets from the same initial states (the steady state of each draw) under 5 uM
sorafenib for 72 h with 50 outputs of every state. The error of a draw is the largest difference from a reference at
rtol 1e-9 over states and times, each state relative to its own largest value; an engine's achieved error is the median over
draws. Each engine runs at the loosest tolerance, in steps of a factor of sqrt(10), that achieves 1e-4.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import hepatica.library as library
from hepatica.compiler import Kernel, compile_model
from hepatica.ensemble import draw_prior
from hepatica.experiment import Arm, Change, Experiment, Intervention
from hepatica.model import Model
from hepatica.sbml import write_sbml
from hepatica.simulation import arm_operations, parameter_matrix
from hepatica.solver import Plan, Tolerances, find_steady_states, integrate, plan_after, plan_before

TARGET = 1e-4
FLOOR = 1e-6  # nM; below it a state counts as absent
HORIZON, OUTPUTS = 72 * 60.0, 50
Array = NDArray[np.float64]


class Problem:
    """The model, its draws and their initial states."""

    def __init__(self, draws: int) -> None:
        self.model: Model = library.load_model("hcc")
        self.kernel: Kernel = compile_model(self.model, list(compile_model(self.model, []).states))
        bath = Intervention(id="dose", changes=(Change(target="sorafenib_nominal", value=5.0, unit="uM", start=0.0),))
        experiment = Experiment(
            id="bench",
            arms=(Arm(id="dose", interventions=(bath,)),),
            assay=_Nothing(),
            cell_line=library.load_cell_line("HepG2"),
        )
        operations = [arm_operations(self.model, self.kernel, experiment, arm) for arm in experiment.arms]
        base = parameter_matrix(
            self.kernel, draw_prior(self.model, 2 * draws, seed=1, wirings=library.load_wirings("hcc"))
        )
        tasks = np.array([[0, d, -1] for d in range(len(base))])
        found = find_steady_states(self.kernel, plan_before(operations), tasks, base)
        settled = np.flatnonzero(found.status == 0)[:draws]
        self.base, self.y0 = base[settled], found.values[settled]
        self.plan: Plan = plan_after(operations, equilibrated=True)
        self.times = np.linspace(0.0, HORIZON, OUTPUTS)
        self.tasks = np.array([[0, d, d] for d in range(len(settled))])
        # the same segment for the peer: parameters with the changes of time zero, states with what is added then
        flat = plan_after(operations, equilibrated=True).arrays
        self.p = np.array([_apply(row, flat[2:6]) for row in self.base])
        self.start = np.array([_apply(row, flat[6:10]) for row in self.y0])

    def ours(self, rtol: float, method: str, draws: int) -> Array:
        """Integrate the first draws; shape (draw, time, state)."""
        tol = Tolerances(rtol=rtol, atol=rtol * 1e-2, method=method, limit=10**6)
        return integrate(
            self.kernel, self.plan, self.tasks[:draws], self.base, self.times, y0=self.y0, tolerances=tol
        ).values


class _Nothing:
    times: tuple[float, ...] = ()
    observables: tuple[str, ...] = ()


def _apply(values: Array, table: tuple[Array, ...]) -> Array:
    offsets, index, how, amount = table
    out = values.copy()
    for q in range(int(offsets[0]), int(offsets[1])):
        i = int(index[q])
        out[i] = (amount[q], out[i] * amount[q], out[i] + amount[q])[int(how[q])]
    return out


class Peer:
    """libRoadRunner on the exported SBML."""

    def __init__(self, problem: Problem) -> None:
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
        begin = time.perf_counter()
        self.engine = roadrunner.RoadRunner(write_sbml(problem.model))
        self.load_seconds = time.perf_counter() - begin
        self.version = roadrunner.__version__
        self.problem = problem
        engine, kernel = self.engine.model, problem.kernel
        names = list(engine.getGlobalParameterIds())
        constant = [n for n in names if n in kernel.parameters]
        self.parameter_slots = [names.index(n) for n in constant]
        self.parameter_columns = [kernel.parameters.index(n) for n in constant]
        species = list(engine.getFloatingSpeciesIds())
        moving = [n for n in species if n in kernel.states]
        self.species_slots = [species.index(n) for n in moving]
        self.species_columns = [kernel.states.index(n) for n in moving]
        ruled = [n for n in kernel.states if n not in species]
        self.ruled_slots = [names.index(n) for n in ruled]
        self.ruled_columns = [kernel.states.index(n) for n in ruled]
        self.engine.timeCourseSelections = [f"[{n}]" if n in species else n for n in kernel.states]

    def run(self, rtol: float, draws: int) -> Array:
        """Integrate the first draws; shape (draw, time, state)."""
        engine, problem = self.engine, self.problem
        integrator = engine.getIntegrator()
        integrator.setValue("relative_tolerance", rtol)
        integrator.setValue("absolute_tolerance", rtol * 1e-2)
        integrator.setValue("maximum_num_steps", 10**6)
        out = np.full((draws, OUTPUTS, len(problem.kernel.states)), np.nan)
        for d in range(draws):
            engine.resetToOrigin()
            engine.model.setGlobalParameterValues(self.parameter_slots, problem.p[d, self.parameter_columns])
            engine.model.setFloatingSpeciesConcentrations(self.species_slots, problem.start[d, self.species_columns])
            if self.ruled_slots:
                engine.model.setGlobalParameterValues(self.ruled_slots, problem.start[d, self.ruled_columns])
            out[d] = engine.simulate(0.0, HORIZON, OUTPUTS)
        return out


def achieved(values: Array, reference: Array) -> float:
    """Median over draws of the largest scaled error."""
    scale = np.abs(reference).max(axis=1, keepdims=True) + FLOOR
    return float(np.median((np.abs(values - reference) / scale).max(axis=(1, 2))))


def loosest(run: Callable[[float], Array], reference: Array) -> tuple[float, float]:
    """Give the loosest tolerance that achieves the target, and what it achieves."""
    for k in range(4, 22):
        rtol = 10.0 ** (-k / 2)
        error = achieved(run(rtol), reference)
        if error <= TARGET:
            return rtol, error
    raise SystemExit("no tolerance achieves the target")


def timed(work: Callable[[], object], repeats: int) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    problem = Problem(options.draws)
    peer = Peer(problem)
    draws = len(problem.base)
    few = min(100, draws)
    reference = problem.ours(1e-9, "rodas5p", few)
    agreement = achieved(peer.run(1e-9, min(20, few)), reference[:20])

    choices = {m: loosest(lambda r, m=m: problem.ours(r, m, few), reference) for m in ("rodas4", "rodas5p")}
    theirs, their_error = loosest(lambda r: peer.run(r, few), reference)
    speeds = {m: draws / timed(lambda m=m: problem.ours(choices[m][0], m, draws), 3) for m in choices}
    their_speed = draws / timed(lambda: peer.run(theirs, draws), 1)
    method = max(speeds, key=lambda m: speeds[m])
    singles = {m: timed(lambda m=m: problem.ours(choices[m][0], m, 1), 21) for m in choices}
    their_single = timed(lambda: peer.run(theirs, 1), 21)
    single_method = min(singles, key=lambda m: singles[m])
    compile_seconds = timed(lambda: compile_model(problem.model, cached=False), 3)
    compile_model(problem.model)
    reload_seconds = timed(lambda: compile_model(problem.model), 5)

    result = {
        "states": len(problem.kernel.states), "parameters": len(problem.kernel.parameters), "draws": draws, "outputs": OUTPUTS,
        "lanes": problem.kernel.lanes, "libroadrunner": peer.version, "engines_agree_within": agreement,
        "hepatica": {"method": method, "rtol": choices[method][0], "achieved": choices[method][1], "per_second": speeds[method],
                     "single_ms": 1e3 * singles[single_method], "single_method": single_method},
        "roadrunner": {"rtol": theirs, "achieved": their_error, "per_second": their_speed, "single_ms": 1e3 * their_single},
        "throughput_ratio": speeds[method] / their_speed, "single_ratio": their_single / singles[single_method],
        "compile_s": compile_seconds, "reload_ms": 1e3 * reload_seconds, "roadrunner_load_s": peer.load_seconds,
    }  # fmt: skip
    if options.json:
        print(json.dumps(result, indent=2))
        return
    ours, other = result["hepatica"], result["roadrunner"]
    print(
        f"HCC model: {result['states']} states, {result['parameters']} parameters, {draws} draws, {OUTPUTS} outputs of all states, one core"
    )
    print(f"engines agree within {agreement:.1e} at rtol 1e-9 (same error measure)\n")
    print(f"{'':22}{'hepatica':>16}{'libRoadRunner':>16}{'ratio':>9}   target")
    print(f"{'method, rtol':22}{ours['method'] + f' {ours["rtol"]:.0e}':>16}{f'cvode {theirs:.0e}':>16}")
    print(f"{'achieved error':22}{ours['achieved']:>16.1e}{other['achieved']:>16.1e}")
    print(
        f"{'trajectories/s':22}{ours['per_second']:>16.0f}{other['per_second']:>16.1f}{result['throughput_ratio']:>8.1f}x   >= 20x"
    )
    print(
        f"{'single run, ms':22}{ours['single_ms']:>16.2f}{other['single_ms']:>16.2f}{result['single_ratio']:>8.1f}x   >= 2x"
    )
    print(
        f"{'compile, s':22}{compile_seconds:>16.3f}{peer.load_seconds:>16.3f}{peer.load_seconds / compile_seconds:>8.1f}x   < 0.5 s"
    )
    print(f"{'cached reload, ms':22}{1e3 * reload_seconds:>16.1f}{'':>16}{'':>9}   < 20 ms")


if __name__ == "__main__":
    main()
