"""The opinion of an independent engine, libRoadRunner, on a file; run inside a child process of its own, for it crashes too."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.fuzz.judge import TIMES


def simulate(arguments: Mapping[str, Any], data: bytes) -> tuple[list[str], bytes]:
    """Give the names that libRoadRunner knows, and their values at the times of the judge, shape (time, name).

    Parameters
    ----------
    arguments
        ``names``: what to read; ``amounts``: the species among them that are amounts.
    data
        SBML.
    """
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    engine = roadrunner.RoadRunner(data.decode("utf-8-sig"))
    engine.integrator.relative_tolerance, engine.integrator.absolute_tolerance = 1e-9, 1e-14
    engine.integrator.maximum_num_steps = 20_000
    species = {*engine.model.getFloatingSpeciesIds(), *engine.model.getBoundarySpeciesIds()}
    others = {*engine.model.getGlobalParameterIds(), *engine.model.getCompartmentIds()}
    known = [n for n in arguments["names"] if n in species | others]
    columns = [f"[{n}]" if n in species and n not in arguments["amounts"] else n for n in known]
    engine.timeCourseSelections = ["time", *columns]
    result = np.asarray(engine.simulate(times=TIMES.tolist()))
    return known, np.ascontiguousarray(result[:, 1:]).tobytes()
