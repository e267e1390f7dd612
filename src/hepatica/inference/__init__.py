"""Problems of parameter estimation: read, evaluated, fitted, and nothing lost that was computed."""

from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.petab import read_petab
from hepatica.inference.problem import Estimate, Observable, Problem, Trial
from hepatica.inference.replay import Replay

__all__ = ["Estimate", "Journal", "Likelihood", "Observable", "Problem", "Replay", "Trial", "read_petab"]
