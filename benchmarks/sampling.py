"""Effective draws a second from the posterior of a PEtab problem: ``python benchmarks/sampling.py PROBLEM.yaml --draws 8000``."""

import argparse
import json
import time
from pathlib import Path

from hepatica.inference import describe_samples, diagnostics, read_petab, sample


def main() -> None:
    """Sample once to warm up, then for the clock, on one core."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problem", type=Path)
    parser.add_argument("--draws", type=int, default=8000)
    parser.add_argument("--particles", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    problem = read_petab(given.problem)
    sample(problem, draws=8, chains=1, particles=8)
    wall, cpu = time.perf_counter(), time.process_time()
    tree = sample(problem, draws=given.draws, particles=given.particles, seed=given.seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    table = diagnostics(tree)
    fewest = float(table["ess_bulk"].min())
    print("\n".join(describe_samples(tree)))
    print(
        json.dumps(
            {
                "problem": problem.id, "draws": int(tree["posterior"].sizes["draw"] * tree["posterior"].sizes["chain"]),
                "evaluations": int(tree["tempering"]["evaluations"].max("stage").sum()), "effective": round(fewest),
                "rhat": round(float(table["rhat"].max()), 4), "wall_s": round(wall, 2), "cpu_s": round(cpu, 2),
                "effective_per_cpu_s": round(fewest / cpu, 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
