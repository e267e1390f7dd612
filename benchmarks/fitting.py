"""Multi-start fits: what a good one costs beside pyPESTO with AMICI, in one run, from the same starting points.

``python benchmarks/fitting.py [--problems Boehm_JProteomeRes2014 ...] [--seconds 150] [--json FILE] [--markdown FILE]``

Whole problems of the PEtab collection with priors and noise as they are. A start is good when it ends within 0.1 of the best known
log-posterior, that of the collection's nominal parameters, or above it. What counts is the time and the number of points per good
start: the total divided by how many were good, which does not depend on the order of starts. The other engine begins from the
first of our starting points and takes as many as its seconds allow; a start under way is finished. Its seconds are at least
``--seconds``, and twelve times what a good start took us, so that finding none says something, but no more than ``--most``.

Ours: ``hepatica.fit`` as it is, integrated at rtol 1e-6. Theirs: fides with Fisher information from forward sensitivities, by
pyPESTO's hybrid update of it and by itself, of which the better one counts, integrated at the tolerances that pyPESTO leaves AMICI
at, rtol 1e-8; at 1e-6 a point takes it about six tenths of the time.
Compiling is outside the clock. Seconds are those of the processor, on one core, where an idle machine's clock shows the same.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine import machine
from fitting_peer import PypestoProblem
from fitting_tables import figures, to_text
from hepatica import fit
from hepatica.inference import Likelihood, read_petab
from hepatica.inference.optimize import Posterior
from hepatica.inference.problem import Problem, to_scale
from models import conformance
from petab_problems import FITTED, at_hand, unpacked

NEAR, SEED, ENOUGH = 0.1, 1, 12.0
STARTS = {"Boehm_JProteomeRes2014": 128, "Brannmark_JBC2010": 128, "Bachmann_MSB2011": 64, "Fujita_SciSignal2010": 64}
UPDATES: tuple[Literal["hybrid", "information"], ...] = ("hybrid", "information")
RTOL, ATOL = 1e-8, 1e-16  # AMICI's own


def measure_ours(problem: Problem, starts: int, limit: float) -> tuple[dict[str, Any], Any]:
    """Fit; gives the figures and the result."""
    fit(problem, starts=1, seed=SEED, most=1)  # compiled now
    begin = time.process_time()
    found = fit(problem, starts=starts, seed=SEED)
    seconds = time.process_time() - begin
    result = summary(found["objective"].values, found["evaluations"].values, seconds, limit)
    ordered = found.sortby("start")
    each = {"objectives": ordered["objective"].values.tolist(), "evaluations": ordered["evaluations"].values.tolist()}
    return result | {"limit": limit} | each, found


def measure_peer(peer: PypestoProblem, found: Any, budget: float, limit: float) -> dict[str, Any]:
    """Give the figures of the setting that costs less, by good start, else of pyPESTO's own, and beside it those of the other."""
    own, other = (measure_setting(peer, update, found, budget, limit) for update in UPDATES)
    cost = [e["seconds"] / e["good"] if e["good"] else np.inf for e in (own, other)]
    return other | {"other": own} if cost[1] < cost[0] else own | {"other": other}


def measure_setting(
    peer: PypestoProblem, update: Literal["hybrid", "information"], found: Any, budget: float, limit: float
) -> dict[str, Any]:
    """Fit from the same points, one start after the other, until the seconds are spent."""
    order = [list(found["parameter"].values).index(name) for name in peer.names]
    first = found.sortby("start")["first"].values[:, order]
    peer.objective(first[0])
    values, points, spent = [], [], 0.0
    for x in first:
        begin = time.process_time()
        value, count = peer.fit(x, update)
        spent += time.process_time() - begin
        values.append(value)
        points.append(count)
        if spent > budget:
            break
    best = found["x"].values[0][order]
    own = float(found["objective"].values[0])
    result = summary(np.array(values), np.array(points), spent, limit)
    return result | {
        "update": update,
        "version": peer.version,
        "build_s": peer.load_seconds,
        "difference": peer.objective(best) - own,
    }


def summary(objective: Any, points: Any, seconds: float, limit: float) -> dict[str, Any]:
    """What fits came to."""
    good = int((objective <= limit).sum())
    return {
        "starts": len(objective), "good": good, "failed": int(np.isnan(objective).sum()), "seconds": seconds,
        "points": int(points.sum()), "best": float(np.nanmin(objective)) if np.isfinite(objective).any() else None,
        "sorted": sorted(float(x) for x in objective if np.isfinite(x))[:20],
    }  # fmt: skip


def bench(name: str, *, budget: float, most: float, starts: int) -> dict[str, Any]:
    """Measure one problem."""
    file = unpacked(name)
    problem = read_petab(file)
    nominal = np.array([[to_scale(p.nominal, p.scale) for p in problem.estimated]])
    known = float(Posterior(Likelihood(problem))(nominal)[0][0])
    ours, found = measure_ours(problem, starts, known + NEAR)
    result: dict[str, Any] = {
        "title": FITTED[name], "parameters": len(problem.estimated), "measurements": len(problem.values), "known": known,
        "hepatica": ours,
    }  # fmt: skip
    if budget > 0.0:
        try:
            peer = PypestoProblem(file, rtol=RTOL, atol=ATOL)
        except Exception as error:  # noqa: BLE001  a peer's own failure is a result here, told in the table
            result["peer"] = {"absent": f"{type(error).__name__}: {error}"[:160]}
        else:
            enough = ENOUGH * ours["seconds"] / max(ours["good"], 1)
            result["peer"] = measure_peer(peer, found, min(max(budget, enough), most), known + NEAR)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=list(FITTED), default=list(FITTED))
    parser.add_argument("--starts", type=int, help="of hepatica; by default by problem")
    parser.add_argument(
        "--seconds",
        type=float,
        default=150.0,
        help="for each problem and setting of the other engine, at least; 0: without it",
    )
    parser.add_argument("--most", type=float, default=1200.0, help="seconds for each problem and setting, at most")
    parser.add_argument("--json", type=Path, help="keep the figures here; what is not measured now stays")
    parser.add_argument("--markdown", type=Path, help="write the tables of the kept figures here")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kept: dict[str, Any] = {"problems": {}}
    if options.json and options.json.exists():
        kept |= json.loads(options.json.read_text())
    for file in filter(None, (options.json, options.markdown)):
        file.parent.mkdir(parents=True, exist_ok=True)
    for name in options.problems:
        if at_hand(name):
            kept["machine"] = machine()
            kept["problems"][name] = bench(
                name, budget=options.seconds, most=options.most, starts=options.starts or STARTS[name]
            )
            print(to_text(kept["problems"][name]), flush=True)
        else:
            kept["problems"][name] = {"title": FITTED[name]}
            print(f"{name}: not in {conformance()}\n")
        kept["problems"] = {n: kept["problems"][n] for n in FITTED if n in kept["problems"]}
        if options.json:
            options.json.write_text(json.dumps(kept, indent=2))
        if options.markdown:
            options.markdown.write_text(figures(kept))


if __name__ == "__main__":
    main()
