"""Problems of parameter estimation: read, evaluated, fitted, and nothing lost that was computed."""

from hepatica.inference.fitting import describe_fit, fit_petab
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.optimize import fit
from hepatica.inference.petab import read_petab
from hepatica.inference.problem import Estimate, Observable, Problem, Trial
from hepatica.inference.replay import Replay

__all__ = [
    "Estimate",
    "Journal",
    "Likelihood",
    "Observable",
    "Problem",
    "Replay",
    "Trial",
    "describe_fit",
    "fit",
    "fit_petab",
    "read_petab",
]
