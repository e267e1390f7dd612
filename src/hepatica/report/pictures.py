"""Which figures a result can fill, and what their captions say."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import xarray as xr
from matplotlib.figure import Figure

from hepatica.report.blots import plot_blots
from hepatica.report.curves import plot_dose_response, plot_ic50, plot_paired
from hepatica.report.data import ReportData, arm_table, find_readout, weights_of
from hepatica.report.decides import plot_claims, plot_pathway_share, plot_sensitivity
from hepatica.report.elsewhere import plot_elsewhere
from hepatica.report.pathway_map import pathway_activity, plot_pathway_map
from hepatica.report.phenotypes import plot_courses, plot_intervals, plot_receptor, plot_wounds
from hepatica.report.words import together

BAND = "Lines are medians over draws, dark bands half of them, light bands 90 %."
CAPTIONS = {
    "claims": (
        "Probability that each statement holds, all its contrasts together, with Monte-Carlo error. Shaded: supported (0.9 and "
        "more) and contradicted (0.1 and less). Open marks: put into the model. Grey: before the data."
    ),
    "elsewhere": (
        "Numbers that others measured, and none of which was fitted: prediction over measurement. Median, half and 90 % of draws with the "
        "scatter of the measurement, after the data (filled) and before (open); shaded: what was measured, ± its standard deviation."
    ),
    "pathway-map": (
        "What the knock-down of IGF-1R does to each node under 5 µM sorafenib at 24 h: median over draws of log2(knock-down / "
        "non-targeting shRNA). Migration is read in the serum-free wound."
    ),
    "blots": (
        "Drawn Western blots at 24 h: bands of the median draw with the loading and band noise of one blot; under each band the "
        "median fold over the control lane, with the antibody's saturation."
    ),
    "paired": (
        "What each manipulation changes in the viability at each dose, draw by draw: the spread between draws, which fills the "
        f"figure above, is gone. {BAND} Below zero the cells are more sensitive than their control."
    ),
    "dose-response": (
        f"Viability (CCK-8) at 72 h against sorafenib, relative to the same cells without it. {BAND} Above 1 there are "
        "more cells with the drug than without it."
    ),
    "growth-inhibition": f"Normalised growth rate (GR) over 72 h: 1 undisturbed, 0 no growth, below 0 loss of cells. {BAND}",
    "ic50": (
        "IC50 of sorafenib (left: median, half and 90 % of draws; the share above the top dose is in words) and its shift by "
        "each manipulation, draw by draw (right)."
    ),
    "gr50": (
        "GR50 of sorafenib (left: median, half and 90 % of draws; the share above the top dose is in words) and its shift by "
        "each manipulation, draw by draw (right)."
    ),
    "cell-fates": (
        "Apoptosis and proliferation without (open) and with (filled) 5 µM sorafenib: median, half and 90 % of draws."
    ),
    "wound": "Scratch wound in serum-free medium, as the microscope would show it: median closure at 24 and 48 h.",
    "tumour": f"Volume of subcutaneous tumours. {BAND}",
    "receptor": "Total IGF-1R of untreated cells (an input of the model): median, half and 90 % of draws.",
    "pathway-share": (
        "Share of the sensitivity shift that is lost when a pathway's output is held at its untreated level: median and 90 % "
        "of the draws in which there is a shift to share."
    ),
    "sensitivity": (
        "What decides the IC50 shift: rank correlation of each parameter and wiring with it over draws, the fifteen strongest. "
        "Grey: no more than chance would give (false discovery rate above 5 %)."
    ),
}
FATES = (
    ("cleaved caspase-3 at 48 h (nM)", "cleaved_caspase", 48.0),
    ("dead cells at 48 h (fraction)", "dead_fraction", 48.0),
    ("cells in S phase at 24 h (fraction)", "s_phase", 24.0),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the page: file name, how to draw it, and the number of draws behind it."""

    name: str
    draw: Callable[[], Figure]
    draws: int

    @property
    def caption(self) -> str:
        """What is shown."""
        return CAPTIONS[self.name]


def pictures(result: ReportData) -> list[Picture]:
    """Give the figures that a result can fill, in the page's order."""
    found: list[Picture] = []
    verdicts = together(result.verdicts)
    if verdicts:
        before = () if result.prior is None else together(result.prior.verdicts)
        found.append(
            Picture("claims", partial(plot_claims, verdicts, before), int(result.ensemble.draws.sizes["draw"]))
        )
    if len(result.literature):
        found.append(
            Picture("elsewhere", partial(plot_elsewhere, result.literature), int(result.literature["n"].max()))
        )
    return [*found, *_signalling(result), *_dose_response(result), *_phenotypes(result), *_causes(result)]


def _picture(
    result: ReportData, name: str, plot: Callable[..., Figure], readout: xr.DataArray, **options: object
) -> Picture:
    weights = weights_of(result.ensemble, readout)
    return Picture(name, partial(plot, readout, weights=weights, **options), int(readout.sizes["draw"]))


def _signalling(result: ReportData) -> list[Picture]:
    blot = find_readout(result, "dish", "western_blot")
    if blot is None:
        return []
    draws = int(blot.sizes["draw"])
    activity = pathway_activity(result.readouts, ensemble=result.ensemble)
    return [
        Picture("pathway-map", partial(plot_pathway_map, activity), draws),
        Picture("blots", partial(plot_blots, blot), draws),
    ]


def _dose_response(result: ReportData) -> list[Picture]:
    found: list[Picture] = []
    viability, growth = find_readout(result, "dish", "viability"), find_readout(result, "dish", "gr")
    top = None if viability is None else float(arm_table(viability)["dose"].max())
    if viability is not None:
        found.append(_picture(result, "dose-response", plot_dose_response, viability))
        found.append(_picture(result, "paired", plot_paired, viability))
    for name, label in (("ic50", "IC50"), ("gr50", "GR50")):
        fit = find_readout(result, "dish", name)
        if fit is not None:
            found.append(_picture(result, name, plot_ic50, fit, label=label, top=top))
    if growth is not None:
        found.append(_picture(result, "growth-inhibition", plot_dose_response, growth, label="GR value"))
    return found


def _phenotypes(result: ReportData) -> list[Picture]:
    found: list[Picture] = []
    readings = {label: (find_readout(result, "dish", name), hours) for label, name, hours in FATES}
    known = {label: (readout, hours) for label, (readout, hours) in readings.items() if readout is not None}
    if known:
        first = next(iter(known.values()))[0]
        weights = weights_of(result.ensemble, first)
        found.append(Picture("cell-fates", partial(plot_intervals, known, weights=weights), int(first.sizes["draw"])))
    wound = find_readout(result, "wound", "wound_closure")
    if wound is not None:
        found.append(_picture(result, "wound", plot_wounds, wound))
    tumour = find_readout(result, "xenograft", "tumour_volume")
    if tumour is not None:
        found.append(_picture(result, "tumour", plot_courses, tumour, label="tumour volume (mm³)", unit="d", log=True))
    receptor = find_readout(result, "expression", "igf1r_total")
    if receptor is not None:
        found.append(_picture(result, "receptor", plot_receptor, receptor))
    return found


def _causes(result: ReportData) -> list[Picture]:
    draws = int(result.ensemble.draws.sizes["draw"])
    found: list[Picture] = []
    if len(result.pathway):
        found.append(Picture("pathway-share", partial(plot_pathway_share, result.pathway), draws))
    if result.sensitivity:
        found.append(Picture("sensitivity", partial(plot_sensitivity, result.sensitivity), draws))
    return found
