"""Western blots drawn as strips, with the densitometry under each band."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hepatica.assays.western_blot import strip
from hepatica.report.data import Floats, Table, arm_table, cell_lines_of, draws_of, quantiles
from hepatica.report.style import GREY, PAGE, clean, display_name, styled

_WIDE, _HIGH = 22, 13
"""Pixels of one lane; the strips are small images, enlarged smoothly by the reader's browser."""
_ROW, _TOP = 0.34, 0.62


def blot_lanes(readout: xr.DataArray, dose: float = 5.0) -> list[str]:
    """Give the arms that make up a blot: each manipulation without, then with sorafenib at ``dose`` (uM)."""
    table = arm_table(readout)
    chosen = table[(table["clamp"] == "") & (np.isclose(table["dose"], dose) | (table["dose"] == 0))]
    order = {m: i for i, m in enumerate(dict.fromkeys(chosen["manipulation"]))}
    ranked = chosen.assign(rank=chosen["manipulation"].map(order)).sort_values(["rank", "dose"], kind="stable")
    return [str(a) for a in ranked["arm"]]


@styled
def plot_blots(readout: xr.DataArray, *, lanes: Sequence[str] = (), hours: float = 24.0, seed: int = 1) -> Figure:
    """Draw Western blots, one membrane for each cell line: grey bands by lane, with the median fold under each.

    Parameters
    ----------
    readout
        Exact reading of a WesternBlot, dimensions cell_line, arm, draw[, time], band.
    lanes
        Arms from left to right; every manipulation without and with 5 uM sorafenib when empty.
    hours
        Time of lysis, h; the nearest one is taken.
    seed
        Of the loading and band noise of the one blot that is drawn.

    Returns
    -------
    matplotlib.figure.Figure
        One block of strips for each cell line; actin last.
    """
    chosen = list(lanes) or blot_lanes(readout)
    lines, bands = cell_lines_of(readout), [*(str(b) for b in readout["band"].values), "actin"]
    block = _TOP + _ROW * len(bands) + 0.12
    figure = Figure(figsize=(PAGE, block * len(lines)))
    for place, line in enumerate(lines):
        blot = strip(readout.sel(cell_line=line), chosen, at=_time(readout, hours), seed=seed)
        for row, band in enumerate(bands):
            bottom = 1 - (place * block + _TOP + _ROW * (row + 1)) / (block * len(lines))
            ax = figure.add_axes((0.165, bottom + 0.115 / (block * len(lines)), 0.825, 0.205 / (block * len(lines))))
            _draw_band(ax, blot, band)
            if row == 0:
                _headings(ax, readout, chosen, chr(ord("A") + place), line)
    return figure


def _time(readout: xr.DataArray, hours: float) -> str | None:
    if "time" not in readout.dims:
        return None
    times = np.asarray(readout["time"].values, dtype=float)
    return f"{float(times[np.argmin(np.abs(times - hours * 60))])!r} min"


def _draw_band(ax: Axes, blot: xr.Dataset, band: str) -> None:
    signal = np.asarray(blot["replicate"].sel(band=band), dtype=float)
    ax.imshow(_membrane(signal, band), cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="none")
    ax.set_xticks([])
    ax.set_yticks([0.5 * _HIGH], labels=[clean(band)])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set(visible=True, color=GREY, linewidth=0.5)
    for lane, fold in enumerate(np.asarray(blot["fold"].sel(band=band), dtype=float)):
        text = "failed" if not np.isfinite(fold) else f"{fold:.2f}" if fold < 9.95 else f"{fold:.3g}"
        if band != "actin" or not np.isfinite(fold):
            ax.annotate(text, ((lane + 0.5) / signal.size, 0), xycoords="axes fraction", xytext=(0, -1.5), textcoords="offset points",
                        ha="center", va="top", fontsize=7, color="#333333", annotation_clip=False)  # fmt: skip


def _membrane(signal: Floats, band: str) -> Floats:
    """Give the grey picture of one strip: a flat-topped gaussian band in each lane on a slightly uneven ground."""
    x = np.linspace(-1, 1, _WIDE)[None, :]
    y = np.linspace(-1, 1, _HIGH)[:, None]
    across = np.exp(-((np.abs(x) / 0.72) ** 6))
    uneven = sum(map(ord, band)) % 7
    image = np.full((_HIGH, _WIDE * signal.size), 0.93)
    image -= 0.015 * np.sin(np.linspace(0, 3 + uneven, image.shape[1]))[None, :]
    for lane, value in enumerate(np.nan_to_num(signal)):
        smile = 0.12 * x**2 + 0.05 * np.sin(lane * 1.7 + uneven)
        along = np.exp(-(((y - smile) / (0.30 + 0.25 * value)) ** 2))
        dark = 1.0 - np.exp(-3.2 * max(value - 0.02, 0.0) * across * along)
        image[:, lane * _WIDE : (lane + 1) * _WIDE] -= 0.88 * dark
    return np.asarray(np.clip(image, 0, 1), dtype=float)


def _headings(ax: Axes, readout: xr.DataArray, lanes: Sequence[str], letter: str, line: str) -> None:
    table = arm_table(readout).set_index("arm").loc[list(lanes)]
    table["lane"] = (np.arange(len(lanes)) + 0.5) / len(lanes)

    def write(x: float, up: float, text: str, **style: object) -> None:
        ax.annotate(text, (x, 1), xycoords="axes fraction", xytext=(0, up), textcoords="offset points", ha="center", va="bottom",
                    fontsize=7, annotation_clip=False, **style)  # type: ignore[arg-type]  # fmt: skip

    for name, group in table.groupby("manipulation", sort=False):
        start, stop = group["lane"].min(), group["lane"].max()
        write((start + stop) / 2, 18, display_name(str(name)))
        half = 0.42 / len(lanes)
        ax.plot(
            [start - half, stop + half],
            [1 + 16 / 14.8] * 2,
            transform=ax.transAxes,
            color="black",
            linewidth=0.7,
            clip_on=False,
        )
    for lane, dose in zip(table["lane"], table["dose"], strict=True):
        write(float(lane), 4, f"{dose:g}" if dose > 0 else "0")
    ax.annotate("sorafenib (µM)", (0, 1), xycoords="axes fraction", xytext=(-4, 4), textcoords="offset points", ha="right", va="bottom",
                fontsize=7, annotation_clip=False)  # fmt: skip
    ax.annotate(f"{letter}  {clean(line)}", (0, 1), xycoords="axes fraction", xytext=(-80, 27), textcoords="offset points", ha="left",
                va="bottom", fontsize=8.5, fontweight="bold", annotation_clip=False)  # fmt: skip


def densitometry_table(
    readout: xr.DataArray, lanes: Sequence[str], *, hours: float = 24.0, weights: Floats | None = None
) -> Table:
    """Give the fold of every band and lane: rows with cell_line, band, and for each lane its median and 90 % interval."""
    values = readout
    if "time" in readout.dims:
        values = readout.isel(time=int(np.argmin(np.abs(np.asarray(readout["time"].values) - hours * 60))))
    rows: Table = []
    for line in cell_lines_of(values):
        for band in [str(b) for b in values["band"].values]:
            cells = [
                quantiles(draws_of(values, cell_line=line, band=band, arm=lane), (0.05, 0.5, 0.95), weights)
                for lane in lanes
            ]
            rows.append({"cell_line": line, "band": band, "cells": [tuple(float(v) for v in c) for c in cells]})
    return rows
