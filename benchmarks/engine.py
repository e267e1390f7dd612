"""hepatica's engine beside libRoadRunner, AMICI and bngsim: one core, one run, equal achieved error.

``python benchmarks/engine.py [--models hcc bachmann ...] [--draws 1000] [--json FILE] [--markdown FILE]``

Models that are not named keep the figures that FILE has of them, so that one model can be measured anew.

Every engine integrates the same parameter sets of the same SBML from the same initial states, with 50 outputs of every
state. The error of a draw is the largest difference from a reference at rtol 1e-9 over states and times, each state
relative to its own largest value; an engine's achieved error is the median over draws. The reference is hepatica's own; how
far a second engine at rtol 1e-9 is from it stands in the table. Each engine runs at the loosest tolerance, in steps of a
factor of sqrt(10), that achieves 1e-4. A slow engine is measured on fewer draws; their number stands in the table.

Seconds are those of the processor (``process_time``), so that a neighbour on the machine does not count; AMICI's build and
two threads are measured on the clock, two threads beside an arithmetic loop that shows what the machine has to give.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from hepatica.compiler import compile_model
from models import PROBLEMS, Array, Problem, available, conformance
from peers import PEERS, Peer, load_peers
from tables import to_markdown, to_text

TARGET = 1e-4
TIGHT = 1e-9
FEW = 100
LONG = 5.0
SINGLES = 21
SPIN = 12_000_000
PAIRS = 15
METHODS = ("rodas4", "rodas5p")


def errors(values: Array, reference: Array, absolute: float) -> Array:
    """Largest scaled error of each draw; infinite where the engine failed, NaN where the reference did."""
    scale = np.abs(reference).max(axis=1, keepdims=True) + absolute / 100
    present = ~np.isnan(values).all(axis=(0, 1))
    difference = (np.abs(values - reference) / scale)[:, :, present].max(axis=(1, 2))
    failed = np.isnan(values[:, :, present]).any(axis=(1, 2))
    return np.where(np.isnan(reference).any(axis=(1, 2)), np.nan, np.where(failed, np.inf, difference))


def loosest(run: Callable[[float], Array], reference: Array, absolute: float) -> tuple[float, float] | None:
    """Give the loosest tolerance that achieves the target, and what it achieves."""
    for k in range(4, 22):
        rtol = 10.0 ** (-k / 2)
        values = run(rtol)
        error = float(np.nanmedian(errors(values, reference[: len(values)], absolute)))
        if error <= TARGET:
            return rtol, error
    return None


def cpu(work: Callable[[], object], repeats: int) -> float:
    """Least processor seconds; what takes long is not repeated."""
    seconds: list[float] = []
    while len(seconds) < repeats and sum(seconds) < LONG:
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def wall(work: Callable[[], object], repeats: int) -> float:
    """Least seconds on the clock."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def measure_ours(problem: Problem, draws: int, reference: Array) -> dict[str, Any]:
    """Throughput, latency, compile time and threads of hepatica."""
    few = len(reference)
    found = {m: loosest(lambda r, m=m: problem.run(r, m, few).values, reference, problem.absolute) for m in METHODS}
    usable = {m: f for m, f in found.items() if f is not None}
    if not usable:
        return {"absent": "no tolerance achieves the target"}
    seconds = {m: cpu(lambda m=m: problem.run(usable[m][0], m, draws), 3) for m in usable}
    method = min(seconds, key=lambda m: seconds[m])
    rtol, error = usable[method]
    single = {
        m: statistics.median(_single(problem, usable[m][0], m, d) for d in range(min(SINGLES, draws))) for m in usable
    }
    out = problem.run(rtol, method, draws)
    model, states = problem.model, problem.states
    # a model from a file is compiled in a process apart, whose seconds would not be seen
    own = replace(model, foreign=False)
    build = cpu(lambda: compile_model(own, states, cached=False), 3)
    compile_model(model, states)
    return {
        "method": method, "rtol": rtol, "achieved": error, "draws": draws, "failed": int((out.status != 0).sum()),
        "per_second": draws / seconds[method], "single_ms": 1e3 * min(single.values()), "load_s": build,
        "reload_ms": 1e3 * cpu(lambda: compile_model(model, states), 5), "lanes": problem.kernel.lanes,
        "lane_steps": out.lane_steps / draws, "full_lanes": out.lane_steps / (out.steps * problem.kernel.lanes),
    }  # fmt: skip


def _single(problem: Problem, rtol: float, method: str, draw: int) -> float:
    return cpu(lambda: problem.run_one(rtol, method, draw), 3)


def measure_peer(peer: Peer, problem: Problem, draws: int, reference: Array, budget: float) -> dict[str, Any]:
    """Throughput and latency of another engine, on as many draws as about ``budget`` seconds allow."""
    peer.run(1e-5, range(1))
    peer.run(1e-5, range(2))
    cost = peer.seconds / 2
    few = int(min(len(reference), max(5, budget / 8 / cost)))
    found = loosest(lambda r: peer.run(r, range(few)), reference, problem.absolute)
    result = {"version": peer.version, "load_s": peer.load_seconds}
    if found is None:
        return {**result, "absent": "no tolerance achieves the target"}
    rtol, error = found
    passes = [spent_on(peer, rtol, draws, budget)]
    if len(passes[0][0]) == draws:
        passes.append(spent_on(peer, rtol, draws, budget))
    times, inside, values = min(passes, key=lambda p: sum(p[0]))
    if cost < 0.2:  # the first runs again and again, for the latency
        singles = [
            min(spent_on(peer, rtol, 1, 0.0, d)[0][0] for _ in range(3)) for d in range(min(SINGLES, len(times)))
        ]
    else:
        singles = times
    return {
        **result, "rtol": rtol, "achieved": error, "draws": len(times), "failed": int(np.isnan(values).all(axis=2).any(axis=1).sum()),
        "per_second": len(times) / sum(times), "single_ms": 1e3 * statistics.median(singles),
        "integrator_per_second": len(times) / inside if inside else None,
    }  # fmt: skip


def spent_on(peer: Peer, rtol: float, draws: int, budget: float, first: int = 0) -> tuple[list[float], float, Array]:
    """Seconds of each draw and of all in the integrator, and the values; after the budget is spent, five draws are enough."""
    times: list[float] = []
    inside, values = 0.0, []
    for d in range(first, first + draws):
        if sum(times) > budget and len(times) >= 5:
            break
        values.append(peer.run(rtol, range(d, d + 1)))
        times.append(peer.seconds)
        inside += peer.integrator_seconds or 0.0
    return times, inside, np.concatenate(values)


def measure_threads(problem: Problem, ours: dict[str, Any], draws: int) -> dict[str, float]:
    """One thread over two, taken in turns: seconds on the clock, of hepatica and of an arithmetic loop without memory.

    The loop tells how much of a second processor there is to be had: busy ones, and the halves of one core, give less than two.
    """
    draws = int(min(draws, max(64, 2.0 * ours["per_second"])))
    run = [lambda n=n: problem.run(ours["rtol"], ours["method"], draws, threads=n) for n in (1, 2)]
    clock = [(wall(run[0], 1), wall(run[1], 1)) for _ in range(PAIRS)]
    loops = [(wall(lambda: spin_together(1), 1), wall(lambda: spin_together(2), 1)) for _ in range(PAIRS)]
    return {
        "two_threads": min(a for a, _ in clock) / min(b for _, b in clock),
        "two_loops": min(a for a, _ in loops) / min(b for _, b in loops),
    }


@njit(nogil=True)
def spin(rounds: int) -> float:
    """Compute, without memory."""
    total = 0.0
    for i in range(rounds):
        total += np.sqrt(i + total)
    return total


def spin_together(threads: int) -> None:
    """Share out a fixed amount of arithmetic."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(spin, [SPIN // threads] * threads))


def bench(name: str, options: argparse.Namespace, cores: set[int]) -> dict[str, Any]:
    """Measure one problem."""
    problem = PROBLEMS[name](options.draws)
    draws = len(problem.p)
    few = min(FEW, draws)
    reference = problem.run(TIGHT, "rodas5p", few).values
    peers, absent = load_peers(problem, options.peers)
    result: dict[str, Any] = {
        "title": problem.title, "states": len(problem.states), "varied": len(problem.varied), "draws": draws,
        "reference_failed": int(np.isnan(reference).any(axis=(1, 2)).sum()), "agreement": {}, "engines": {},
    }  # fmt: skip
    for key, peer in peers.items():
        values = peer.run(TIGHT, range(min(5, few)))
        result["agreement"][key] = float(np.nanmedian(errors(values, reference[: len(values)], problem.absolute)))
    ours = measure_ours(problem, draws, reference)
    result["engines"]["hepatica"] = ours
    for key, peer in peers.items():
        result["engines"][key] = measure_peer(peer, problem, draws, reference, options.seconds)
    result["engines"] |= {key: {"absent": why} for key, why in absent.items()}
    if len(cores) > 1 and "rtol" in ours:
        os.sched_setaffinity(0, cores)
        ours |= measure_threads(problem, ours, draws)
        os.sched_setaffinity(0, {min(cores)})
    return result


def machine() -> str:
    """Describe the processor."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ] if Path("/proc/cpuinfo").exists() else []  # fmt: skip
    siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    share = f"; threads of the first core: {siblings.read_text().strip()}" if siblings.exists() else ""
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} processors{share}"


def earlier(file: Path | None) -> dict[str, Any]:
    """Figures of models measured before, on this machine."""
    if file is None or not file.exists():
        return {}
    found = json.loads(file.read_text())
    if found["machine"] != machine():
        raise SystemExit(
            f"{file} holds figures of another machine ({found['machine']}); remove it or name another file"
        )
    return dict(found["models"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0, help="time for each other engine and model, about")
    parser.add_argument("--json", type=Path, help="write the figures here, beside those of other models that it holds")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    options = parser.parse_args()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    results: dict[str, Any] = {"machine": machine(), "models": earlier(options.json)}
    for folder in {f.parent for f in (options.json, options.markdown) if f}:
        folder.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        if not available(name):
            print(f"{name}: its file is not in {conformance()}; set HEPATICA_CONFORMANCE\n")
            continue
        results["models"][name] = bench(name, options, cores)
        print(to_text(results["models"][name]), flush=True)
        results["models"] = {n: results["models"][n] for n in PROBLEMS if n in results["models"]}
        if options.json:
            options.json.write_text(json.dumps(results, indent=2))
        if options.markdown:
            options.markdown.write_text(to_markdown(results))


if __name__ == "__main__":
    main()
