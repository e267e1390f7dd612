"""What a simulation needs: names resolved, units converted, steady states found."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.names import is_hidden
from hepatica.ensemble import Ensemble
from hepatica.errors import InputError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.experiment import Arm, Change, Experiment
from hepatica.model import Model
from hepatica.solver import Operation, Tolerances, find_steady_states, plan_before
from hepatica.units import convert

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """An experiment ready to run.

    Parameters
    ----------
    model, experiment
        As given.
    kernel
        The compiled model; it reads ``wanted``.
    wanted, times
        Observables, and reading times (min).
    operations
        For each arm its changes, resolved.
    origins
        For each arm and change the id of the cell line or intervention that it comes from.
    """

    model: Model
    experiment: Experiment
    kernel: Kernel
    wanted: tuple[str, ...]
    times: Array
    operations: tuple[tuple[Operation, ...], ...]
    origins: tuple[tuple[str, ...], ...]


def set_up(
    model: Model, experiment: Experiment, observables: Sequence[str] = (), times: Sequence[float] = (), *,
    kernel: Kernel | None = None,
) -> Setup:  # fmt: skip
    """Compile a model for an experiment.

    Parameters
    ----------
    model, experiment
        What to run.
    observables, times
        More to read than the assay asks for; times in min.
    kernel
        The model compiled for what is read, where it is at hand.

    Raises
    ------
    NotFoundError, InputError, UnitError
        When a change names what the model does not have, or a unit does not fit.
    """
    wanted = tuple(dict.fromkeys([*experiment.assay.observables, *observables]))
    grid = np.array(sorted({*experiment.assay.times, *times}), dtype=float)
    if not len(grid):
        raise InputError(f"experiment '{experiment.id}' reads nothing; give the assay at least one time.")
    kernel = kernel or compile_model(model, wanted or None)
    wanted = wanted or kernel.observables
    if kernel.observables != wanted:
        raise InputError(
            "the kernel was compiled for other observables than are read; leave it out, or compile it for them."
        )
    line = experiment.cell_line
    own = (line.id,) * len(line.changes) if line else ()
    return Setup(
        model=model, experiment=experiment, kernel=kernel, wanted=wanted, times=grid,
        operations=tuple(tuple(arm_operations(model, kernel, experiment, arm)) for arm in experiment.arms),
        origins=tuple((*own, *(i.id for i in arm.interventions for _ in i.changes)) for arm in experiment.arms),
    )  # fmt: skip


def workers(threads: int | None) -> int:
    """Give the number of worker threads: all cores when ``None``."""
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; expected one or more.")
    return threads or os.cpu_count() or 1


def in_line(experiment: Experiment, ensemble: Ensemble | None) -> tuple[Experiment, Ensemble | None]:
    """Give an experiment and an ensemble as its cell line has them: what is drawn for the line replaces what the line sets."""
    if ensemble is None:
        return experiment, None
    line = experiment.cell_line
    own = () if line is None else ensemble.own(line.id)
    if line is not None and own:
        kept = tuple(c for c in line.changes if c.start is not None or c.target not in own)
        experiment = replace(experiment, cell_line=replace(line, changes=kept))
    return experiment, ensemble.in_line("" if line is None else line.id)


def parameter_matrix(kernel: Kernel, ensemble: Ensemble | None) -> Array:
    """Give the parameters of every draw, shape (draw, parameter): the model's values where the ensemble is silent."""
    if ensemble is None:
        return kernel.p0[None, :].copy()
    names = [str(n) for n in ensemble.draws.coords["parameter"].values]
    base = np.tile(kernel.p0, (ensemble.draws.sizes["draw"], 1))
    known = set(kernel.parameters)
    unknown = [n for n in names if n not in known]
    if unknown:
        raise NotFoundError(
            f"the ensemble names '{unknown[0]}', which is no free parameter of the model.{did_you_mean(unknown[0], known)}"
        )
    base[:, [kernel.parameter_index(n) for n in names]] = ensemble.draws.transpose("draw", "parameter").values
    return base


def arm_operations(model: Model, kernel: Kernel, experiment: Experiment, arm: Arm) -> list[Operation]:
    """Give the changes of the cell line and of an arm, in this order, with names resolved and units converted."""
    own = experiment.cell_line.changes if experiment.cell_line else ()
    return [_operation(model, kernel, change, arm.id) for change in (*own, *arm.changes)]


def _operation(model: Model, kernel: Kernel, change: Change, arm: str) -> Operation:
    if change.how == "infuse":
        raise UnsupportedError(
            f"arm '{arm}': '{change.target}' is infused; infusions are not supported yet, set a concentration instead."
        )
    if change.target in kernel.indirect:
        raise UnsupportedError(
            f"arm '{arm}': '{change.target}' is a concentration in a compartment that changes, which cannot be changed from "
            "outside; change it with an event of the model."
        )
    states = [n for n in kernel.states if not is_hidden(n)]
    if change.target in states:
        what, index = "state", kernel.states.index(change.target)
        if change.stop is not None:
            raise InputError(
                f"arm '{arm}': '{change.target}' is a state and cannot be held until a stop; change a parameter instead."
            )
    elif change.target in kernel.parameters:
        what, index = "parameter", kernel.parameters.index(change.target)
    else:
        known = [*states, *kernel.parameters]
        rule = any(r.variable == change.target for r in model.rules)
        why = (
            "is computed by a rule and cannot be changed"
            if rule
            else "is neither a species nor a parameter of the model"
        )
        raise NotFoundError(f"arm '{arm}': '{change.target}' {why}.{did_you_mean(change.target, known)}")
    element = model.by_id.get(change.target)
    value = change.value
    unit = getattr(element, "unit", "")
    if change.how != "scale" and change.unit and unit:
        value = convert(value, change.unit, unit)
    return Operation(what, index, change.how, value, change.start, change.stop)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The steady states that arms start from.

    Parameters
    ----------
    arms
        The distinct starting conditions: changes that always hold.
    group
        Starting condition of each arm.
    tasks
        As for :func:`~hepatica.solver.run.find_steady_states`: all draws of the first condition, then of the next.
    values
        Steady states, shape (task, state).
    status, culprit
        How each ended, and the state that stopped it, shape (arm, draw).
    """

    arms: tuple[tuple[Operation, ...], ...]
    group: NDArray[np.int64]
    tasks: NDArray[np.int64]
    values: Array
    status: NDArray[np.int8]
    culprit: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Row of ``values`` that each arm and draw starts from, shape (arm, draw)."""
        draws = self.status.shape[1]
        return np.asarray(self.group[:, None] * draws + np.arange(draws)[None, :], np.int64)


def equilibrate(
    kernel: Kernel, arms: Sequence[Sequence[Operation]], base: Array, tol: Tolerances, threads: int,
    apart: Sequence[object] = (),
) -> Rest:  # fmt: skip
    """Find the steady states of the distinct starting conditions of arms.

    Parameters
    ----------
    kernel, base, tol, threads
        As for :func:`~hepatica.solver.run.find_steady_states`.
    arms
        Changes of each arm.
    apart
        One thing for each arm: arms whose things differ do not share a starting condition.
    """
    marks = apart or [None] * len(arms)
    keys = [(mark, tuple(op for op in arm if op.start is None)) for mark, arm in zip(marks, arms, strict=True)]
    distinct = list(dict.fromkeys(keys))
    draws = len(base)
    tasks = np.array([[g, d, -1] for g in range(len(distinct)) for d in range(draws)], np.int64)
    # the steady state is where every difference between arms starts: find it tighter than the experiment needs
    tight = replace(tol, rtol=min(tol.rtol, 1e-5))
    conditions = tuple(ops for _, ops in distinct)
    found = find_steady_states(kernel, plan_before(conditions), tasks, base, tolerances=tight, threads=threads)
    group = np.array([distinct.index(k) for k in keys], np.int64)
    status = found.status.reshape(len(distinct), draws)[group]
    culprit = found.culprit.reshape(len(distinct), draws)[group]
    return Rest(arms=conditions, group=group, tasks=tasks, values=found.values, status=status, culprit=culprit)
