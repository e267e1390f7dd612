"""Posterior sampling of Boehm 2014: effective samples per second beside pyPESTO's adaptive parallel tempering with AMICI.

``python benchmarks/sampling.py [--draws 20000] [--temperatures 5] [--runs 4] [--alone]``

Each of pyPESTO's runs begins at another of the best points that ``hepatica.fit`` finds, which is outside the clock; the first half
of each is left out. Ours begin at the prior. For both, effective samples are those of the bulk, rank-normalised, of the worst
parameter, over all runs and all their seconds (A. Vehtari et al., Bayesian Anal. 2021;16:667-718, as ArviZ computes it). Where the
largest R-hat is not near 1 the runs do not agree, and the number means little.
"""

import argparse
import os
import time
from typing import Any

import numpy as np
from arviz_stats.base.array import array_stats

from fitting import ATOL, RTOL, SEED
from fitting_peer import PypestoProblem
from hepatica import fit, sample
from hepatica.inference import read_petab
from hepatica.inference.problem import Problem
from models import Array
from petab_problems import unpacked

NAME = "Boehm_JProteomeRes2014"
STARTS, DRAWS = 64, 2000


def effective(draws: Array, seconds: float) -> dict[str, float]:
    """Give effective samples of the worst parameter and the largest R-hat of draws (run, draw, parameter)."""
    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    each = [draws[:, :, k] for k in range(draws.shape[2])]
    worst = min(float(array_stats.ess(x, method="bulk", **axes)) for x in each)
    return {
        "effective": worst, "per_second": worst / seconds, "seconds": seconds,
        "rhat": max(float(array_stats.rhat(x, method="rank", **axes)) for x in each),
    }  # fmt: skip


def ours(problem: Problem, runs: int) -> dict[str, float]:
    """Sample with hepatica."""
    sample(problem, draws=8, chains=1, particles=8, seed=SEED)  # compiled now
    begin = time.process_time()
    tree = sample(problem, draws=DRAWS, chains=runs, seed=SEED)
    seconds = time.process_time() - begin
    return effective(np.stack([tree["posterior"][p.id].values for p in problem.estimated], axis=-1), seconds)


def theirs(peer: PypestoProblem, found: Any, runs: int, draws: int, temperatures: int) -> dict[str, float]:
    """Sample with pyPESTO."""
    order = [list(found["parameter"].values).index(name) for name in peer.names]
    made = [peer.sample(found["x"].values[k][order], draws, temperatures) for k in range(runs)]
    return effective(np.stack([trace[draws // 2 :] for trace, _ in made]), sum(seconds for _, seconds in made))


def told(r: dict[str, float]) -> str:
    """Say it."""
    return f"{r['effective']:.0f} effective samples in {r['seconds']:.0f} s: {r['per_second']:.3g} a second; R-hat {r['rhat']:.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20_000, help="of each of pyPESTO's runs")
    parser.add_argument("--temperatures", type=int, default=5)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--alone", action="store_true", help="without pyPESTO")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    file = unpacked(NAME)
    problem = read_petab(file)
    print("hepatica:", told(ours(problem, options.runs)), flush=True)
    if not options.alone:
        peer = PypestoProblem(file, rtol=RTOL, atol=ATOL)
        found = fit(problem, starts=STARTS, seed=SEED)
        print(
            f"{peer.version}:", told(theirs(peer, found, options.runs, options.draws, options.temperatures)), flush=True
        )


if __name__ == "__main__":
    main()
