"""Posterior sampling of Boehm 2014 by pyPESTO's adaptive parallel tempering with AMICI: effective samples per second.

``python benchmarks/sampling_peer.py [--draws 20000] [--chains 5] [--runs 4]``

Each run begins at another of the best starting points found by ``hepatica.fit``; the first half of each is left out. Effective
samples are those of the bulk, rank-normalised, of the worst parameter, over all runs and all their seconds: the definition of
A. Vehtari et al., Bayesian Anal. 2021;16:667-718 as ArviZ computes it, for any sampler that gives draws (run, draw, parameter).
"""

import argparse
import os
from typing import Any

import arviz as az
import numpy as np

from fitting import ATOL, RTOL, SEED
from fitting_peer import PypestoProblem
from hepatica import fit
from hepatica.inference import read_petab
from models import Array
from petab_problems import unpacked

NAME = "Boehm_JProteomeRes2014"


def effective(draws: Array, seconds: float) -> dict[str, Any]:
    """Effective samples of the worst parameter, by themselves and per second, and the largest R-hat; draws (run, draw, parameter)."""
    worst = min(float(az.ess(draws[:, :, k], method="bulk")) for k in range(draws.shape[2]))
    mixed = max(float(az.rhat(draws[:, :, k], method="rank")) for k in range(draws.shape[2]))
    return {"effective": worst, "per_second": worst / seconds, "rhat": mixed, "seconds": seconds}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--chains", type=int, default=5)
    parser.add_argument("--runs", type=int, default=4)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    file = unpacked(NAME)
    found = fit(read_petab(file), starts=64, seed=SEED)
    peer = PypestoProblem(file, rtol=RTOL, atol=ATOL)
    order = [list(found["parameter"].values).index(name) for name in peer.names]
    begun = [peer.sample(found["x"].values[k][order], options.draws, options.chains) for k in range(options.runs)]
    draws = np.stack([trace[options.draws // 2 :] for trace, _ in begun])
    r = effective(draws, sum(seconds for _, seconds in begun))
    print(
        f"{peer.version}, {options.runs} runs of {options.draws} draws at {options.chains} temperatures: {r['effective']:.0f} effective "
        f"samples in {r['seconds']:.0f} s, {r['per_second']:.3g} a second; R-hat {r['rhat']:.3f}"
    )


if __name__ == "__main__":
    main()
