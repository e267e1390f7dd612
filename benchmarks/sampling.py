"""Posterior sampling: effective samples a second beside pyPESTO's adaptive parallel tempering with AMICI.

``python benchmarks/sampling.py [--problems boehm hcc] [--seconds 600] [--alone] [--json FILE] [--markdown FILE]``

Boehm 2014 of the PEtab collection, and ours: the HCC model with the phosphoproteins of HepG2 cells of 2009 and 2010, its
wirings as they are, and those of its parameters that these data concern. (Of the rest of the calibration, AMICI refuses
noise that a condition sets or that grows with what is measured.) For Boehm 2014 ``hepatica.sample`` begins at the prior; for
ours Hamiltonian chains begin at the best point that ``hepatica.fit`` finds, as in a calibration. pyPESTO's runs begin at the
best points of the same fit. Fits and compiling are outside the clock, all sampling within. Half of each of pyPESTO's runs is
left out, of ours the iterations that adapt. Both integrate at rtol 1e-6.

Effective samples are those of the bulk, rank-normalised, of the worst parameter, over all runs and all their processor
seconds, on one core (A. Vehtari et al., Bayesian Anal. 2021;16:667-718, as ArviZ computes it). Where the largest R-hat is
above 1.1 the runs do not agree: what they count is more than there is, and a ratio to it stands behind a ``>``.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from arviz_stats.base.array import array_stats

from engine import machine
from fitting import ATOL, SEED
from hepatica import fit, sample
from hepatica.calibration import read_calibration
from hepatica.calibration.export import export_petab
from hepatica.inference import Likelihood, read_petab
from hepatica.inference.chains import sample_near
from hepatica.inference.problem import Problem, to_scale
from models import Array
from petab_problems import unpacked
from sampling_peer import Peer, of_calibration, of_collection
from tables import to_table

STUDY, KEPT = Path(__file__).parents[1] / "studies" / "hcc-calibration", ("phospho_hepg2_2009", "phospho_hepg2_2010")
RTOL, AGREE = 1e-6, 1.1


@dataclass(frozen=True, kw_only=True)
class Case:
    """A problem, and how both sample it: starts of the fit, our sampler, pyPESTO's problem, its temperatures."""

    title: str
    problem: Callable[[], Problem]
    starts: int
    ours: Callable[[Problem, xr.Dataset, int], xr.DataTree]
    peer: Callable[[Problem], Peer]
    temperatures: int


def concerned() -> Problem:
    """Give our problem: parameters that the log-likelihood of the data has no slope along are fixed."""
    calibration = read_calibration(STUDY)
    rest = sorted(set(calibration.groups[calibration.roles == "fit"].tolist()) - set(KEPT))
    whole = calibration.of("fit", without=rest)
    nominal = np.array([[to_scale(p.nominal, p.scale) for p in whole.estimated]])
    slopes = Likelihood(whole).gradient(nominal)[1][0]
    moved = {p.id for p, slope in zip(whole.estimated, slopes, strict=True) if slope != 0.0}
    return replace(whole, parameters=tuple(replace(p, estimated=p.id in moved) for p in whole.parameters))


def particles(problem: Problem, found: xr.Dataset, runs: int) -> xr.DataTree:
    """Sample from the prior on."""
    return sample(problem, draws=2000, chains=runs, seed=SEED)


def chains(problem: Problem, found: xr.Dataset, runs: int) -> xr.DataTree:
    """Sample around the best point."""
    best = dict(zip(map(str, found["parameter"].values), found["x"].values[0].tolist(), strict=True))
    return sample_near(problem, [best], draws=500 * runs, chains=runs, warm=200, seed=SEED)


def files() -> Path:
    """Give the folder of our problem's files."""
    return Path(os.environ.get("HEPATICA_BENCH", "results/bench")).resolve() / "petab" / "hcc_hepg2"


CASES = {
    "boehm": Case(
        title="Boehm 2014", problem=lambda: read_petab(unpacked("Boehm_JProteomeRes2014")), starts=64, ours=particles,
        peer=lambda _: of_collection(unpacked("Boehm_JProteomeRes2014"), RTOL, ATOL), temperatures=5,
    ),
    "hcc": Case(
        title="HCC, HepG2", problem=concerned, starts=4, ours=chains,
        peer=lambda p: of_calibration(export_petab(p, files()), p, RTOL, 1e-12), temperatures=3,
    ),
}  # fmt: skip


def effective(draws: Array, seconds: float) -> dict[str, float]:
    """Give effective samples of the worst parameter and the largest R-hat of draws (run, draw, parameter)."""
    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    each = [draws[:, :, k] for k in range(draws.shape[2])]
    worst = min(float(array_stats.ess(x, method="bulk", **axes)) for x in each)
    return {
        "draws": float(draws.shape[0] * draws.shape[1]), "effective": worst, "per_second": worst / seconds, "seconds": seconds,
        "rhat": max(float(array_stats.rhat(x, method="rank", **axes)) for x in each),
    }  # fmt: skip


def measure_ours(case: Case, problem: Problem, found: xr.Dataset, runs: int) -> dict[str, float]:
    """Sample with hepatica, whose kernels were compiled by the fit."""
    begin = time.process_time()
    tree = case.ours(problem, found, runs)
    seconds = time.process_time() - begin
    return effective(np.stack([tree["posterior"][p.id].values for p in problem.estimated], axis=-1), seconds)


def measure_peer(case: Case, peer: Peer, found: xr.Dataset, runs: int, budget: float) -> dict[str, Any]:
    """Sample with pyPESTO, as many draws as its seconds allow, and at least four."""
    order = [list(found["parameter"].values).index(name) for name in peer.names]
    first = [found["x"].values[k % found.sizes["start"]][order] for k in range(runs)]
    peer.objective(first[0])
    begin = time.process_time()
    value = peer.objective(first[0])
    cost = (time.process_time() - begin) * case.temperatures
    draws = max(4, int(budget / runs / cost))
    made = [peer.sample(x, draws, case.temperatures) for x in first]
    result = effective(np.stack([trace[-(draws // 2) :] for trace, _ in made]), sum(seconds for _, seconds in made))
    more = {"version": peer.version, "difference": value - float(found["objective"].values[0])}
    return result | more | {"ms": 1e3 * cost / case.temperatures}


def bench(case: Case, *, runs: int, budget: float) -> dict[str, Any]:
    """Measure one problem."""
    problem = case.problem()
    found = fit(problem, starts=case.starts, seed=SEED).sortby("objective")
    likelihood, point = Likelihood(problem), found["x"].values[:1]
    likelihood(point)
    begin = time.process_time()
    likelihood(point)
    cost = time.process_time() - begin
    result: dict[str, Any] = {
        "title": case.title, "parameters": len(problem.estimated), "measurements": len(problem.values), "runs": runs,
        "hepatica": measure_ours(case, problem, found, runs) | {"ms": 1e3 * cost},
    }  # fmt: skip
    if budget > 0.0:
        try:
            peer = case.peer(problem)
        except Exception as error:  # noqa: BLE001  a peer's own failure is a result here, told in the table
            result["peer"] = {"absent": f"{type(error).__name__}: {error}"[:160]}
        else:
            result["peer"] = measure_peer(case, peer, found, runs, budget)
    return result


def told(r: dict[str, Any]) -> str:
    """Say it."""
    if "effective" not in r:
        return str(r.get("absent", "not measured"))
    made = f"{r['effective']:.0f} effective of {r['draws']:.0f} draws in {r['seconds']:.0f} s"
    return f"{made}: {r['per_second']:.3g} a second; R-hat {r['rhat']:.3f}"


def to_markdown(kept: dict[str, Any]) -> str:
    """Write the table."""
    rows: list[list[Any]] = [
        [
            "problem", "parameters", "sampler", "draws", "effective", "s", "effective a second", "largest R-hat", "ms a point",
            "times pyPESTO",
        ]
    ]  # fmt: skip
    version, runs = "pyPESTO with AMICI", max(r["runs"] for r in kept["problems"].values())
    for r in kept["problems"].values():
        for name in ("hepatica", "peer"):
            e = r.get(name, {})
            label = "hepatica" if name == "hepatica" else "pyPESTO"
            if "effective" not in e:
                rows.append([r["title"], r["parameters"], label, told(e), *["-"] * 6])
                continue
            version = e.get("version", version)
            cells = [f"{e['draws']:,.0f}", f"{e['effective']:,.0f}", f"{e['seconds']:.0f}", f"{e['per_second']:.2g}"]
            cells += [f"{e['rhat']:.2f}", f"{e['ms']:.2g}", ratio(r) if name == "hepatica" else "1"]
            rows.append([r["title"], r["parameters"], label, *cells])
    return "\n".join(
        [
            "<!-- written by `make sampling` -->\n",
            f"Measured on: {kept.get('machine', '-')}; one core, processor time, beside {version}. Effective samples of the worst "
            f"parameter over {runs} runs. Above an R-hat of {AGREE} runs do not agree, and a ratio to "
            "what they count stands behind a `>`.\n",
            to_table(rows),
        ]
    ) + "\n"  # fmt: skip


def ratio(r: dict[str, Any]) -> str:
    """Give effective samples a second, ours over pyPESTO's."""
    ours, theirs = r["hepatica"], r.get("peer", {})
    if "effective" not in theirs:
        return "-"
    if ours["rhat"] > AGREE:
        return "- (no agreement)"
    return f"{'>' if theirs['rhat'] > AGREE else ''}{ours['per_second'] / theirs['per_second']:.0f}x"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--runs", type=int, default=4, help="of both")
    parser.add_argument("--seconds", type=float, default=600.0, help="of pyPESTO, for each problem")
    parser.add_argument("--alone", action="store_true", help="without pyPESTO")
    parser.add_argument("--json", type=Path, help="keep the figures here; what is not measured now stays")
    parser.add_argument("--markdown", type=Path, help="write the table of the kept figures here")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kept: dict[str, Any] = {"problems": {}}
    if options.json and options.json.exists():
        kept |= json.loads(options.json.read_text())
    for file in filter(None, (options.json, options.markdown)):
        file.parent.mkdir(parents=True, exist_ok=True)
    for name in options.problems:
        result = bench(CASES[name], runs=options.runs, budget=0.0 if options.alone else options.seconds)
        kept["machine"] = machine()
        kept["problems"] = {n: r for n in CASES if (r := {**kept["problems"], name: result}.get(n))}
        print(f"{result['title']}: {result['parameters']} parameters, {result['measurements']} measurements")
        for who in ("hepatica", "peer"):
            print(f"  {who}: {told(result.get(who, {}))}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(kept, indent=2))
        if options.markdown:
            options.markdown.write_text(to_markdown(kept))


if __name__ == "__main__":
    main()
