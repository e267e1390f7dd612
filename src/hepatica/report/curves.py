"""Dose-response curves with bands, and how far each manipulation shifts the IC50."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hepatica.report.data import (
    Floats,
    arm_table,
    at_hours,
    cell_lines_of,
    draws_of,
    knockdown_reference,
    quantiles,
    shift,
)
from hepatica.report.style import (
    GREY,
    LIGHT,
    PAGE,
    clean,
    colour_of,
    display_name,
    letter_panels,
    log_ticks,
    marker_of,
    new_figure,
    say_empty,
    styled,
)

BASELINES = ("control", "shNT")
SHIFT_EDGES = (0.5, 1.0, 2.0, 3.0)
"""log2; where the axis of the IC50 shift may end."""


def compared(manipulations: list[str]) -> list[str]:
    """Give the manipulations that are compared with a control, without the controls themselves."""
    return [m for m in dict.fromkeys(manipulations) if m not in BASELINES]


def reference_of(manipulation: str, known: list[str]) -> str:
    """Give the control of a manipulation: the non-targeting shRNA for the knock-down, the untreated cells else."""
    return knockdown_reference(known) if manipulation.startswith("sh") else "control"


@styled
def plot_dose_response(
    readout: xr.DataArray,
    *,
    hours: float = 72.0,
    weights: Floats | None = None,
    label: str = "viability (fraction of untreated)",
) -> Figure:
    """Draw dose-response curves of each manipulation against its control: medians with 50 % and 90 % bands.

    Parameters
    ----------
    readout
        Dimensions cell_line, arm, draw[, time]; arms labelled by manipulation and sorafenib_uM.
    hours
        Reading time, h; the nearest one is taken.
    weights
        Of the draws, shape (draw,).
    label
        Of the vertical axis, with its unit.

    Returns
    -------
    matplotlib.figure.Figure
        One row of panels for each cell line, one column for each manipulation.
    """
    values, _ = at_hours(readout, hours)
    table = arm_table(values)
    table = table[table["clamp"] == ""]
    known = list(dict.fromkeys(table["manipulation"]))
    columns = compared(known) or known[:1]
    lines = cell_lines_of(values)
    figure = new_figure(PAGE, 0.45 + 1.75 * len(lines))
    grid = figure.subplots(len(lines), len(columns), sharex=True, sharey=True, squeeze=False)
    for row, line in enumerate(lines):
        for column, manipulation in enumerate(columns):
            ax = grid[row, column]
            for name in dict.fromkeys((reference_of(manipulation, known), manipulation)):
                arms = table[table["manipulation"] == name].sort_values("dose")
                if len(arms):
                    doses = arms["dose"].to_numpy(dtype=float)
                    draws = np.stack([draws_of(values, cell_line=line, arm=a) for a in arms["arm"]])
                    _curve(ax, doses, draws, name, weights)
            if row == 0:
                ax.set_title(display_name(manipulation), color=colour_of(manipulation, column))
                ax.legend(loc="lower left", borderaxespad=0.1, handlelength=1.2)
            if column == 0:
                ax.set_ylabel(clean(line), fontweight="bold")
    positive = np.unique(table["dose"][table["dose"] > 0])
    if positive.size:
        for ax in grid.flat:
            dose_axis(ax, positive)
    grid[0, 0].set_ylim(bottom=min(0.0, float(grid[0, 0].get_ylim()[0])))
    figure.supylabel(label, fontsize=7.5)
    figure.supxlabel("sorafenib, nominal concentration in the medium (µM)", fontsize=7.5)
    letter_panels([grid[row, 0] for row in range(len(lines))])
    return figure


@styled
def plot_paired(
    readout: xr.DataArray, *, hours: float = 72.0, weights: Floats | None = None, label: str = "viability"
) -> Figure:
    """Draw what each manipulation changes at each dose, draw by draw: medians with 50 % and 90 % bands.

    Parameters
    ----------
    readout
        Dimensions cell_line, arm, draw[, time]; arms labelled by manipulation and sorafenib_uM.
    hours
        Reading time, h; the nearest one is taken.
    weights
        Of the draws, shape (draw,).
    label
        What the readout is called.

    Returns
    -------
    matplotlib.figure.Figure
        One row of panels for each cell line, one column for each manipulation; zero is no change.
    """
    values, _ = at_hours(readout, hours)
    table = arm_table(values)
    table = table[table["clamp"] == ""]
    known = list(dict.fromkeys(table["manipulation"]))
    columns, lines = compared(known), cell_lines_of(values)
    positive = np.unique(table["dose"][table["dose"] > 0])
    if not columns or not positive.size:
        return say_empty("Nothing is compared with a control over a dose series.")
    figure = new_figure(PAGE, 0.45 + 1.6 * len(lines))
    grid = figure.subplots(len(lines), len(columns), sharex=True, sharey="row", squeeze=False)
    arms = {
        (str(m), float(d)): str(a) for a, m, d in zip(table["arm"], table["manipulation"], table["dose"], strict=True)
    }
    for row, line in enumerate(lines):
        for column, name in enumerate(columns):
            ax, control = grid[row, column], reference_of(name, known)
            doses = [float(d) for d in positive if (name, d) in arms and (control, d) in arms]
            pairs = [[draws_of(values, cell_line=line, arm=arms[m, d]) for m in (name, control)] for d in doses]
            if pairs:
                _curve(
                    ax, np.array(doses), np.stack([treated - untreated for treated, untreated in pairs]), name, weights
                )
            ax.axhline(0, color="black", linewidth=0.7)
            dose_axis(ax, positive)
            if row == 0:
                ax.set_title(display_name(name), color=colour_of(name, column))
        grid[row, 0].set_ylabel(clean(line), fontweight="bold")
    figure.supylabel(f"change of {label} against the control, same draw", fontsize=7.5)
    figure.supxlabel("sorafenib, nominal concentration in the medium (µM)", fontsize=7.5)
    letter_panels([grid[row, 0] for row in range(len(lines))])
    return figure


def _curve(ax: Axes, doses: Floats, draws: Floats, name: str, weights: Floats | None) -> None:
    low, quarter, middle, three, high = quantiles(draws, weights=weights)
    colour = colour_of(name)
    drug = doses > 0
    x = np.where(drug, doses, zero_place(doses[drug])) if drug.any() else doses + 1.0
    ax.fill_between(x[drug], low[drug], high[drug], color=colour, alpha=0.13, linewidth=0)
    ax.fill_between(x[drug], quarter[drug], three[drug], color=colour, alpha=0.25, linewidth=0)
    ax.plot(x[drug], middle[drug], color=colour, marker=marker_of(name), markersize=2.6, label=display_name(name))
    ax.plot(x[~drug], middle[~drug], color=colour, marker=marker_of(name), markersize=2.6, linestyle="none")
    ax.vlines(x[~drug], low[~drug], high[~drug], color=colour, linewidth=0.8)


def zero_place(doses: Floats) -> float:
    """Give where the zero dose stands on a logarithmic axis: left of the smallest dose."""
    return float(np.min(doses)) / 2.5


def dose_axis(ax: Axes, doses: Floats) -> None:
    """Make the horizontal axis logarithmic in dose (uM), with the zero dose marked off by a break."""
    place = zero_place(doses)
    ax.set_xscale("log")
    ax.set_xlim(place / 1.35, float(np.max(doses)) * 1.25)
    shown = doses[::2] if doses.size > 5 else doses
    ax.set_xticks([place, *shown], labels=["0", *(f"{d:g}" for d in shown)])
    ax.minorticks_off()
    middle = float(np.sqrt(place * np.min(doses)))
    for factor in (0.93, 1.07):
        ax.plot([middle * factor * 0.95, middle * factor * 1.05], [-0.03, 0.03], transform=ax.get_xaxis_transform(),
                color="black", linewidth=0.7, clip_on=False)  # fmt: skip


@styled
def plot_ic50(
    readout: xr.DataArray, *, top: float | None = None, weights: Floats | None = None, label: str = "IC50"
) -> Figure:
    """Draw the IC50 of each manipulation, and its shift against the control, with the censored share in words.

    Parameters
    ----------
    readout
        IC50 in uM, dimensions cell_line, arm, draw; infinite where the curve does not cross 50 % up to the top dose.
    top
        Highest dose, uM, where the axis ends; the largest finite value when not given.
    weights
        Of the draws, shape (draw,).
    label
        Name of the quantity on the axes.

    Returns
    -------
    matplotlib.figure.Figure
        For each cell line the values (left) and the distribution of log2 shifts (right).
    """
    arms = [a for a in map(str, readout["arm"].values) if (arm_table(readout.sel(arm=[a]))["clamp"] == "").all()]
    finite = readout.values[np.isfinite(readout.values)]
    if not finite.size:
        return say_empty(f"No draw has an {label} below the top dose.")
    edge = float(finite.max()) if top is None else top
    lines = cell_lines_of(readout)
    rows = compared(arms)
    figure = new_figure(PAGE, 0.45 + (0.55 + 0.27 * len(arms)) * len(lines))
    grid = figure.subplots(len(lines), 2, squeeze=False, sharex="col")
    moved = [_moved(readout, line, arm, arms) for line in lines for arm in rows]
    reach = max((shift_edge(m, weights) for m in moved), default=SHIFT_EDGES[0])
    for row, line in enumerate(lines):
        _values(grid[row, 0], readout, line, arms, edge, weights)
        _shifts(grid[row, 1], readout, line, rows, arms, reach, weights)
        grid[row, 0].set_title(clean(line))
        grid[row, 1].set_title(clean(line))
    grid[-1, 0].set_xlabel(f"{label} of sorafenib, nominal (µM)")
    grid[-1, 1].set_xlabel(f"shift: log2({label} manipulated / {label} control)")
    letter_panels(list(grid.flat))
    return figure


def _values(ax: Axes, readout: xr.DataArray, line: str, arms: list[str], edge: float, weights: Floats | None) -> None:
    for place, arm in enumerate(arms):
        draws = draws_of(readout, cell_line=line, arm=arm)
        low, quarter, middle, three, high = np.minimum(quantiles(draws, weights=weights), edge)
        colour = colour_of(arm, place)
        ax.plot([low, high], [place, place], color=colour, linewidth=1.0)
        ax.plot([quarter, three], [place, place], color=colour, linewidth=3.2, solid_capstyle="butt")
        ax.plot(
            [middle],
            [place],
            marker=marker_of(arm),
            color="white",
            markeredgecolor=colour,
            markersize=4.5,
            linestyle="none",
        )
        known = share(~np.isnan(draws), np.ones(draws.shape, dtype=bool), weights)
        censored = share(np.isinf(draws), ~np.isnan(draws), weights)
        text = f"> {edge:.3g} in {censored:.0%}" if known > 0 else "no fit"
        ax.annotate(text, (1, place), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                    va="center", fontsize=7, color=GREY, annotation_clip=False)  # fmt: skip
    ax.axvline(edge, color=GREY, linewidth=0.7, linestyle=":")
    ax.set_yticks(range(len(arms)), labels=[display_name(a) for a in arms])
    ax.set_ylim(len(arms) - 0.4, -0.6)
    log_ticks(ax)


def share(chosen: NDArray[np.bool_], among: NDArray[np.bool_], weights: Floats | None) -> float:
    """Give the weighted share of ``chosen`` draws among others, both boolean of shape (draw,); 0 when there is none."""
    weight = np.ones(np.shape(chosen)) if weights is None else weights
    total = float(np.sum(weight * among))
    return float(np.sum(weight * chosen)) / total if total > 0 else 0.0


def shift_edge(moved: Floats, weights: Floats | None) -> float:
    """Give where an axis of log2 shifts ends: the smallest edge beyond 90 % of the draws."""
    reach = np.abs(quantiles(moved, (0.05, 0.95), weights))
    wide = float(np.max(reach[np.isfinite(reach)], initial=0.0))
    return next((e for e in SHIFT_EDGES if wide <= 0.9 * e), SHIFT_EDGES[-1])


def _shifts(
    ax: Axes, readout: xr.DataArray, line: str, rows: list[str], arms: list[str], edge: float, weights: Floats | None
) -> None:
    bins = np.linspace(-edge, edge, 41)
    for place, arm in enumerate(rows):
        moved = _moved(readout, line, arm, arms)
        counted = ~np.isnan(moved)
        weight = np.ones(moved.shape) if weights is None else weights
        height, _ = np.histogram(np.clip(moved[counted], -edge, edge), bins=bins, weights=weight[counted])
        if height.max() > 0:
            height = height / height.max() * 0.8
        colour = colour_of(arm, place)
        ax.stairs(place - height, bins, baseline=place, fill=True, color=colour, alpha=0.35)
        ax.axhline(place, color=LIGHT, linewidth=0.6, zorder=0)
        middle = float(quantiles(moved, [0.5], weights)[0])
        if np.isfinite(middle):
            ax.plot([middle] * 2, [place, place - 0.8], color=colour, linewidth=1.4)
        lower = share(moved < 0, counted, weights)
        text = (
            f"lower in {lower:.0%}\nunknown {share(~counted, np.ones_like(counted), weights):.0%}"
            if counted.any()
            else "not known"
        )
        ax.annotate(text, (1, place - 0.05), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                    va="bottom", fontsize=7, color=GREY, annotation_clip=False, linespacing=1.0)  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.7)
    ax.set_yticks(range(len(rows)), labels=[display_name(a) for a in rows])
    ax.set_ylim(max(len(rows), 1) - 0.8, -0.95)
    ax.set_xlim(-edge * 1.04, edge * 1.04)
    middle_ticks = [-edge / 2, 0.0, edge / 2]
    names = [f"≤ −{edge:g}", *(f"{t:g}".replace("-", "−") for t in middle_ticks), f"≥ {edge:g}"]
    ax.set_xticks([-edge, *middle_ticks, edge], labels=names)


def _moved(readout: xr.DataArray, line: str, arm: str, arms: list[str]) -> Floats:
    return shift(
        draws_of(readout, cell_line=line, arm=arm), draws_of(readout, cell_line=line, arm=reference_of(arm, arms))
    )
