"""What follows from readouts: synergy, sensitivity, and through which pathway an effect goes."""

from hepatica.analysis.pathway import pathway_share, pathway_table
from hepatica.analysis.sensitivity import log_ratio, rank_correlation
from hepatica.analysis.synergy import bliss, dose_matrix, hsa, loewe

__all__ = ["bliss", "dose_matrix", "hsa", "loewe", "log_ratio", "pathway_share", "pathway_table", "rank_correlation"]
