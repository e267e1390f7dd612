"""Where the time of a step goes: the machine-code functions of a model, each called again and again by itself.

``python benchmarks/step.py [--models hcc ...] [--lanes 8]``

The parts run from warm caches here; what is left of a whole step stands under "stages": the sums over stages, and the cache
misses that come from running the parts in turn. "loop" is what a trajectory costs beyond its steps, from an ensemble.
"""

import argparse
import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hepatica.compiler import compile_model
from hepatica.compiler.kernel import TABLEAUX, Kernel
from hepatica.solver import calls
from hepatica.solver.workspace import Workspace
from models import PROBLEMS, Problem, available
from tables import to_table

METHOD = "rodas5p"
RTOL = 1e-4


def prepared(problem: Problem, kernel: Kernel) -> Workspace:
    """Fill a workspace with the states of the middle of a trajectory."""
    space = Workspace(kernel, TABLEAUX[METHOD], RTOL, RTOL * problem.absolute)
    values = problem.run(1e-5, METHOD, kernel.lanes).values[:, problem.outputs // 2]
    places = [kernel.states.index(s) for s in problem.states]
    space.state[places, 0] = values.T
    space.point[places] = values.T
    space.parameters[: problem.p.shape[1]] = problem.p[: kernel.lanes].T
    space.inverse[:], space.diagonal[:] = 100.0, 100.0 / TABLEAUX[METHOD].gamma
    space.mask[:], space.theta[:] = -1.0, 0.5
    return space


def function(space: Workspace, which: int, *arrays: int) -> Callable[[], None]:
    """Give a function of a model with its arguments."""
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(int(space.code[which]))
    arguments = [int(space.data[a]) for a in arrays]
    return lambda: call(*arguments)


def microseconds(call: Callable[[], None], repeats: int) -> float:
    """Least processor time of a call."""
    best = np.inf
    for _ in range(9):
        begin = time.process_time()
        for _ in range(repeats):
            call()
        best = min(best, (time.process_time() - begin) / repeats)
    return 1e6 * best


def profile(problem: Problem, lanes: int) -> dict[str, float]:
    """Microseconds of a step and of its parts, all lanes together."""
    c = calls
    kernel = compile_model(problem.model, problem.states, lanes=lanes)
    space = prepared(problem, kernel)
    parts = {
        "step": (c.STEP, c.S, c.P, c.IH, c.IHG, c.LU, c.W, c.ERR, c.TOL), "factor": (c.FACTOR, c.S, c.P, c.IHG, c.LU, c.W),
        "rhs": (c.RHS, c.S, c.P, c.STAGE, c.W), "solve": (c.SOLVE, c.LU, c.STAGE), "unpack": (c.UNPACK, c.S, c.ROWS),
        "commit": (c.COMMIT, c.S, c.MASK), "prepare": (c.PREPARE, c.P, c.PREPARED),
    }  # fmt: skip
    function(space, c.PREPARE, c.P, c.PREPARED)()
    function(space, c.FLUSH, c.CONTROL)()
    start, found = space.state.copy(), {}
    nothing = microseconds(function(space, c.RESTORE, c.CONTROL), 1000)
    for name, arguments in parts.items():
        space.state[:] = start
        function(space, *parts["factor"])()
        found[name] = microseconds(function(space, *arguments), 100 if len(kernel.states) > 300 else 2000) - nothing
        space.state[:, 2] = 0.0
    function(space, c.RESTORE, c.CONTROL)()
    stages = TABLEAUX[METHOD].stages
    found["rhs"], found["solve"] = stages * found["rhs"], stages * found["solve"]
    found["stages"] = found["step"] - found["factor"] - found["rhs"] - found["solve"]
    return found


def loop(problem: Problem, lanes: int) -> tuple[float, float]:
    """Microseconds of an ensemble's step, all told, with 2 outputs; and what an output of all states costs."""
    from dataclasses import replace

    seconds, steps = {}, 1
    draws = len(problem.p)
    for outputs in (2, 102):
        one = replace(problem, outputs=outputs)
        one.run(RTOL, METHOD, draws)
        times = []
        for _ in range(3):
            begin = time.process_time()
            steps = one.run(RTOL, METHOD, draws).steps
            times.append(time.process_time() - begin)
        seconds[outputs] = min(times)
    return 1e6 * seconds[2] / steps, 1e6 * (seconds[102] - seconds[2]) / (100 * draws)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--markdown", type=Path, help="write the table here")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"us of a {METHOD} step, {options.lanes} lanes\n")
    rows: list[list[object]] = []
    names = ("step", "rhs", "solve", "factor", "stages", "unpack", "prepare", "in a run", "an output")
    print(f"{'':12}{'states':>7}" + "".join(f"{n:>10}" for n in names))
    for name in (n for n in options.models if available(n)):
        problem = PROBLEMS[name](400)
        found = profile(problem, options.lanes)
        found["in a run"], found["an output"] = loop(problem, options.lanes)
        print(f"{name:12}{len(problem.states):>7}" + "".join(f"{found[n]:>10.2f}" for n in names), flush=True)
        rows.append([problem.title, len(problem.states), *(f"{found[n]:.3g}" for n in names)])
    if options.markdown:
        options.markdown.write_text(to_table([["model", "states", *names], *rows]) + "\n")


if __name__ == "__main__":
    main()
