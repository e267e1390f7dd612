"""What decides the outcome: sensitivity of the IC50 shift, shares of the pathways, and the claims at a glance."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hepatica.claims import CONTRADICTED, SUPPORTED, Verdict
from hepatica.report.style import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PAGE,
    PURPLE,
    VERMILLION,
    clean,
    letter_panels,
    new_figure,
    say_empty,
    styled,
)

FALSE_DISCOVERY = 0.05
OUTCOMES = {"supported": (GREEN, "o", "✔"), "contradicted": (VERMILLION, "X", "✘"), "undecided": (GREY, "D", "?")}
"""Outcome -> colour, marker in figures, sign in tables."""


@styled
def plot_sensitivity(sensitivity: Mapping[str, pd.DataFrame], *, top: int = 15) -> Figure:
    """Draw the parameters whose rank correlates most with the IC50 shift, as bars; grey where chance would do the same.

    Parameters
    ----------
    sensitivity
        Cell line -> table with columns parameter, rho (Spearman), p, and q (false discovery rate) where known.
    top
        How many parameters.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each cell line.
    """
    tables = {line: _strongest(table, top) for line, table in sensitivity.items()}
    tables = {line: table for line, table in tables.items() if len(table)}
    if not tables:
        return say_empty("No parameter could be ranked.")
    longest = max(len(t) for t in tables.values())
    figure = new_figure(PAGE if len(tables) > 1 else COLUMN, 0.65 + 0.17 * longest)
    axes = figure.subplots(1, len(tables), squeeze=False)[0]
    reach = max(0.2, *(float(t["rho"].abs().max()) for t in tables.values())) * 1.12
    for ax, (line, table) in zip(axes, tables.items(), strict=True):
        rho = table["rho"].to_numpy(dtype=float)
        sure = table["q"].to_numpy(dtype=float) < FALSE_DISCOVERY if "q" in table else np.ones(len(rho), dtype=bool)
        colours = [(BLUE if r < 0 else ORANGE) if s else LIGHT for r, s in zip(rho, sure, strict=True)]
        bars = ax.barh(range(len(rho)), rho, height=0.72, color=colours, edgecolor="black", linewidth=0.4)
        for bar, r in zip(bars, rho, strict=True):
            bar.set_hatch("////" if r < 0 else "")
        ax.set_yticks(range(len(rho)), labels=[clean(p) for p in table["parameter"]])
        ax.set_ylim(longest - 0.4, -0.6)
        ax.set_xlim(-reach, reach)
        ax.axvline(0, color="black", linewidth=0.7)
        used = table.attrs.get("n")
        ax.set_title(clean(line) + (f" (n = {used})" if used is not None else ""), fontweight="bold")
        ax.set_xlabel("Spearman ρ with the log shift of the IC50")
    letter_panels(list(axes))
    return figure


def _strongest(table: pd.DataFrame, top: int) -> pd.DataFrame:
    known = table[np.isfinite(table["rho"].astype(float))]
    out = known.iloc[np.argsort(-known["rho"].abs().to_numpy(), kind="stable")[:top]]
    out.attrs = dict(table.attrs)
    return out


@styled
def plot_pathway_share(pathway: pd.DataFrame) -> Figure:
    """Draw which share of the IC50 shift is lost when a pathway is clamped: medians with 90 % intervals.

    Parameters
    ----------
    pathway
        Columns cell_line, pathway, share, q05, q95, n, unresolved.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each cell line.
    """
    lines = list(dict.fromkeys(pathway["cell_line"]))
    known = pathway[np.isfinite(pathway["share"].astype(float))]
    if not len(known):
        return say_empty("In no draw was the shift large enough to be divided between the pathways.")
    names = list(dict.fromkeys(pathway["pathway"]))
    figure = new_figure(PAGE if len(lines) > 1 else COLUMN, 0.85 + 0.3 * len(names))
    axes = figure.subplots(1, len(lines), sharey=True, sharex=True, squeeze=False)[0]
    colours = {"Akt": BLUE, "ERK": ORANGE, "both": PURPLE}
    low, high = -1.0, 2.0
    for ax, line in zip(axes, lines, strict=True):
        ax.axvline(0, color="black", linewidth=0.7)
        ax.axvline(1, color=GREY, linewidth=0.7, linestyle=":")
        for place, name in enumerate(names):
            for row in known[(known["cell_line"] == line) & (known["pathway"] == name)].itertuples():
                colour = colours.get(str(name), GREY)
                ends = np.clip([row.q05, row.q95], low, high)
                ax.plot(ends, [place, place], color=colour, linewidth=1.4)
                for end, limit, mark in ((row.q05, low, "<"), (row.q95, high, ">")):
                    if end < low or end > high:
                        ax.plot([limit], [place], mark, color=colour, markersize=4, clip_on=False)
                ax.plot([np.clip(row.share, low, high)], [place], "o", color=colour, markersize=5)
                text, at = f"{row.share:.2f}".replace("-", "−"), (np.clip(row.share, low, high), place)
                ax.annotate(text, at, xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7)
        ax.set_title(clean(line), fontweight="bold")
        ax.set_yticks(range(len(names)), labels=[f"clamp {clean(n)}" for n in names])
        ax.set_ylim(len(names) - 0.4, -0.7)
        ax.set_xlim(low, high)
        ax.set_xlabel("share of the sensitivity shift lost")
    letter_panels(list(axes))
    return figure


@styled
def plot_claims(verdicts: Sequence[Verdict], prior: Sequence[Verdict] = ()) -> Figure:
    """Draw the probability of every claim in every cell line, with the borders of the verdicts.

    Parameters
    ----------
    verdicts
        One for each claim and cell line.
    prior
        The same before the data: an open grey mark with a line to the verdict.

    Returns
    -------
    matplotlib.figure.Figure
        One row for each claim, one panel for each cell line.
    """
    lines = list(dict.fromkeys(v.cell_line for v in verdicts))
    claims = list(dict.fromkeys(v.claim for v in verdicts))
    figure = new_figure(PAGE if len(lines) > 1 else COLUMN, 0.75 + 0.2 * len(claims))
    axes = figure.subplots(1, max(len(lines), 1), sharey=True, squeeze=False)[0]
    for ax, line in zip(axes, lines, strict=False):
        ax.axvspan(SUPPORTED, 1.03, color=GREEN, alpha=0.10, linewidth=0)
        ax.axvspan(-0.03, CONTRADICTED, color=VERMILLION, alpha=0.10, linewidth=0)
        after = {v.claim: v.probability for v in verdicts if v.cell_line == line}
        for before in (v for v in prior if v.cell_line == line and np.isfinite(v.probability)):
            row = claims.index(before.claim)
            ax.plot([before.probability, after[before.claim]], [row, row], color="#9a9a9a", linewidth=0.8, zorder=1)
            ax.plot(
                [before.probability],
                [row],
                marker="o",
                color="#9a9a9a",
                markersize=4,
                markerfacecolor="white",
                zorder=2,
            )
        for verdict in (v for v in verdicts if v.cell_line == line and np.isfinite(v.probability)):
            colour, marker, _ = OUTCOMES.get(verdict.outcome, OUTCOMES["undecided"])
            ax.errorbar([verdict.probability], [claims.index(verdict.claim)], xerr=[verdict.error if np.isfinite(verdict.error) else 0.0],
                        fmt=marker, color=colour, markersize=4.5, elinewidth=1.0, markeredgecolor="black", markeredgewidth=0.4,
                        markerfacecolor="white" if verdict.kind == "input" else colour)  # fmt: skip
        ax.set_title(clean(line), fontweight="bold")
        ax.set_yticks(range(len(claims)), labels=[clean(c) for c in claims])
        ax.set_ylim(len(claims) - 0.4, -0.6)
        ax.set_xlim(-0.03, 1.03)
        ax.set_xticks([0, 0.1, 0.5, 0.9, 1], labels=["0", "0.1", "0.5", "0.9", "1"])
        ax.set_xlabel("probability that the stated sign holds")
        ax.grid(axis="y", color="#ececec", linewidth=0.6)
    letter_panels(list(axes))
    return figure
