"""Drugs and how they are given: doses are changes of a model's inputs."""

from hepatica.pharmacology.drug import Binding, Drug, Regimen, Target
from hepatica.pharmacology.grid import dose_grid, dose_series

__all__ = ["Binding", "Drug", "Regimen", "Target", "dose_grid", "dose_series"]
