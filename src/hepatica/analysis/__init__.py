"""What follows from readouts and fits: synergy, sensitivity, through which pathway an effect goes, which parameters are known."""

from hepatica.analysis.identifiability import identifiability, posterior_identifiability
from hepatica.analysis.pathway import pathway_share, pathway_table
from hepatica.analysis.sensitivity import log_ratio, rank_correlation
from hepatica.analysis.synergy import bliss, dose_matrix, hsa, loewe

__all__ = [
    "bliss", "dose_matrix", "hsa", "identifiability", "loewe", "log_ratio", "pathway_share", "pathway_table", "posterior_identifiability",
    "rank_correlation",
]  # fmt: skip
