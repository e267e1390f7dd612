"""libRoadRunner 2.11, an independent engine, gives the same numbers for the library's model.

Origin: the SBML that hepatica exports, simulated by libRoadRunner (Apache-2.0) with CVODE.
"""

import numpy as np
import pytest
import roadrunner

import hepatica.library as library
from hepatica.compiler import compile_model
from hepatica.experiment import Arm, Experiment
from hepatica.sbml import read_sbml, validate_sbml, write_sbml
from hepatica.simulation import arm_operations, parameter_matrix
from hepatica.solver import Tolerances, find_steady_states, integrate, plan_after, plan_before
from tests.simulation.test_run import Reading

MODEL = library.load_model("hcc")


@pytest.fixture(scope="module")
def sbml() -> str:
    return write_sbml(MODEL)


def test_libsbml_finds_no_error_in_the_export(sbml: str) -> None:
    assert [issue for issue in validate_sbml(sbml) if issue.severity == "error"] == []
    assert read_sbml(sbml).digest == MODEL.digest


@pytest.mark.parametrize("line", ["HepG2", "SK-Hep1"])
def test_same_trajectories_from_the_same_start(sbml: str, line: str) -> None:
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    states = compile_model(MODEL, []).states
    kernel = compile_model(MODEL, states)
    arms = (Arm(id="dose", interventions=(library.load_drug("sorafenib").bath("5 uM"), library.load_tool("IGF1"))),)
    experiment = Experiment(id="x", arms=arms, assay=Reading(), cell_line=library.load_cell_line(line))
    operations = [arm_operations(MODEL, kernel, experiment, arm) for arm in arms]
    tolerances = Tolerances(rtol=1e-9, atol=1e-12)
    base = parameter_matrix(kernel, None)
    rest = find_steady_states(kernel, plan_before(operations), np.array([[0, 0, -1]]), base, tolerances=tolerances)
    plan = plan_after(operations, equilibrated=True)
    times = np.linspace(0.0, 4320.0, 25)
    ours = integrate(kernel, plan, np.array([[0, 0, 0]]), base, times, y0=rest.values, tolerances=tolerances).values[0]

    engine = roadrunner.RoadRunner(sbml)
    names, species = list(engine.model.getGlobalParameterIds()), list(engine.model.getFloatingSpeciesIds())
    for operation in operations[0]:
        if operation.what == "parameter":
            name = kernel.parameters[operation.index]
            old = engine[name]
            engine[name] = {"set": operation.value, "scale": old * operation.value, "add": old + operation.value}[
                operation.how
            ]
    for name, value in zip(states, ours[0], strict=True):
        engine[f"[{name}]" if name in species else name] = value
    assert set(states) <= set(names) | set(species)
    engine.timeCourseSelections = [f"[{n}]" if n in species else n for n in states]
    engine.integrator.setValue("relative_tolerance", 1e-10)
    engine.integrator.setValue("absolute_tolerance", 1e-14)
    theirs = engine.simulate(0.0, 4320.0, 25)
    scale = np.abs(theirs).max(axis=0) + 1e-9
    assert (np.abs(ours - theirs) / scale).max() < 1e-5
