"""Problems of parameter estimation: read, evaluated, fitted."""

from hepatica.inference.likelihood import Likelihood
from hepatica.inference.petab import read_petab
from hepatica.inference.problem import Estimate, Observable, Problem, Trial

__all__ = ["Estimate", "Likelihood", "Observable", "Problem", "Trial", "read_petab"]
