"""A second opinion: the same model in another engine."""

from hepatica.agreement.compare import Agreement, Difference, compare_engines

__all__ = ["Agreement", "Difference", "compare_engines"]
