"""Problems of parameter estimation: read, evaluated, fitted, and nothing lost that was computed."""

from hepatica.inference.diagnose import check_samples, choice_probabilities, describe_samples, diagnose, diagnostics
from hepatica.inference.fitting import describe_fit, fit_petab
from hepatica.inference.journal import Journal
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.optimize import fit
from hepatica.inference.petab import check_petab, read_petab
from hepatica.inference.predict import bands, predict, predictive_checks
from hepatica.inference.prior import log_prior
from hepatica.inference.problem import Estimate, Observable, Problem, Trial
from hepatica.inference.profile import profile
from hepatica.inference.recovery import recover, simulate_study, uniformity
from hepatica.inference.replay import Replay
from hepatica.inference.sample import sample, sample_header
from hepatica.inference.sampling import sample_petab
from hepatica.inference.space import prior_draws
from hepatica.inference.write import write_petab

__all__ = [
    "Estimate",
    "Journal",
    "Likelihood",
    "Observable",
    "Problem",
    "Replay",
    "Trial",
    "bands",
    "check_petab",
    "check_samples",
    "choice_probabilities",
    "describe_fit",
    "describe_samples",
    "diagnose",
    "diagnostics",
    "fit",
    "fit_petab",
    "log_prior",
    "predict",
    "predictive_checks",
    "prior_draws",
    "profile",
    "read_petab",
    "recover",
    "sample",
    "sample_header",
    "sample_petab",
    "simulate_study",
    "uniformity",
    "write_petab",
]
