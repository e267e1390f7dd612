"""What the cells do: apoptosis, S phase, receptor level, wound closure and tumour volume, as points and curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from hepatica.report.data import Floats, arm_table, at_hours, cell_lines_of, draws_of, quantiles
from hepatica.report.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREY,
    ORANGE,
    PAGE,
    VERMILLION,
    clean,
    colour_of,
    display_name,
    letter_panels,
    log_ticks,
    marker_of,
    new_figure,
    styled,
)

HOURS_PER_DAY = 24.0
_DOSE_STYLES = ("-", "--", ":", "-.")


def find_arm(readout: xr.DataArray, manipulation: str, dose: float) -> str | None:
    """Give the arm with a manipulation and a nominal sorafenib dose (uM), or nothing."""
    table = arm_table(readout)
    found = table[(table["manipulation"] == manipulation) & np.isclose(table["dose"], dose) & (table["clamp"] == "")]
    return str(found["arm"].iloc[0]) if len(found) else None


def manipulations_of(readout: xr.DataArray) -> list[str]:
    """Give the manipulations of a readout, in its order."""
    return list(dict.fromkeys(arm_table(readout)["manipulation"]))


@styled
def plot_intervals(
    readouts: Mapping[str, tuple[xr.DataArray, float]], *, dose: float = 5.0, weights: Floats | None = None
) -> Figure:
    """Draw readouts at one time as points with 50 % and 90 % intervals, without and with sorafenib.

    Parameters
    ----------
    readouts
        Axis label -> (readout with dimensions cell_line, arm, draw[, time], reading time in h).
    dose
        Nominal sorafenib of the filled points, uM.
    weights
        Of the draws, shape (draw,).

    Returns
    -------
    matplotlib.figure.Figure
        One row for each cell line, one column for each readout; one line for each manipulation.
    """
    first = next(iter(readouts.values()))[0]
    lines, names = cell_lines_of(first), manipulations_of(first)
    figure = new_figure(PAGE, 0.5 + (0.4 + 0.26 * len(names)) * len(lines))
    grid = figure.subplots(len(lines), len(readouts), sharey=True, sharex="col", squeeze=False)
    for column, (label, (readout, hours)) in enumerate(readouts.items()):
        values, _ = at_hours(readout, hours)
        for row, line in enumerate(lines):
            ax = grid[row, column]
            for place, name in enumerate(names):
                for treated, offset in ((0.0, -0.17), (dose, 0.17)):
                    arm = find_arm(values, name, treated)
                    if arm is not None:
                        draws = draws_of(values, cell_line=line, arm=arm)
                        interval(
                            ax,
                            draws,
                            place + offset,
                            colour_of(name, place),
                            marker_of(name),
                            filled=treated > 0,
                            weights=weights,
                        )
            ax.set_yticks(range(len(names)), labels=[display_name(n) for n in names])
            ax.set_ylim(len(names) - 0.4, -0.6)
            ax.grid(axis="x", color="#ececec", linewidth=0.6)
            if column == 0:
                ax.set_title(clean(line), fontweight="bold")
        grid[-1, column].set_xlabel(label)
    marks = [grid[0, 0].plot([], [], "o", color=BLACK, markerfacecolor=face, label=text)[0]
             for face, text in (("white", "no sorafenib"), (BLACK, f"sorafenib {dose:g} µM"))]  # fmt: skip
    figure.legend(handles=marks, loc="outside upper right", ncols=2)
    letter_panels(list(grid.flat))
    return figure


def interval(
    ax: Axes, draws: Floats, place: float, colour: str, marker: str, *, filled: bool, weights: Floats | None
) -> None:
    """Draw one horizontal interval: thin 90 %, thick 50 %, a mark at the median; nothing when no draw is left."""
    low, quarter, middle, three, high = quantiles(draws, weights=weights)
    if not np.isfinite(middle):
        return
    ax.plot([low, high], [place, place], color=colour, linewidth=0.9)
    ax.plot([quarter, three], [place, place], color=colour, linewidth=2.6, solid_capstyle="butt")
    ax.plot(
        [middle],
        [place],
        marker=marker,
        color=colour if filled else "white",
        markeredgecolor=colour,
        markersize=4,
        linestyle="none",
    )


@styled
def plot_courses(
    readout: xr.DataArray,
    *,
    label: str,
    arms: Sequence[str] = (),
    unit: str = "h",
    weights: Floats | None = None,
    log: bool = False,
) -> Figure:
    """Draw a readout against time for some arms: medians with 50 % and 90 % bands, one panel for each cell line.

    Parameters
    ----------
    readout
        Dimensions cell_line, arm, draw, time (min).
    label
        Of the vertical axis, with its unit.
    arms
        Which arms, all when empty.
    unit
        ``h`` or ``d`` for the time axis.
    weights
        Of the draws, shape (draw,).
    log
        Whether the vertical axis is logarithmic.

    Returns
    -------
    matplotlib.figure.Figure
        Panels side by side, with one legend.
    """
    lines = cell_lines_of(readout)
    shown = [a for a in (arms or [str(a) for a in readout["arm"].values]) if a in readout["arm"].values]
    time = np.asarray(readout["time"].values, dtype=float) / 60.0 / (HOURS_PER_DAY if unit == "d" else 1.0)
    figure = new_figure(PAGE if len(lines) > 1 else COLUMN, 2.9)
    axes = figure.subplots(1, len(lines), sharey=True, squeeze=False)[0]
    table = arm_table(readout).set_index("arm")
    for ax, line in zip(axes, lines, strict=True):
        for index, arm in enumerate(shown):
            draws = np.asarray(readout.sel(cell_line=line, arm=arm).transpose("time", "draw"), dtype=float)
            low, quarter, middle, three, high = quantiles(draws, weights=weights)
            drug = "sorafenib" in arm
            colour = course_colour(str(table.loc[arm, "manipulation"]), drug=drug, index=index)
            ax.fill_between(time, low, high, color=colour, alpha=0.10, linewidth=0)
            ax.fill_between(time, quarter, three, color=colour, alpha=0.20, linewidth=0)
            ax.plot(
                time,
                middle,
                color=colour,
                linestyle="--" if drug else "-",
                marker="osv^DPX"[index % 7],
                markersize=3,
                label=arm_label(arm),
            )
        ax.set_title(clean(line), fontweight="bold")
        ax.set_xlabel(f"time ({'days' if unit == 'd' else unit})")
        ax.set_xticks(time[:: max(1, time.size // 8)])
    if log:
        log_ticks(axes[0], vertical=True)
    axes[0].set_ylabel(label)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=2 if len(lines) > 1 else 1)
    letter_panels(list(axes))
    return figure


def course_colour(manipulation: str, *, drug: bool, index: int) -> str:
    """Give the colour of an arm in a time course: that of its manipulation, lighter kin with the drug."""
    if manipulation.startswith("sorafenib"):
        return BLUE
    base = colour_of(manipulation, index)
    return {BLACK: BLUE, GREY: BLUE, VERMILLION: ORANGE}.get(base, base) if drug else base


def arm_label(arm: str) -> str:
    """Give the readable name of an arm, part by part."""
    return " + ".join(display_name(part) for part in arm.split(" + ")).replace(" uM", " µM")


@styled
def plot_wounds(
    readout: xr.DataArray, *, hours: Sequence[float] = (24.0, 48.0), weights: Floats | None = None
) -> Figure:
    """Draw the scratch as the microscope would show it: two sheets of cells and what is left open between them.

    Parameters
    ----------
    readout
        Closed fraction of the wound (0..1), dimensions cell_line, arm, draw, time.
    hours
        Reading times, h.
    weights
        Of the draws, shape (draw,).

    Returns
    -------
    matplotlib.figure.Figure
        One row for each cell line and time, one picture for each arm, with the median closure in percent.
    """
    lines, arms = cell_lines_of(readout), [str(a) for a in readout["arm"].values]
    rows = [(line, hour) for line in lines for hour in hours]
    height = 0.5 + 0.55 * len(rows)
    figure = Figure(figsize=(PAGE, height))
    ax = figure.add_axes((0.13, 0.01, 0.86, 1 - 0.5 / height))
    for row, (line, hour) in enumerate(rows):
        values, read = at_hours(readout, hour)
        for column, arm in enumerate(arms):
            closed = float(quantiles(draws_of(values, cell_line=line, arm=arm), [0.5], weights)[0])
            _wound(ax, column, row, closed)
        text = f"{clean(line)}, {hour if read is None else read:g} h"
        ax.annotate(text, (-0.1, row + 0.3), ha="right", va="center", fontsize=7, annotation_clip=False)
    table = arm_table(readout)
    for name, group in table.groupby("manipulation", sort=False):
        places = group.index.to_numpy(dtype=float)
        ax.annotate(
            display_name(str(name)), (places.mean() + 0.45, -0.36), ha="center", va="bottom", annotation_clip=False
        )
        for place, dose in zip(places, group["dose"], strict=True):
            text = f"{dose:g} µM" if dose > 0 else "no drug"
            ax.annotate(
                text, (place + 0.45, -0.08), ha="center", va="bottom", fontsize=7, color=GREY, annotation_clip=False
            )
    ax.set_xlim(0, len(arms))
    ax.set_ylim(len(rows), 0)
    ax.set_axis_off()
    return figure


def _wound(ax: Axes, column: int, row: int, closed: float) -> None:
    width, height = 0.9, 0.62
    ax.add_patch(Rectangle((column, row), width, height, facecolor="#f4f1ea", edgecolor=GREY, linewidth=0.5))
    text = "no value"
    if np.isfinite(closed):
        text = f"{closed:.0%}"
        edge = (width * 0.5) - 0.27 * (1.0 - min(max(closed, 0.0), 1.0))
        y = np.linspace(0, height, 9)
        jag = 0.018 * np.sin(np.arange(9) * 2.4 + column) * (closed < 0.995)
        for sign, start in ((1, 0.0), (-1, width)):
            x = start + sign * (edge + jag * sign)
            points = [(column + start, row), *zip(column + x, row + y, strict=True), (column + start, row + height)]
            ax.add_patch(Polygon(points, facecolor="#8a9a8c", edgecolor="#56655a", linewidth=0.5))
    ax.annotate(
        text, (column + width / 2, row + height + 0.06), ha="center", va="top", fontsize=7, annotation_clip=False
    )


@styled
def plot_receptor(readout: xr.DataArray, *, weights: Floats | None = None) -> Figure:
    """Draw the receptor level of each cell line on a logarithmic axis, as points with 50 % and 90 % intervals.

    Parameters
    ----------
    readout
        Concentration in nM, dimensions cell_line, arm, draw[, time]; the first arm is drawn.
    weights
        Of the draws, shape (draw,).

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    values, _ = at_hours(readout, 0.0)
    lines, arm = cell_lines_of(values), str(values["arm"].values[0])
    figure = new_figure(COLUMN, 0.6 + 0.28 * len(lines))
    ax = figure.subplots()
    for place, line in enumerate(lines):
        draws = draws_of(values, cell_line=line, arm=arm)
        interval(ax, draws, place, colour_of(line, place), "o", filled=True, weights=weights)
    ax.set_yticks(range(len(lines)), labels=[display_name(n) for n in lines])
    ax.set_ylim(len(lines) - 0.4, -0.6)
    log_ticks(ax)
    ax.set_xlabel(f"total IGF-1R ({clean(readout.attrs.get('units', 'nM'))})")
    return figure
