"""The page of a calibration: how well it tells what was fitted and what was held out, wirings, parameters, chains."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from hepatica.calibration.compare import describe_disagreements, disagreements, summarise
from hepatica.calibration.underway import is_underway
from hepatica.errors import NotFoundError
from hepatica.inference.diagnose import check_samples, choice_probabilities, describe_samples, shortened
from hepatica.report.page import wide
from hepatica.report.style import BLUE, GREY, LIGHT, PAGE, VERMILLION, clean, new_figure, styled, to_svg
from hepatica.report.template import fill, save_page
from hepatica.report.underway import write_underway_report
from hepatica.report.words import number, percent

ACROSS = 4
TABLES = ("fits", "fitted", "held_out", "determined", "expected")
WIDE = 20.0
"""Measurements that span more than this factor are drawn on logarithmic axes."""


def is_calibration(folder: str | Path) -> bool:
    """Whether a folder is that of a calibration, finished or not."""
    return is_underway(folder) or not _missing(Path(folder))


def _missing(folder: Path) -> list[str]:
    return [n for n in (*(f"{t}.tsv" for t in TABLES), "posterior.nc") if not (folder / n).is_file()]


def write_calibration_report(folder: str | Path) -> Path:
    """Write ``calibration.html`` into the folder of a calibration; of one that is running, what it has found so far.

    Parameters
    ----------
    folder
        As :func:`~hepatica.calibration.run.calibrate` wrote it.

    Returns
    -------
    pathlib.Path
        The page: one file, no network.

    Raises
    ------
    NotFoundError
        When the folder holds no calibration.
    StorageError
        When the page cannot be written.
    """
    folder = Path(folder)
    if missing := _missing(folder):
        if is_underway(folder):
            return write_underway_report(folder)
        raise NotFoundError(
            f"'{folder}' holds no calibration ({', '.join(missing)} is missing); give the folder that 'hepatica fit' wrote."
        )
    tables = {name: pd.read_csv(folder / f"{name}.tsv", sep="\t") for name in TABLES}
    with xr.open_datatree(folder / "posterior.nc", engine="h5netcdf") as tree:
        page = _render(tables, tree.load())
    return save_page(folder / "calibration.html", page)


def _render(tables: dict[str, pd.DataFrame], tree: xr.DataTree) -> str:
    roles = {"fitted": tables["fitted"], "held out": tables["held_out"]}
    determined = _filled(tables["determined"])
    counts = determined["kind"].value_counts()
    lines = [line for line in describe_samples(tree) if not line.startswith(("BLOCKED", "error", "warning", "and "))]
    return fill(
        "calibration.html",
        name=tree.attrs["problem"], blocked=shortened(check_samples(tree)), sampled=lines,
        told={role: summarise(table).to_dict("records") for role, table in roles.items()},
        groups=[(g, _picture(g, roles)) for g in _groups(roles)],
        disagreements={role: describe_disagreements(disagreements(table)) for role, table in roles.items()},
        wirings=[(n, v.get(1.0, 0.0)) for n, v in choice_probabilities(tree).items()],
        trace=_svg("trace", plot_trace(tree)),
        kinds=list(zip(counts.index, counts.tolist(), strict=True)), determined=determined.to_dict("records"),
        expected=_filled(tables["expected"]).to_dict("records"),
        provenance={k: v if isinstance(v, str | int | float) else json.dumps(np.asarray(v).tolist()) for k, v in tree.attrs.items()},
        number=number, percent=percent,
    )  # fmt: skip


def _filled(table: pd.DataFrame) -> pd.DataFrame:
    """Give the table with empty text for what is missing."""
    return table.astype(object).where(table.notna(), "")


def _groups(roles: dict[str, pd.DataFrame]) -> list[str]:
    return list(dict.fromkeys(g for table in roles.values() for g in table["data_set"]))


def _picture(group: str, roles: dict[str, pd.DataFrame]) -> Markup:
    parts = {role: table[table["data_set"] == group] for role, table in roles.items()}
    return _svg(f"data-{group}", plot_told(parts))


def _svg(name: str, figure: Figure) -> Markup:
    described = "Measurements against predictions" if name.startswith("data-") else "Log-posterior of the chains"
    return Markup(wide(to_svg(figure, re.sub(r"[^A-Za-z0-9-]", "-", name), described)))  # noqa: S704


@styled
def plot_told(parts: dict[str, pd.DataFrame]) -> Figure:
    """Draw measurements against their predictions with 90 % intervals, one panel for each observable.

    Parameters
    ----------
    parts
        For each role (``fitted``, ``held out``) rows as :func:`~hepatica.calibration.compare.compare` gives them.
    """
    panels = _panels(parts)
    across, down = min(ACROSS, len(panels)), -(-len(panels) // ACROSS)
    figure = new_figure(PAGE * (0.3 + 0.7 * across / ACROSS), 0.3 + 1.75 * down)
    axes = np.atleast_1d(figure.subplots(down, across, squeeze=False)).ravel()
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax, (title, table) in zip(axes, panels, strict=False):
        span = table[["measured", "q05", "q95"]].to_numpy(float)
        positive = span > 0.0
        log = bool(positive.all() and span.max() > WIDE * span.min())
        for role, colour, marker in (("fitted", BLUE, "o"), ("held out", VERMILLION, "D")):
            rows = table[table["role"] == role]
            if rows.empty:
                continue
            middle = rows["q50"].to_numpy()
            bars = np.abs(rows[["q05", "q95"]].to_numpy().T - middle)
            ax.errorbar(rows["measured"], middle, yerr=bars, fmt="none", ecolor=colour, elinewidth=0.6, alpha=0.45)
            ax.plot(rows["measured"], middle, marker, color=colour, ms=2.6, mew=0, label=role)
        ends = [np.nanmin(span), np.nanmax(span)]
        ax.plot(ends, ends, color=GREY, lw=0.7, zorder=0)
        if log:
            ax.set_xscale("log")
            ax.set_yscale("log")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(LogLocator(subs=_ticks(ends), numticks=6))
                axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
                axis.set_minor_locator(NullLocator())
        else:
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(MaxNLocator(3))
        ax.set_title(clean(title))
        ax.grid(color=LIGHT, lw=0.4)
    roles = [role for role, part in parts.items() if len(part)]
    if len(roles) > 1:
        axes[0].legend(loc="upper left", handletextpad=0.2)
    figure.supxlabel("measured", fontsize=7.5)
    figure.supylabel("predicted: median, 90 % interval", fontsize=7.5)
    return figure


def _ticks(ends: list[float]) -> tuple[float, ...]:
    """Give the multiples of powers of ten that are marked: two where few powers are."""
    return (1.0, 3.0) if ends[1] < 100.0 * ends[0] else (1.0,)


def _panels(parts: dict[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    """Give a table for each observable, or for each line where a data set has one observable in many lines; bounds are left out."""
    table = pd.concat([part.assign(role=role) for role, part in parts.items()])
    table = table[table["rank"].notna() & table["q50"].notna()]
    table = table.assign(line=table["trial"].str.split("|").str[0])
    by = "line" if table["observable"].nunique() == 1 and table["line"].nunique() <= 2 * ACROSS else "observable"
    panels = []
    for name, rows in table.groupby(by, sort=False):
        group = str(rows["data_set"].iloc[0])
        panels.append((str(name).removesuffix(f"_{group.removeprefix('phospho_')}").replace("_", " "), rows))
    return panels


@styled
def plot_trace(tree: xr.DataTree) -> Figure:
    """Draw the log-posterior of every chain over its draws."""
    lp = tree["sample_stats"]["lp"].transpose("chain", "draw").values
    figure = new_figure(PAGE, 1.9)
    ax = figure.add_subplot()
    ax.plot(lp.T, lw=0.5, alpha=0.8)
    ax.set_xlabel("draw of a chain")
    ax.set_ylabel("log-posterior")
    ax.grid(color=LIGHT, lw=0.4)
    return figure
