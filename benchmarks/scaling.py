"""How the cost grows with the states, the draws and the output times; a picture for the docs.

``python benchmarks/scaling.py [--engines results/bench/engine.json] [--json FILE] [--plot FILE]``

One core throughout; seconds are those of the processor. The first panel shows the figures of ``benchmarks/engine.py``, all
engines at equal achieved error, where its JSON is at hand. The second shows the cost of a step for one draw, in a full
ensemble at rtol 1e-4, over models of the BioModels database, SPARCED and the project's own. The others show the cost of a
trajectory against the number of draws in one call, and of times at which all states are kept.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from models import PROBLEMS, Problem, available, biomodel

SIZES = (28, 427, 33, 146, 407, 220, 151, 19, 175, 474, 205)  # BioModels of 16 to 194 species
NAMED = ("hcc", "bachmann", "borisov", "bidkhori", "chen", "sparced")
DRAWS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
TIMES = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
LINES = {"hcc": 3e-4, "bachmann": 3e-4, "bidkhori": 1e-4}
COLOURS = {"hepatica": "#b5382a", "bngsim": "#7a6bb0", "AMICI": "#2f7f86", "libRoadRunner": "#8a8f98"}
SERIES = {"hcc": "#b5382a", "bachmann": "#d99a2b", "bidkhori": "#2f7f86"}


def least(problem: Problem, rtol: float, draws: int, repeats: int) -> tuple[float, float]:
    """Give the least processor seconds of a run, and its lane-steps."""
    seconds, steps = [], 0.0
    for _ in range(repeats):
        begin = time.process_time()
        out = problem.run(rtol, "rodas5p", draws) if draws > 1 else problem.run_one(rtol, "rodas5p", 0)
        seconds.append(time.process_time() - begin)
        steps = out.lane_steps
    return min(seconds), steps


def over_states() -> list[dict[str, Any]]:
    """Cost of a step for one draw, over models."""
    problems = [PROBLEMS[name](200) for name in NAMED if available(name)]
    problems += [biomodel(number, 200, 100.0) for number in SIZES if available("bachmann")]
    out = []
    for problem in problems:
        seconds, steps = least(problem, 1e-4, 200, 3)
        out.append({"name": problem.title, "states": len(problem.states), "step_us": 1e6 * seconds / steps})
        print(
            f"{problem.title:24}{len(problem.states):>5} states {out[-1]['step_us']:>8.2f} us a step and draw",
            flush=True,
        )
    return out


def over_draws(name: str) -> list[tuple[int, float]]:
    """Cost of a trajectory against draws in one call; ten outputs of five states, so that memory does not count."""
    problem = PROBLEMS[name](1000)
    small = replace(
        problem, p=np.resize(problem.p, (DRAWS[-1], problem.p.shape[1])), outputs=10, kept=problem.states[:5]
    )
    if problem.y0 is not None:
        small = replace(small, y0=np.resize(problem.y0, (DRAWS[-1], problem.y0.shape[1])))
    return [(n, 1e6 * least(small, LINES[name], n, 15 if n < 100 else 3 if n < 10_000 else 1)[0] / n) for n in DRAWS]


def over_times(name: str) -> list[tuple[int, float]]:
    """Cost of a trajectory against the number of output times of all states."""
    problem = PROBLEMS[name](200)
    return [(n, 1e6 * least(replace(problem, outputs=n), LINES[name], 200, 5)[0] / 200) for n in TIMES]


def measure(engines: Path) -> dict[str, Any]:
    """Measure everything."""
    names = [name for name in LINES if available(name)]
    compared = json.loads(engines.read_text())["models"] if engines.exists() else {}
    return {
        "engines": [
            {"engine": key, "states": m["states"], "per_second": e["per_second"]}
            for m in compared.values() for key, e in m["engines"].items() if "per_second" in e
        ],
        "states": over_states(),
        "draws": {name: over_draws(name) for name in names},
        "times": {name: over_times(name) for name in names},
    }  # fmt: skip


def plain(x: float, _position: int | None = None) -> str:
    """Write 0.5, 20, 3,000."""
    return f"{x:,.0f}" if x >= 1 else f"{x:g}"


def dress(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    """Log axes, a title that says what is seen, and little else."""
    ax.set(xscale="log", yscale="log", xlabel=xlabel)
    ax.set_title(f"{title}\n", loc="left", fontsize=10.5, fontweight="bold")
    ax.text(0.0, 1.025, ylabel, transform=ax.transAxes, fontsize=8.5, color="#555555")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(plain))
    ax.grid(visible=True, which="major", color="#e6e6e6", linewidth=0.7)
    ax.tick_params(which="both", length=0, labelcolor="#444444")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color("#999999")


def plot(figures: dict[str, Any], path: Path) -> None:
    """Draw the four panels."""
    mpl.rcParams.update({"font.size": 9, "svg.fonttype": "path", "svg.hashsalt": "scaling"})
    fig, axes = plt.subplots(2, 2, figsize=(9.2, 7.6), layout="constrained")
    fig.get_layout_engine().set(w_pad=0.15, h_pad=0.15)
    _plot_engines(axes[0, 0], figures["engines"])
    _plot_states(axes[0, 1], figures["states"])
    _plot_series(axes[1, 0], figures["draws"], -1)
    dress(axes[1, 0], "Constant from a few hundred draws on", "draws in one call", "µs a trajectory, one core")
    axes[1, 0].xaxis.set_major_locator(LogLocator(subs=(1,)))
    _plot_series(axes[1, 1], figures["times"], 0)
    dress(
        axes[1, 1],
        "A hundred outputs cost less than the steps",
        "times at which all states are kept",
        "µs a trajectory, one core",
    )
    axes[1, 1].set_ylim(bottom=axes[1, 1].get_ylim()[0] * 0.8)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)


def _plot_engines(ax: Axes, rows: list[dict[str, Any]]) -> None:
    for engine, colour in COLOURS.items():
        own = sorted((r["states"], r["per_second"]) for r in rows if r["engine"] == engine)
        if not own:
            continue
        x, y = zip(*own, strict=True)
        ax.plot(x, y, "-", color=colour, linewidth=1.0, alpha=0.35)
        ax.plot(x, y, "o", color=colour, markersize=6 if engine == "hepatica" else 5)
        shorter = x[-1] < max(r["states"] for r in rows)  # an engine that lacks the largest model
        ax.annotate(
            engine, (x[-1], y[-1]), xytext=(-12, -18) if shorter else (7, 0), textcoords="offset points", color=colour,
            ha="right" if shorter else "left", va="center", fontsize=9,
        )  # fmt: skip
    dress(ax, "Six models, four engines, one error", "states", "trajectories a second, one core")
    ax.yaxis.set_major_locator(LogLocator(subs=(1,)))
    ax.set_xlim(right=4500)


def _plot_states(ax: Axes, rows: list[dict[str, Any]]) -> None:
    x, y = np.array([r["states"] for r in rows]), np.array([r["step_us"] for r in rows])
    slope, level = np.polyfit(np.log(x), np.log(y), 1)
    line = np.array([x.min(), x.max()])
    ax.plot(line, np.exp(level) * line**slope, color="#cccccc", linewidth=1.2, zorder=1)
    places = {
        "HCC (this project)": (-5, 4),
        "Borisov 2009": (6, -9),
        "Chen 2009": (-6, 4),
        "SPARCED": (-6, 4),
        "Bachmann 2011": (6, -14),
        "Bidkhori 2012": (6, -9),
    }
    named = np.array([r["name"] in places for r in rows])
    ax.scatter(x[~named], y[~named], s=20, color="#e0b3ad", zorder=2, linewidth=0)
    ax.scatter(x[named], y[named], s=24, color=COLOURS["hepatica"], zorder=3, linewidth=0)
    for r in (r for r in rows if r["name"] in places):
        dx, dy = places[r["name"]]
        label = r["name"].replace(" (this project)", "")
        ax.annotate(
            label, (r["states"], r["step_us"]), xytext=(dx, dy), textcoords="offset points", ha="right" if dx < 0 else "left",
            fontsize=8.5, color="#444444",
        )  # fmt: skip
    dress(
        ax,
        rf"A step costs about $\mathbf{{n^{{{slope:.1f}}}}}$",
        "states n",
        "µs a step and draw, ensemble of 200, one core",
    )


def _plot_series(ax: Axes, series: dict[str, list[tuple[int, float]]], labelled: int) -> None:
    titles = {"hcc": "HCC, 77 states", "bachmann": "Bachmann, 25 states", "bidkhori": "Bidkhori, 108 states"}
    for name, points in series.items():
        x, y = zip(*points, strict=True)
        ax.plot(x, y, "o-", color=SERIES[name], markersize=4, linewidth=1.5)
        ax.annotate(
            titles[name], (x[labelled], y[labelled]), xytext=(0, 6 if labelled else -7), textcoords="offset points",
            ha="right" if labelled else "left", va="bottom" if labelled else "top", color=SERIES[name], fontsize=9,
        )  # fmt: skip


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", type=Path, default=Path("results/bench/engine.json"))
    parser.add_argument("--json", type=Path, default=Path("results/bench/scaling.json"))
    parser.add_argument("--plot", type=Path, default=Path("results/bench/scaling.svg"))
    parser.add_argument("--redraw", action="store_true", help="only draw the figures of --json again")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if not options.redraw:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(measure(options.engines), indent=1))
    plot(json.loads(options.json.read_text()), options.plot)


if __name__ == "__main__":
    main()
