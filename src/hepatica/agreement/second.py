"""The child process in which libRoadRunner runs: JSON on stdin, JSON on stdout.

It is started by its path, so that it imports nothing of hepatica; libRoadRunner is C++ that ends its process on some
files, and its messages must not get between the answer.
"""

import json
import os
import sys
from typing import Any


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Simulate.

    Parameters
    ----------
    request
        ``sbml``; ``times``; ``selections`` ``{name: selection}``; ``rtol``, ``atol``.

    Returns
    -------
    dict
        ``version``; ``values`` ``{name: curve}``; ``unknown``: names without a curve; or ``error`` and at what ``stage``.
    """
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    answer: dict[str, Any] = {"version": roadrunner.__version__.split()[0]}
    stage = "load the model"
    try:
        engine = roadrunner.RoadRunner(request["sbml"])
        known, unknown = {}, []
        for name, selection in request["selections"].items():
            try:
                engine.getValue(selection)
                known[name] = selection
            except RuntimeError:
                unknown.append(name)
        stage = "simulate the model"
        engine.integrator.setValue("maximum_num_steps", 10**6)
        engine.timeCourseSelections = ["time", *known.values()]
        table = _simulate(engine, request)
    except (RuntimeError, ValueError, IndexError) as error:
        return answer | {"error": " ".join(str(error).split()), "stage": stage}
    curves = {name: [float(x) for x in table[:, k]] for k, name in enumerate(known, start=1)}
    return answer | {"values": curves, "unknown": unknown, "times": [float(x) for x in table[:, 0]]}


def _simulate(engine: Any, request: dict[str, Any]) -> Any:
    """Give the table, at ten and a hundred times looser tolerances where CVODE cannot keep the tight ones."""
    for looser in (1.0, 10.0, 100.0):
        engine.integrator.setValue("relative_tolerance", request["rtol"] * looser)
        engine.integrator.setValue("absolute_tolerance", request["atol"] * looser**2)
        try:
            return engine.simulate(times=request["times"])
        except RuntimeError:
            if looser == 100.0:
                raise
            engine.resetAll()
    raise AssertionError  # the loop returns or raises


def main() -> None:
    """Answer the request on stdin; whatever else is printed goes to stderr."""
    answer_to = os.dup(1)
    os.dup2(2, 1)
    answer = run(json.load(sys.stdin))
    with os.fdopen(answer_to, "w", encoding="utf-8") as stream:
        json.dump(answer, stream)


if __name__ == "__main__":
    main()
