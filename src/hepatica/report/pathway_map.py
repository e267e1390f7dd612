"""The pathway as a map, coloured by what a manipulation does to each node."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from hepatica.report.data import EnsembleData, at_hours, cell_lines_of, draws_of, quantiles, shift, weights_of
from hepatica.report.phenotypes import find_arm
from hepatica.report.style import GREY, PAGE, clean, letter_panels, new_figure, styled

NODES: dict[str, tuple[float, float]] = {
    "IGF-1R": (5.0, 9.5), "IRS": (2.4, 8.1), "PI3K": (2.4, 6.8), "Akt": (2.4, 5.5), "mTOR": (1.3, 4.2),
    "RAS": (7.3, 8.1), "RAF": (7.3, 6.8), "MEK": (7.3, 5.5), "ERK": (7.3, 4.2),
    "caspase-3": (4.85, 3.1), "PARP": (4.85, 1.8),
    "proliferation": (1.6, 0.5), "apoptosis": (4.85, 0.5), "migration": (8.1, 0.5),
}  # fmt: skip
"""Where each node stands, in tenths of the panel."""

READ_FROM: dict[str, tuple[tuple[str, str, str], ...]] = {
    "IGF-1R": (("dish", "western_blot", "pIGF1R"),),
    "IRS": (("dish", "pirs", ""),),
    "PI3K": (("dish", "pip3", ""),),
    "Akt": (("dish", "western_blot", "pAKT S473"),),
    "mTOR": (("dish", "western_blot", "p-mTOR S2481"),),
    "RAS": (("dish", "ras_gtp", ""),),
    "RAF": (("dish", "raf_activity", ""),),
    "MEK": (("dish", "western_blot", "pMEK"),),
    "ERK": (("dish", "western_blot", "pERK"),),
    "caspase-3": (("dish", "western_blot", "cleaved caspase-3"), ("dish", "cleaved_caspase", "")),
    "PARP": (("dish", "western_blot", "cleaved PARP"), ("dish", "cleaved_parp", "")),
    "proliferation": (("dish", "s_phase", ""),),
    "apoptosis": (("dish", "dead_fraction", ""),),
    "migration": (("wound", "wound_closure", ""),),
}
"""Node -> (experiment, readout, band) in order of preference."""

_EDGES = (
    ("IGF-1R", "IRS", "->"), ("IRS", "PI3K", "->"), ("PI3K", "Akt", "->"), ("Akt", "mTOR", "->"), ("IGF-1R", "RAS", "->"),
    ("RAS", "RAF", "->"), ("RAF", "MEK", "->"), ("MEK", "ERK", "->"), ("Akt", "caspase-3", "-|"), ("ERK", "caspase-3", "-|"),
    ("caspase-3", "PARP", "->"), ("PARP", "apoptosis", "->"), ("mTOR", "proliferation", "->"), ("ERK", "migration", "->"),
)  # fmt: skip
_FAR = (("ERK", "proliferation", 0.0, "->"), ("Akt", "migration", 0.0, "->"))
_LIMIT = 2.0
_HALF = {"proliferation": 1.35, "apoptosis": 1.35, "migration": 1.35, "caspase-3": 1.1}


def pathway_activity(
    readouts: Mapping[str, Mapping[str, xr.DataArray]],
    *,
    treated: str = "shIGF1R",
    reference: str = "shNT",
    dose: float = 5.0,
    hours: float = 24.0,
    ensemble: EnsembleData | None = None,
) -> pd.DataFrame:
    """Give what a manipulation does to each node of the map under sorafenib.

    Parameters
    ----------
    readouts
        ``readouts[experiment][readout]`` with dimensions cell_line, arm, draw[, time][, band].
    treated, reference
        Manipulations.
    dose
        Nominal sorafenib in both, uM.
    hours
        Reading time, h; the nearest one is taken.
    ensemble
        Weighs the draws; all count alike when not given.

    Returns
    -------
    pandas.DataFrame
        Columns cell_line, node, fold (median of log2(treated / reference)), low, high (5 % and 95 %), read_from, hours.
    """
    rows: list[dict[str, object]] = []
    lines = dict.fromkeys(
        line for name in ("western_blot", "s_phase") for line in _lines(readouts.get("dish", {}).get(name))
    )
    for line in lines:
        for node, places in READ_FROM.items():
            for experiment, name, band in places:
                readout = readouts.get(experiment, {}).get(name)
                if readout is None or (band and band not in readout["band"].values):
                    continue
                values, read = at_hours(readout.sel(band=band) if band else readout, hours)
                arms = [find_arm(values, m, dose) for m in (treated, reference)]
                moved = shift(*(draws_of(values, cell_line=line, arm=arm) for arm in arms))
                weights = None if ensemble is None else weights_of(ensemble, values)
                low, middle, high = quantiles(np.where(np.isfinite(moved), moved, np.nan), (0.05, 0.5, 0.95), weights)
                if np.isfinite(middle):
                    rows.append({"cell_line": line, "node": node, "fold": float(middle), "low": float(low), "high": float(high),
                                 "read_from": band or name, "hours": read})  # fmt: skip
                    break
    return pd.DataFrame(rows, columns=["cell_line", "node", "fold", "low", "high", "read_from", "hours"])


def _lines(readout: xr.DataArray | None) -> Sequence[str]:
    return [] if readout is None else cell_lines_of(readout)


@styled
def plot_pathway_map(activity: pd.DataFrame) -> Figure:
    """Draw the pathway, each node coloured and labelled by its median log2 fold; unread nodes are hatched.

    Parameters
    ----------
    activity
        From :func:`pathway_activity`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each cell line.
    """
    lines = list(dict.fromkeys(activity["cell_line"])) or [""]
    figure = new_figure(PAGE if len(lines) > 1 else PAGE / 2, 4.3)
    axes = figure.subplots(1, len(lines), squeeze=False)[0]
    scale = ScalarMappable(Normalize(-_LIMIT, _LIMIT), colormaps["RdBu_r"])
    for ax, line in zip(axes, lines, strict=True):
        found = activity[activity["cell_line"] == line].set_index("node")["fold"]
        _edges(ax)
        for node, (x, y) in NODES.items():
            _node(ax, node, x, y, float(found.get(node, np.nan)), scale)
        ax.annotate("sorafenib", (9.35, 7.55), ha="center", va="center", style="italic", annotation_clip=False)
        _arrow(ax, (9.3, 7.3), (8.42, 6.9), "-|", "black")
        ax.set_title(clean(line), fontweight="bold")
        ax.set_xlim(0, 10.3)
        ax.set_ylim(-0.1, 10.1)
        ax.set_axis_off()
    bar = figure.colorbar(
        scale, ax=list(axes), orientation="horizontal", shrink=0.45, aspect=32, pad=0.01, ticks=[-2, -1, 0, 1, 2]
    )
    bar.ax.set_xticklabels(["≤ −2", "−1", "0", "1", "≥ 2"])
    bar.set_label("median log2 fold of activity or output")
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")
    letter_panels(list(axes))
    return figure


def _edges(ax: Axes) -> None:
    for start, stop, head in _EDGES:
        _arrow(ax, *_ends(start, stop), head, GREY)
    _arrow(ax, (6.35, 3.85), (2.95, 0.95), "->", GREY)
    _arrow(ax, (3.25, 5.15), (6.95, 0.98), "->", GREY)


def _ends(start: str, stop: str) -> tuple[tuple[float, float], tuple[float, float]]:
    (x0, y0), (x1, y1) = NODES[start], NODES[stop]
    if start == "IGF-1R":
        return (x0 + (0.6 if x1 > x0 else -0.6), y0 - 0.42), (x1, y1 + 0.45)
    if stop == "caspase-3":
        side = 1.0 if x0 > x1 else -1.0
        return (x0 - side * 0.75, y0 - 0.42), (x1 + side * 0.75, y1 + 0.48)
    return (x0, y0 - 0.42), (x1, y1 + 0.45)


def _arrow(ax: Axes, start: tuple[float, float], stop: tuple[float, float], head: str, colour: str) -> None:
    style = "-|>,head_length=0.35,head_width=0.18" if head == "->" else "|-|,widthA=0,widthB=0.35"
    ax.add_patch(
        FancyArrowPatch(
            start,
            stop,
            arrowstyle=style,
            mutation_scale=10,
            color=colour,
            linewidth=0.8,
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )


def _node(ax: Axes, node: str, x: float, y: float, fold: float, scale: ScalarMappable) -> None:
    half = _HALF.get(node, 0.95)
    known = bool(np.isfinite(fold))
    face = tuple(scale.to_rgba(np.array([fold]))[0]) if known else "white"
    box = FancyBboxPatch((x - half, y - 0.4), 2 * half, 0.8, boxstyle="round,pad=0.02,rounding_size=0.18", facecolor=face,
                         edgecolor="black" if known else GREY, linewidth=0.7, hatch=None if known else "////", zorder=2)  # fmt: skip
    if not known:
        box.set_edgecolor("#c8c8c8")
    ax.add_patch(box)
    dark = known and float(np.dot(face[:3], (0.299, 0.587, 0.114))) < 0.5
    colour = "white" if dark else "black"
    value = f"{fold:+.2f}".replace("-", "−") if known else "not read"
    patch = {"facecolor": "white", "edgecolor": "none", "pad": 0.6} if not known else None
    ax.text(
        x, y + 0.16, node, ha="center", va="center", fontsize=7, fontweight="bold", color=colour, zorder=3, bbox=patch
    )
    ax.text(x, y - 0.19, value, ha="center", va="center", fontsize=7, color=colour, zorder=3, bbox=patch)
