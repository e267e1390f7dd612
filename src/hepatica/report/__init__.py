"""Result -> figures and one self-contained page."""

from hepatica.report.blots import plot_blots
from hepatica.report.calibrated import is_calibration, write_calibration_report
from hepatica.report.curves import plot_dose_response, plot_ic50, plot_paired
from hepatica.report.data import ReportData
from hepatica.report.decides import plot_claims, plot_pathway_share, plot_sensitivity
from hepatica.report.fit import write_fit_report
from hepatica.report.page import write_report
from hepatica.report.pathway_map import pathway_activity, plot_pathway_map
from hepatica.report.phenotypes import plot_courses, plot_intervals, plot_receptor, plot_wounds

__all__ = [
    "ReportData", "is_calibration", "pathway_activity", "plot_blots", "plot_claims", "plot_courses", "plot_dose_response", "plot_ic50",
    "plot_intervals", "plot_paired", "plot_pathway_map", "plot_pathway_share", "plot_receptor", "plot_sensitivity", "plot_wounds",
    "write_calibration_report", "write_fit_report", "write_report",
]  # fmt: skip
