"""A virtual laboratory for sorafenib resistance in hepatocellular carcinoma: the public names.

Names are loaded when first used, so that the command line starts at once.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hepatica.agreement import Agreement, Difference, compare_engines
    from hepatica.analysis import (
        bliss,
        hsa,
        identifiability,
        loewe,
        pathway_share,
        posterior_identifiability,
        rank_correlation,
    )
    from hepatica.assays import (
        Apoptosis,
        DoseResponse,
        EdU,
        Level,
        Panel,
        ScratchWound,
        TimeCourse,
        WesternBlot,
        Xenograft,
        fit_curve,
        fit_dose_response,
    )
    from hepatica.claims import Claim, Verdict, evaluate_claims, read_claims
    from hepatica.compiler import Kernel, compile_model
    from hepatica.ensemble import Ensemble, Wiring, draw_around, draw_prior, read_ensemble, write_ensemble
    from hepatica.errors import HepaticaError
    from hepatica.evidence import Evidence, Source, cite
    from hepatica.experiment import Arm, Assay, CellLine, Change, Experiment, Intervention
    from hepatica.failed import failures
    from hepatica.inference import (
        Estimate,
        Journal,
        Likelihood,
        Observable,
        Problem,
        Replay,
        Trial,
        check_petab,
        check_samples,
        describe_fit,
        describe_samples,
        diagnose,
        fit,
        fit_petab,
        predict,
        predictive_checks,
        profile,
        read_petab,
        recover,
        sample,
        sample_petab,
        write_petab,
    )
    from hepatica.library import (
        describe,
        list_cell_lines,
        list_drugs,
        list_measurements,
        list_models,
        list_tools,
        load_cell_line,
        load_drug,
        load_ensemble,
        load_measurements,
        load_model,
        load_sources,
        load_tool,
        load_wirings,
    )
    from hepatica.model import Model, check_model
    from hepatica.pharmacology import Drug, dose_grid, dose_series
    from hepatica.report import write_fit_report, write_report
    from hepatica.sbml import read_antimony, read_sbml, write_antimony, write_sbml
    from hepatica.simulation import Differentiator, Objective, Readings, SquaredError, simulate, value_and_gradient
    from hepatica.solver import Status, Tolerances
    from hepatica.streaming import (
        prior_blocks,
        read_blocks,
        reduce_blocks,
        simulate_blocks,
        stored_draws,
        write_blocks,
        write_table,
    )
    from hepatica.study import Study, StudyResult, load_study, run_study

__version__ = version("hepatica")

_ROOMS = {
    "agreement": ("Agreement", "Difference", "compare_engines"),
    "analysis": ("bliss", "hsa", "identifiability", "loewe", "pathway_share", "posterior_identifiability", "rank_correlation"),
    "assays": (
        "Apoptosis", "DoseResponse", "EdU", "Level", "Panel", "ScratchWound", "TimeCourse", "WesternBlot", "Xenograft", "fit_curve",
        "fit_dose_response",
    ),
    "claims": ("Claim", "Verdict", "evaluate_claims", "read_claims"),
    "compiler": ("Kernel", "compile_model"),
    "ensemble": ("Ensemble", "Wiring", "draw_around", "draw_prior", "read_ensemble", "write_ensemble"),
    "errors": ("HepaticaError",),
    "evidence": ("Evidence", "Source", "cite"),
    "experiment": ("Arm", "Assay", "CellLine", "Change", "Experiment", "Intervention"),
    "failed": ("failures",),
    "calibration": ("Calibration", "read_calibration"),
    "inference": (
        "Estimate", "Journal", "Likelihood", "Observable", "Problem", "Replay", "Trial", "check_petab", "check_samples",
        "describe_fit", "describe_samples", "diagnose", "fit", "fit_petab", "predict", "predictive_checks", "profile", "read_petab",
        "recover",
        "sample", "sample_petab", "write_petab",
    ),
    "library": (
        "describe", "list_cell_lines", "list_drugs", "list_measurements", "list_models", "list_tools", "load_cell_line", "load_drug",
        "load_ensemble", "load_measurements", "load_model", "load_posterior", "load_sources", "load_tool", "load_wirings",
    ),
    "model": ("Model", "check_model"),
    "pharmacology": ("Drug", "dose_grid", "dose_series"),
    "report": ("write_fit_report", "write_report"),
    "sbml": ("read_antimony", "read_sbml", "write_antimony", "write_sbml"),
    "simulation": ("Differentiator", "Objective", "Readings", "SquaredError", "simulate", "value_and_gradient"),
    "solver": ("Status", "Tolerances"),
    "streaming": ("prior_blocks", "read_blocks", "reduce_blocks", "simulate_blocks", "stored_draws", "write_blocks", "write_table"),
    "study": ("Study", "StudyResult", "load_study", "run_study"),
}  # fmt: skip
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Agreement", "Apoptosis", "Arm", "Assay", "Calibration", "CellLine", "Change", "Claim", "Difference",
    "Differentiator", "DoseResponse", "Drug", "EdU", "Ensemble", "Estimate", "Evidence", "Experiment",
    "HepaticaError", "Intervention", "Journal", "Kernel", "Level", "Likelihood", "Model", "Objective", "Observable",
    "Panel", "Problem", "Readings", "Replay", "ScratchWound", "Source", "SquaredError", "Status", "Study",
    "StudyResult", "TimeCourse", "Tolerances", "Trial", "Verdict", "WesternBlot", "Wiring", "Xenograft",
    "__version__", "bliss", "check_model", "check_petab", "check_samples", "cite", "compare_engines", "compile_model",
    "describe", "describe_fit", "describe_samples", "diagnose", "dose_grid", "dose_series", "draw_around",
    "draw_prior", "evaluate_claims", "failures", "fit", "fit_curve", "fit_dose_response", "fit_petab", "hsa",
    "identifiability", "list_cell_lines", "list_drugs", "list_measurements", "list_models", "list_tools",
    "load_cell_line", "load_drug", "load_ensemble", "load_measurements", "load_model", "load_posterior",
    "load_sources", "load_study", "load_tool", "load_wirings", "loewe", "pathway_share", "posterior_identifiability",
    "predict", "predictive_checks", "prior_blocks", "profile", "rank_correlation", "read_antimony", "read_blocks",
    "read_calibration", "read_claims", "read_ensemble", "read_petab", "read_sbml", "recover", "reduce_blocks",
    "run_study", "sample", "sample_petab", "simulate", "simulate_blocks", "stored_draws", "value_and_gradient",
    "write_antimony", "write_blocks", "write_ensemble", "write_fit_report", "write_petab", "write_report",
    "write_sbml", "write_table",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'hepatica' has no attribute '{name}'")
    value = getattr(import_module(f"hepatica.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
