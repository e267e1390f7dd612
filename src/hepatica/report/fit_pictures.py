"""Figures of a fit: waterfall, fit against data, profiles, pairs."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray
from scipy import stats

from hepatica.analysis.identifiability import FACTORS, linear
from hepatica.report.panels import Panel, Panels
from hepatica.report.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PAGE,
    SKY,
    VERMILLION,
    clean,
    new_figure,
    say_empty,
    styled,
)

Array = NDArray[np.float64]
ACROSS = 4
"""Panels in a row."""
MANY = 80
"""Measurements in a panel that are drawn as dots without bars."""


@styled
def plot_waterfall(objective: Array, converged: NDArray[np.bool_], label: str) -> Figure:
    """Draw starts by how much worse they are than the best.

    Parameters
    ----------
    objective
        Minus the log-posterior of each start, shape (start,); NaN where none is known.
    converged
        Whether the optimizer converged.
    label
        Of the horizontal axis.
    """
    fine = np.isfinite(objective)
    if not fine.any():
        return say_empty("No start has a value yet.")
    order = np.argsort(objective[fine], kind="stable")
    above = (objective[fine] - objective[fine].min())[order]
    done = converged[fine][order]
    places = np.arange(1, len(above) + 1)
    figure = new_figure(PAGE, 2.4)
    ax = figure.add_subplot()
    ax.axhspan(0.0, 0.1, color=LIGHT, lw=0, alpha=0.6)
    ax.plot(places, above, color=LIGHT, lw=1.0, zorder=1)
    for here, colour, marker, name in ((done, BLUE, "o", "converged"), (~done, VERMILLION, "x", "not converged")):
        if here.any():
            ax.scatter(places[here], above[here], s=12, c=colour, marker=marker, lw=0.9, label=name, zorder=2)
    ax.set_yscale("symlog", linthresh=0.1, linscale=0.6)
    top = max(1.0, float(above.max()))
    ticks = [0.0, 0.1, *(10.0**k for k in range(7) if 10.0**k <= 2.0 * top)]
    ax.set_yticks(ticks, labels=[f"{t:,g}" for t in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(-0.02, 2.0 * top)
    ax.set_xlim(0.3, len(above) + 0.7)
    if len(above) < 10:
        ax.set_xticks(places)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    ax.set_xlabel(clean(label))
    ax.set_ylabel("worse than the best (log units)")
    ax.legend(loc="upper left")
    return figure


@styled
def plot_progress(best: Sequence[Array], lowest: float) -> Figure:
    """Draw, for each start, the best objective so far against its evaluations; all above the lowest one known."""
    figure = new_figure(PAGE, 2.4)
    ax = figure.add_subplot()
    for course in best:
        ax.plot(np.arange(1, len(course) + 1), np.maximum(course - lowest, 1e-3), color=BLUE, lw=0.7, alpha=0.5)
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("evaluations of the start")
    ax.set_ylabel("best so far, above the lowest")
    return figure


@styled
def plot_panels(data: Panels, panels: Sequence[Panel], *, bare: bool = False) -> Figure:
    """Draw measurements with their noise, the model at the best point, and bands of the posterior where there are draws."""
    long = max(len(p.names) for p in panels) > 8
    across = 1 if long else min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    width = PAGE if long else PAGE * max(across, 1.6) / ACROSS
    named = any(p.names for p in panels)
    figure = new_figure(width, (1.9 if long or named or across == 1 else 1.5) * down + 0.3)
    axes = np.atleast_1d(figure.subplots(down, across, squeeze=False)).ravel()
    for ax, panel in zip(axes, panels, strict=False):
        _panel(ax, data, panel)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    labels = {p.label for p in panels}
    if len(labels) == 1:
        figure.supxlabel(clean(labels.pop()), fontsize=7.5)
    if not bare:
        figure.supylabel(clean(panels[0].observable), fontsize=7.5)
    return figure


def _panel(ax: Axes, data: Panels, panel: Panel) -> None:
    if len(panel.curve):
        x = panel.curve_x
        if data.bands is not None:
            q = data.bands[:, panel.curve]
            ax.fill_between(x, q[0], q[3], color=SKY, alpha=0.25, lw=0)
            ax.fill_between(x, q[1], q[2], color=SKY, alpha=0.45, lw=0)
        ax.plot(x, data.expected[panel.curve], color=BLUE, lw=1.1)
    else:
        expected = data.expected[panel.rows]
        if data.bands is not None:
            q = data.bands[:, panel.rows]
            ax.vlines(panel.x, q[0], q[3], color=SKY, lw=5, alpha=0.3)
            ax.vlines(panel.x, q[1], q[2], color=SKY, lw=5, alpha=0.5)
        ax.scatter(panel.x, expected, marker="_", s=70, c=BLUE, lw=1.4)
        ax.set_xticks(
            range(len(panel.names)),
            labels=[_short(n, 22) for n in panel.names],
            rotation=60,
            ha="right",
            rotation_mode="anchor",
        )
        ax.tick_params(axis="x", labelsize=5.5)
        ax.set_xlim(-0.6, len(panel.names) - 0.4)
    v, kind = data.values[panel.rows], data.censored[panel.rows]
    error = np.maximum(0.0, np.vstack([v - data.low[panel.rows], data.high[panel.rows] - v]))
    exact = kind == 0
    if len(v) > MANY:
        ax.scatter(panel.x[exact], v[exact], s=1.5, c=GREY, lw=0, zorder=1)
    else:
        ax.errorbar(
            panel.x[exact], v[exact], yerr=error[:, exact], fmt="o", ms=2.4, color=BLACK, ecolor=GREY, elinewidth=0.7, capsize=0, zorder=3
        )  # fmt: skip
    for code, marker in ((1, "^"), (-1, "v")):
        some = kind == code
        ax.scatter(panel.x[some], v[some], s=9, marker=marker, c="none", edgecolors=BLACK, lw=0.7, zorder=3)
    between = kind == 2
    ax.vlines(panel.x[between], v[between], data.limits[panel.rows][between], color=BLACK, lw=2.0, zorder=3)
    if panel.logarithmic[0]:
        seen = np.concatenate(
            [v, data.low[panel.rows], data.high[panel.rows], data.expected[panel.curve], data.expected[panel.rows]]
        )
        _log_axis(ax, seen[np.isfinite(seen) & (seen > 0.0)], vertical=True)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(4))
    if panel.logarithmic[1]:
        _log_axis(ax, np.concatenate([panel.x, panel.curve_x]))
    elif not panel.names:
        ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_title(_short(panel.title, 26), fontsize=6.5)
    ax.tick_params(axis="both", labelsize=6)


@styled
def plot_profiles(profiles: xr.Dataset, names: Sequence[str]) -> Figure:
    """Draw profiles: twice the rise of the objective against the parameter, with the 68 and 95 % thresholds."""
    across = min(ACROSS, len(names))
    down = -(-len(names) // across)
    figure = new_figure(PAGE * max(across, 2) / ACROSS, 1.55 * down + 0.2)
    axes = np.atleast_1d(figure.subplots(down, across, squeeze=False, sharey=True)).ravel()
    lowest = float(profiles.attrs["lowest"])
    others = [str(n) for n in profiles["other"].values]
    for ax, name in zip(axes, names, strict=False):
        one, k = profiles.sel(parameter=name), others.index(name)
        scale = str(profiles["scale"].values[k])
        fine = np.isfinite(one["value"].values)
        x = np.array([linear(float(v), scale) for v in one["value"].values[fine]])
        y = 2.0 * (one["objective"].values[fine] - lowest)
        for level in (0.68, 0.95):
            ax.axhline(stats.chi2.ppf(level, 1), color=ORANGE, lw=0.7, ls="--" if level < 0.9 else "-")
        ends = [float(one[b].sel(level=0.95)) for b in ("lower", "upper")]
        edge = [float(profiles[b].values[k]) for b in ("lower_bound", "upper_bound")]
        low, high = (linear(e if np.isfinite(e) else b, scale) for e, b in zip(ends, edge, strict=True))
        ax.axvspan(low, high, color=LIGHT, alpha=0.5, lw=0)
        ax.plot(x, y, "o-", color=BLUE, ms=2.0, lw=0.9)
        ax.axvline(linear(float(profiles["optimum"].values[k]), scale), color=GREEN, lw=0.9)
        for b in edge:
            if x.min() <= linear(b, scale) * (1 + 1e-9) and x.max() >= linear(b, scale) * (1 - 1e-9):
                ax.axvline(linear(b, scale), color=BLACK, lw=0.9, ls=":")
        if FACTORS[scale] > 0.0:
            _log_axis(ax, x)
        else:
            ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.set_ylim(-0.2, 5.5)
        ax.set_title(_short(name, 28), fontsize=6.5)
        ax.tick_params(labelsize=6)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure.supylabel("twice the rise of −log posterior", fontsize=7.5)
    return figure


def _log_axis(ax: Axes, values: Array, *, vertical: bool = False) -> None:
    """A logarithmic axis with three to five plain ticks, over positive values."""
    axis = ax.yaxis if vertical else ax.xaxis
    (ax.set_yscale if vertical else ax.set_xscale)("log")
    low, high = float(np.log10(values.min())), float(np.log10(values.max()))
    margin = 0.04 * (high - low) + 1e-3
    (ax.set_ylim if vertical else ax.set_xlim)(10.0 ** (low - margin), 10.0 ** (high + margin))
    axis.set_minor_locator(NullLocator())
    if high - low > 2.0:
        step = max(1, int(np.ceil((high - low) / 4.0)))
        ticks = 10.0 ** np.arange(np.ceil(low), np.floor(high) + 1, step)
    else:
        ticks = np.array([s * 10.0**n for n in range(int(np.floor(low)), int(np.ceil(high)) + 1) for s in (1, 2, 3, 5)])
        ticks = ticks[(ticks >= values.min()) & (ticks <= values.max())]
        if len(ticks) < 2:
            ticks = np.unique([float(f"{v:.2g}") for v in 10.0 ** np.linspace(low, high, 4)[1:3]])
        ticks = ticks[:: max(1, -(-len(ticks) // 4))]
    labels = [f"{t:,g}" if 1e-3 <= t < 1e5 else f"{t:.0e}".replace("e-0", "e-").replace("e+0", "e") for t in ticks]
    axis.set_ticks(ticks, labels=labels)


@styled
def plot_pairs(draws: Array, names: Sequence[str], scales: Sequence[str], best: Array) -> Figure:
    """Draw pairs of parameters over draws of the posterior; the best fit as a cross.

    Parameters
    ----------
    draws
        On the parameters' scales, shape (draw, parameter).
    names, scales
        Of the parameters.
    best
        The best fit, shape (parameter,).
    """
    n = len(names)
    figure = new_figure(PAGE, PAGE * (0.28 + 0.12 * n) if n < 6 else PAGE)
    axes = figure.subplots(n, n, squeeze=False)
    shown = draws[:: max(1, len(draws) // 600)]
    for i in range(n):
        for j in range(n):
            ax = axes[i, j]
            if j > i:
                ax.set_visible(False)
                continue
            if i == j:
                ax.hist(draws[:, i], bins=30, color=SKY, lw=0)
                ax.axvline(best[i], color=VERMILLION, lw=0.9)
            else:
                ax.scatter(shown[:, j], shown[:, i], s=2, c=BLUE, alpha=0.35, lw=0, rasterized=True)
                ax.plot(best[j], best[i], "x", color=VERMILLION, ms=5)
            ax.xaxis.set_major_locator(MaxNLocator(3))
            ax.yaxis.set_major_locator(NullLocator() if i == j else MaxNLocator(3))
            ax.tick_params(labelsize=5.5)
            if i == n - 1:
                ax.set_xlabel(_label(names[j], scales[j]), fontsize=6)
            else:
                ax.set_xticklabels([])
            if j == 0 and i > 0:
                ax.set_ylabel(_label(names[i], scales[i]), fontsize=6)
            elif i != j:
                ax.set_yticklabels([])
    return figure


@styled
def plot_coverage(residuals: Array) -> Figure:
    """Draw the normalised residuals of all measurements beside the standard normal distribution."""
    figure = new_figure(COLUMN, 2.0)
    ax = figure.add_subplot()
    fine = residuals[np.isfinite(residuals)]
    if not len(fine):
        return say_empty("No residual could be computed.")
    edges = np.linspace(-4.0, 4.0, 33)
    ax.hist(np.clip(fine, -4.0, 4.0), bins=edges.tolist(), density=True, color=SKY, lw=0)
    x = np.linspace(-4.0, 4.0, 161)
    ax.plot(x, stats.norm.pdf(x), color=BLACK, lw=1.0)
    ax.set_xlabel("(measured − expected) / noise; outer bars: 4 and beyond")
    ax.set_ylabel("density")
    return figure


def _label(name: str, scale: str) -> str:
    return _short(name, 20) + ("" if scale == "lin" else f"\n({scale})")


def _short(text: str, most: int) -> str:
    text = clean(text)
    return text if len(text) <= most else f"{text[: most - 9]}…{text[-8:]}"
