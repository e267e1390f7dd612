"""A study: what to simulate, which draws to believe, which claims to judge; and running it end to end."""

from hepatica.study.describe import describe_claim, find_claim, study_sources
from hepatica.study.plan import Effect, Rule, Study, StudyExperiment
from hepatica.study.read import find_study, load_study
from hepatica.study.result import StudyResult
from hepatica.study.run import run_study
from hepatica.study.save import as_data

__all__ = [
    "Effect",
    "Rule",
    "Study",
    "StudyExperiment",
    "StudyResult",
    "as_data",
    "describe_claim",
    "find_claim",
    "find_study",
    "load_study",
    "run_study",
    "study_sources",
]
