"""(Model, Experiment, Ensemble) -> Simulation, and its derivatives."""

from hepatica.simulation.gradient import Differentiator, value_and_gradient
from hepatica.simulation.objective import Objective, Readings, SquaredError
from hepatica.simulation.run import simulate
from hepatica.simulation.setup import arm_operations, parameter_matrix

__all__ = [
    "Differentiator",
    "Objective",
    "Readings",
    "SquaredError",
    "arm_operations",
    "parameter_matrix",
    "simulate",
    "value_and_gradient",
]
