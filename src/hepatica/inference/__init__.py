"""Problems of parameter estimation: read, evaluated, fitted, and nothing lost that was computed."""

from hepatica.inference.fitting import describe_fit, fit_petab
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.optimize import fit
from hepatica.inference.petab import check_petab, read_petab
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Estimate, Observable, Problem, Trial
from hepatica.inference.profile import profile
from hepatica.inference.replay import Replay
from hepatica.inference.write import write_petab

__all__ = [
    "Estimate",
    "Journal",
    "Likelihood",
    "Observable",
    "Problem",
    "Replay",
    "Trial",
    "check_petab",
    "describe_fit",
    "fit",
    "fit_petab",
    "log_prior",
    "profile",
    "read_petab",
    "write_petab",
]
