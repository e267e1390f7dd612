"""Numbers of the literature beside what was predicted of them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hepatica.report.data import ReportData, Table
from hepatica.report.style import BLACK, BLUE, GREY, LIGHT, PAGE, clean, log_ticks, new_figure, say_empty, styled
from hepatica.report.words import number

LOW, HIGH = 0.02, 50.0
"""Ends of the axis: predicted over measured."""


def elsewhere_rows(result: ReportData) -> Table:
    """Give for each measured number what it is, what was measured, and what was predicted before and after the data."""
    rows: Table = []
    for row in result.literature.to_dict("records"):
        sd = f" ± {number(row['sd'], 2)}" if np.isfinite(row["sd"]) else ""
        unit = "" if row["unit"] == "1" else f" {str(row['unit']).replace('uM', 'µM')}"
        rows.append(
            {
                "check": row["check"], "text": str(row["text"]).replace("uM", "µM"), "cell_line": row["cell_line"], "system": row["system"],
                "measured": f"{number(row['measured'], 2)}{sd}{unit}", "predicted": _band(row, ""), "within": _lies(row["within"]),
                "before": _band(row, "prior_"), "before_within": _lies(row.get("prior_within", "")), "left_out": row["left_out"],
            }
        )  # fmt: skip
    return rows


def elsewhere_words(result: ReportData) -> str:
    """Say how many of the measured numbers lie in their predicted intervals; empty where none were compared."""
    table = result.literature
    if table.empty:
        return ""
    held = table["within"].isin(["50 %", "90 %"])
    inner = int((table["within"] == "50 %").sum())
    said = (
        f"{int(held.sum())} of {len(table)} lie in the 90 % intervals predicted for them, {inner} in the 50 % intervals"
    )
    if "prior_within" in table:
        said += (
            f"; in the 90 % intervals from before the data {int(table['prior_within'].isin(['50 %', '90 %']).sum())}"
        )
    return said + "."


@styled
def plot_elsewhere(table: pd.DataFrame) -> Figure:
    """Draw what was predicted over what was measured, after the data and before.

    Parameters
    ----------
    table
        ``literature`` of a result.

    Returns
    -------
    matplotlib.figure.Figure
        One row for each number and cell line: medians, half and 90 % of draws; arrows where they leave the axis.
    """
    table = table[np.isfinite(table["median"].astype(float))]
    if table.empty:
        return say_empty("No number of the literature could be compared.")
    table = table.iloc[
        np.argsort([list(dict.fromkeys(table["cell_line"])).index(x) for x in table["cell_line"]], kind="stable")
    ]
    figure = new_figure(PAGE, 0.8 + 0.2 * len(table))
    ax = figure.subplots()
    ax.set_xlim(LOW, HIGH)
    log_ticks(ax)
    ax.axvline(1.0, color=BLACK, linewidth=0.8)
    labels = []
    for place, row in enumerate(table.to_dict("records")):
        value = float(row["measured"])
        if np.isfinite(row["sd"]):
            share = float(row["sd"]) / value
            ax.barh(place, 2 * np.sinh(share), left=np.exp(-share), height=0.9, color=LIGHT, linewidth=0, zorder=0)
        for head, colour, shift in (("prior_", GREY, 0.2), ("", BLUE, -0.12)):
            if f"{head}median" not in row:
                continue
            low, inner, middle, outer, high = (
                np.clip(float(row[head + q]) / value, LOW, HIGH) for q in ("q05", "q25", "median", "q75", "q95")
            )
            ax.plot([low, high], [place + shift] * 2, color=colour, linewidth=0.8)
            ax.plot(
                [inner, outer],
                [place + shift] * 2,
                color=colour,
                linewidth=2.6 if not head else 1.8,
                solid_capstyle="butt",
            )
            ax.plot(
                [middle],
                [place + shift],
                "o",
                color=colour,
                markersize=3.6,
                markerfacecolor="white" if head else colour,
            )
            for end, limit, mark in ((low, LOW, "<"), (high, HIGH, ">")):
                if end == limit:
                    ax.plot([limit], [place + shift], mark, color=colour, markersize=3.5, clip_on=False)
        system = str(row["system"]).split(",")[0]
        what = str(row["check"]).replace("uM", "µM")
        labels.append(clean(f"{row['cell_line']}: {what}" + ("" if system == row["cell_line"] else f" ({system})")))
    ax.set_yticks(range(len(table)), labels=labels)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(axis="y", color="#ececec", linewidth=0.6)
    ax.set_xlabel("predicted / measured (blue: after the data; grey, open: before)")
    return figure


def _band(row: dict[object, object], head: str) -> str:
    if f"{head}median" not in row:
        return ""
    low, middle, high = (number(float(str(row[f"{head}{q}"])), 2) for q in ("q05", "median", "q95"))
    return f"{middle} [{low}, {high}]"


def _lies(within: object) -> str:
    return (
        f"in the {within}"
        if str(within).endswith("%")
        else f"{within} the 90 %"
        if within in {"below", "above"}
        else str(within)
    )
