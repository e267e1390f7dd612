"""Virtual bench experiments: what each would read from a simulation."""

from hepatica.assays.apoptosis import Apoptosis
from hepatica.assays.curve import fit_curve
from hepatica.assays.dose_response import DoseResponse
from hepatica.assays.edu import EdU
from hepatica.assays.fits import Method, fit_dose_response
from hepatica.assays.hill import hill
from hepatica.assays.level import Level
from hepatica.assays.noise import Noise
from hepatica.assays.panel import Panel
from hepatica.assays.reading import BenchAssay, check_simulation
from hepatica.assays.time_course import TimeCourse
from hepatica.assays.western_blot import BANDS, Band, WesternBlot, strip
from hepatica.assays.wound import ScratchWound
from hepatica.assays.xenograft import Xenograft, tumour_growth_inhibition

__all__ = [
    "BANDS",
    "Apoptosis",
    "Band",
    "BenchAssay",
    "DoseResponse",
    "EdU",
    "Level",
    "Method",
    "Noise",
    "Panel",
    "ScratchWound",
    "TimeCourse",
    "WesternBlot",
    "Xenograft",
    "check_simulation",
    "fit_curve",
    "fit_dose_response",
    "hill",
    "strip",
    "tumour_growth_inhibition",
]
