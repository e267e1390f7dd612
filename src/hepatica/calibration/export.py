"""A calibration as files of PEtab."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hepatica.inference.problem import Problem, Trial
from hepatica.inference.write import write_petab
from hepatica.model import Expression, Symbol
from hepatica.model.expression import substitute

SHARED = "{}_shared"


def export_petab(problem: Problem, folder: str | Path) -> Path:
    """Write a problem as PEtab version 2, whose conditions set no parameter of the table of parameters.

    A parameter that lines share and some lines set has the table's entry ``NAME_shared``, and every condition sets ``NAME``.

    Parameters
    ----------
    problem
        Of a calibration.
    folder
        Where to; it is made where it is not there.

    Returns
    -------
    Path
        The YAML file.

    Raises
    ------
    StorageError
        When a file cannot be written.
    """
    return write_petab(apart(problem), folder)


def apart(problem: Problem) -> Problem:
    """Give an equal problem in which no condition sets what is in the table of parameters."""
    targets = {t for trial in problem.trials for c in trial.conditions for t in c}
    both = {p.id: SHARED.format(p.id) for p in problem.parameters if p.id in targets}
    names: dict[str, Expression] = {old: Symbol(new) for old, new in both.items()}

    def spelled(condition: Mapping[str, Expression]) -> dict[str, Expression]:
        return {t: substitute(value, names) for t, value in condition.items()}

    def changed(trial: Trial) -> Trial:
        before = None if trial.before is None else names | spelled(trial.before)
        later = tuple((time, spelled(changes)) for time, changes in trial.later)
        return replace(trial, before=before, after=names | spelled(trial.after), later=later)

    return replace(
        problem,
        parameters=tuple(replace(p, id=both.get(p.id, p.id)) for p in problem.parameters),
        trials=tuple(changed(t) for t in problem.trials),
    )
