"""The page of a calibration that is running: what it has found so far."""

from pathlib import Path

import numpy as np
import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure

from hepatica.calibration.underway import Underway, read_underway
from hepatica.report.page import wide
from hepatica.report.style import LIGHT, PAGE, new_figure, styled, to_svg
from hepatica.report.template import fill, save_page
from hepatica.report.words import number, percent

SHOWN = 15
"""Parameters whose chains agree least."""


def write_underway_report(folder: str | Path) -> Path:
    """Write ``calibration.html`` into the folder of a calibration that is running, or was stopped; a finished one replaces it.

    Parameters
    ----------
    folder
        That the calibration writes to.

    Returns
    -------
    pathlib.Path
        The page: one file, no network.

    Raises
    ------
    NotFoundError
        When no calibration has begun there.
    StorageError
        When the page cannot be written.
    """
    folder = Path(folder)
    found = read_underway(folder)
    course = found.course
    after = None if course is None else course.isel(iteration=slice(found.warm + 1, None))
    if after is None or not after.sizes["iteration"]:
        after = course
    wirings = [] if found.fits is None or after is None else [
        (n, float(found.fits.loc[found.fits[n] > 0.5, "probability"].sum()), float(after[n].mean()))
        for n in after.data_vars if n in found.fits.columns
    ]  # fmt: skip
    page = fill(
        "underway.html",
        name=folder.resolve().name, stage=stage(found), starts=found.starts.to_dict("records"),
        fits=None if found.fits is None else found.fits.sort_values("objective").to_dict("records"), wirings=wirings,
        trace=None if course is None else _svg(plot_course(course, found.warm)),
        agreement=[] if found.agreement is None else found.agreement.head(SHOWN).to_dict("records"), number=number, percent=percent,
    )  # fmt: skip
    return save_page(folder / "calibration.html", page)


def stage(found: Underway) -> str:
    """Say in a sentence how far it is."""
    if found.course is None:
        what = "the wirings are being fitted" if found.fits is None else "the chains are about to begin"
        return (
            f"First fit: {len(found.starts)} starts, {found.starts['evaluations'].sum():,} evaluations so far; {what}."
        )
    done = found.course.sizes["iteration"] - 1
    chains = found.course.sizes["chain"]
    if done <= found.warm:
        return f"{chains} chains are warming up: {done} of {found.warm} iterations."
    after = found.course.isel(iteration=slice(found.warm + 1, None))
    text = f"{chains} chains have warmed up and made {done - found.warm} iterations since"
    text += f"; {percent(float(after['acceptance'].mean()))} of the moves were accepted"
    if found.agreement is not None:
        worst = found.agreement.iloc[0]
        text += (
            f"; largest R-hat {worst['rhat']:.3f}, fewest effective draws {found.agreement['ess_bulk'].min():.0f} (bulk) and "
            f"{found.agreement['ess_tail'].min():.0f} (tails)"
        )
    return text + "."


def _svg(figure: Figure) -> Markup:
    return Markup(wide(to_svg(figure, "course", "Log-likelihood of the chains")))  # noqa: S704


@styled
def plot_course(course: xr.Dataset, warm: int) -> Figure:
    """Draw the log-likelihood of every chain over its iterations; those that warm it up are shaded.

    The way from far away is cut off: the axis ends a little below most of what is there.
    """
    value = course["log_likelihood"].values
    low, high = np.quantile(value[np.isfinite(value)], [0.03, 1.0])
    figure = new_figure(PAGE, 2.1)
    ax = figure.add_subplot()
    ax.axvspan(0, min(warm, len(value)), color=LIGHT, lw=0)
    ax.plot(value, lw=0.6, alpha=0.85)
    ax.set_xlim(0, max(1, len(value) - 1))
    ax.set_ylim(low - 0.5 * (high - low) - 1.0, high + 0.1 * (high - low) + 1.0)
    ax.set_xlabel("iteration")
    ax.set_ylabel("log-likelihood")
    return figure
