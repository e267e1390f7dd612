"""Gradients: what they cost beside AMICI's, in one run at equal achieved error, and whether they are right.

``python benchmarks/gradients.py [--fits hcc ...] [--json FILE] [--markdown FILE]`` measures;
``python benchmarks/gradients.py --verify [--fits borisov ...]`` compares with Richardson differences of the objective.

A fit is a model, its conditions, and a sum of squares; all fits are PEtab problems or our own model (``petab_problems.py``,
``gradient_problems.py``). The error of a gradient is its largest difference from a reference, in logarithms of the parameters,
relative to the largest element of the reference, or the relative error of the objective where that is larger; the achieved error
is the median over three parameter sets, log-normal with sigma 0.5. The reference is hepatica's adjoint at rtol 1e-9; how far
AMICI at 1e-9 is from it stands in the table. Each engine and method runs at the loosest tolerance, in steps of a factor of
sqrt(10), that achieves 1e-4, the objective alone at that which achieves it for the objective.

Seconds are those of the processor, on one core; AMICI's are of its C++ alone, from conditions that are at hand.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine import cpu, machine
from gradient_checks import verify
from gradient_peer import AmiciFit
from gradient_problems import Fit, hcc, whole
from gradient_tables import costs_to_text, figures, verified_to_text
from hepatica.compiler import compile_model
from hepatica.simulation import Differentiator
from models import PROBLEMS, Array, available, conformance
from petab_problems import TITLES, at_hand, petab

TARGET, TIGHT, SIGMA = 1e-4, 1e-9, 0.5
FEW, BATCH, DIRECTIONS = 3, 64, 30
METHODS = ("rodas4", "rodas5p")
LOOSEST, TIGHTEST = 6, 21  # half decades
PATIENCE = 120.0  # seconds after which a search of AMICI's tolerance goes on from full decade to full decade

Run = Callable[[float], tuple[Array, Array | None]]


def errors(found: tuple[Array, Array | None], reference: tuple[Array, Array], values: Array) -> Array:
    """Error of each draw; infinite where the engine failed."""
    objective, gradient = found
    wrong = np.abs(objective / reference[0] - 1.0)
    if gradient is not None:
        scale = np.abs(reference[1] * values).max(axis=1)
        wrong = np.maximum(wrong, np.abs((gradient - reference[1]) * values).max(axis=1) / scale)
    return np.where(np.isnan(wrong), np.inf, wrong)


def loosest(run: Run, reference: tuple[Array, Array], values: Array) -> tuple[float, float] | None:
    """Give the loosest tolerance that achieves the target, and what it achieves."""
    begin, k = time.perf_counter(), LOOSEST
    while k < TIGHTEST:
        rtol = 10.0 ** (-k / 2)
        error = float(np.median(errors(run(rtol), reference, values)))
        if error <= TARGET:
            return rtol, error
        k += 1 if time.perf_counter() - begin < PATIENCE else 2
    return None


class Ours:
    """A fit in hepatica, by one method."""

    def __init__(self, fit: Fit, method: str, wrt: tuple[str, ...] | None = None) -> None:
        self.fit, self.method, self.wrt = fit, method, wrt or fit.wrt
        self.kind: Literal["forward", "adjoint"] = "forward" if method == "forward" else "adjoint"
        self.made: dict[tuple[float, str], Differentiator] = {}

    def at(self, rtol: float, tableau: str) -> Differentiator:
        """Give it at a tolerance."""
        if (rtol, tableau) not in self.made:
            fit = self.fit
            self.made[rtol, tableau] = Differentiator(
                fit.model, fit.experiment, fit.objective, self.wrt, method=self.kind, threads=1,
                tolerances=fit.tolerances(rtol, tableau),
            )  # fmt: skip
        return self.made[rtol, tableau]

    def run(self, rtol: float, tableau: str, values: Array) -> tuple[Array, Array | None]:
        """Objective and, but for the method ``none``, gradient."""
        made = self.at(rtol, tableau)
        return (made.evaluate_value(values), None) if self.method == "none" else made.evaluate(values)

    def measure(self, reference: tuple[Array, Array], values: Array, many: Array) -> dict[str, Any]:
        """Tolerance and seconds of the faster tableau."""
        best: dict[str, Any] = {"absent": "no tolerance achieves the target"}
        for tableau in METHODS:
            found = loosest(lambda r, t=tableau: self.run(r, t, values), reference, values)
            if found is None:
                continue
            seconds = self.seconds(found[0], tableau, values)
            if "seconds" not in best or seconds < best["seconds"]:
                best = {"rtol": found[0], "achieved": found[1], "tableau": tableau, "seconds": seconds}
        if "seconds" in best:
            rtol, tableau = best["rtol"], best["tableau"]
            alone, together = self.primal(rtol, tableau, values, many)
            best |= {"batch_seconds": cpu(lambda: self.run(rtol, tableau, many), 3) / len(many)}
            best |= {"primal": alone, "batch_primal": together}
            best |= {"failed": int(np.isnan(self.run(rtol, tableau, many)[0]).sum())}
        return best

    def seconds(self, rtol: float, tableau: str, values: Array) -> float:
        """Mean seconds of one evaluation, one parameter set at a time."""
        return sum(cpu(lambda row=row: self.run(rtol, tableau, row[None]), 5) for row in values) / len(values)

    def primal(self, rtol: float, tableau: str, values: Array, many: Array) -> tuple[float, float]:
        """Seconds of the objective alone at the same tolerance, one at a time and in a batch."""
        bare = Ours(self.fit, "none", self.wrt)
        bare.kind, bare.made = self.kind, self.made
        return bare.seconds(rtol, tableau, values), cpu(lambda: bare.run(rtol, tableau, many), 3) / len(many)


def thirty(fit: Fit) -> tuple[str, ...]:
    """Thirty parameters: what is estimated, then others."""
    return tuple(dict.fromkeys([*fit.wrt, *compile_model(fit.model, ()).parameters]))[:DIRECTIONS]


def _at(fit: Fit, names: tuple[str, ...], values: Array) -> Array:
    """Values of other parameters than those that are estimated."""
    kernel = compile_model(fit.model, ())
    known = {name: np.full(len(values), x) for name, x in zip(kernel.parameters, kernel.p0, strict=True)}
    known |= dict(zip(fit.wrt, values.T, strict=True))
    return np.column_stack([known[name] for name in names])


def bench(fit: Fit, *, peer: bool) -> dict[str, Any]:
    """Measure one fit."""
    values, many = fit.draws(FEW, SIGMA).draws.values, fit.draws(BATCH, SIGMA).draws.values
    exact = Ours(fit, "adjoint").run(TIGHT, "rodas5p", values)
    if exact[1] is None or not np.isfinite(exact[1]).all():
        raise SystemExit(f"{fit.name}: the reference gradient is not finite")
    reference = exact[0], exact[1]
    result: dict[str, Any] = {
        "title": fit.title, "states": len(fit.model.species), "arms": len(fit.experiment.arms), "parameters": len(fit.wrt),
        "hepatica": {m: Ours(fit, m).measure(reference, values, many) for m in ("none", "forward", "adjoint")},
    }  # fmt: skip
    result["AMICI"] = measure_peer(fit, reference, values) if peer else {}
    forward = result["hepatica"]["forward"]
    if "seconds" in forward:
        names = thirty(fit)
        ours = Ours(fit, "forward", names)
        rtol, tableau = forward["rtol"], forward["tableau"]
        values, many = (_at(fit, names, v) for v in (values, many))
        primal = ours.primal(rtol, tableau, values, many)
        each = ours.seconds(rtol, tableau, values), cpu(lambda: ours.run(rtol, tableau, many), 3) / len(many)
        result["thirty"] = {"names": len(names), "single": each[0] / primal[0], "batch": each[1] / primal[1]}
    return result


def measure_peer(fit: Fit, reference: tuple[Array, Array], values: Array) -> dict[str, Any]:
    """Tolerances and seconds of AMICI's objective and of both its gradients."""
    try:
        amici = AmiciFit(fit)
    except Exception as error:  # noqa: BLE001  a peer's own failure is a result here, told in the table
        return {"absent": f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"}
    result: dict[str, Any] = {"version": amici.version, "build_s": amici.load_seconds, "from_reference": {}}
    for method in ("none", "forward", "adjoint"):

        def run(rtol: float, method: str = method) -> tuple[Array, Array | None]:
            objective, gradient = amici.run(rtol, method, values)
            return objective, None if method == "none" else gradient

        found = loosest(run, reference, values)
        if found is None:
            result[method] = {"absent": "no tolerance achieves the target"}
            continue
        seconds = []
        for _ in range(2):
            run(found[0])
            seconds.append(amici.seconds / len(values))
        result[method] = {"rtol": found[0], "achieved": found[1], "seconds": min(seconds)}
        if method != "none":
            far = errors(amici.run(TIGHT, method, values[:1]), (reference[0][:1], reference[1][:1]), values[:1])
            result["from_reference"][method] = float(far[0])
    return result


FITS: dict[str, Callable[[], Fit]] = {
    **{name.split("_")[0].lower() + "_petab": lambda name=name: petab(name) for name in TITLES},  # type: ignore[misc]
    **{name: hcc if name == "hcc" else lambda name=name: whole(name) for name in PROBLEMS},  # type: ignore[misc]
}
MEASURED = (*(name for name in FITS if name.endswith("_petab")), "hcc")


def missing(name: str) -> bool:
    """Tell whether the file of a fit is not at hand."""
    problem = [p for p in TITLES if p.split("_")[0].lower() + "_petab" == name]
    return not (at_hand(problem[0]) if problem else available(name))


def main() -> None:
    """Measure or verify, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", nargs="+", choices=list(FITS), help="which; by default all")
    parser.add_argument("--verify", action="store_true", help="compare with differences instead of measuring")
    parser.add_argument("--alone", action="store_true", help="without AMICI")
    parser.add_argument("--json", type=Path, help="keep the figures here; what is not measured now stays")
    parser.add_argument("--markdown", type=Path, help="write the tables of the kept figures here")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kept: dict[str, Any] = {"costs": {}, "verified": {}}
    if options.json and options.json.exists():
        kept |= json.loads(options.json.read_text())
    for file in filter(None, (options.json, options.markdown)):
        file.parent.mkdir(parents=True, exist_ok=True)
    for name in options.fits or (list(FITS) if options.verify else MEASURED):
        if missing(name):
            print(f"{name}: its files are not in {conformance()}\n")
            continue
        fit = FITS[name]()
        if options.verify:
            kept["verified"][name] = verify(fit)
            print(verified_to_text(kept["verified"][name]), flush=True)
        else:
            kept["machine"] = machine()
            kept["costs"][name] = bench(fit, peer=not options.alone)
            print(costs_to_text(kept["costs"][name]), flush=True)
        if options.json:
            options.json.write_text(json.dumps(kept, indent=2))
        if options.markdown:
            options.markdown.write_text(figures(kept))


if __name__ == "__main__":
    main()
