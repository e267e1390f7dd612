"""(Model, Experiment, Ensemble) -> Simulation."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.compiler import Kernel, compile_model
from hepatica.compiler.names import CLOCK
from hepatica.ensemble import Ensemble
from hepatica.errors import InputError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.experiment import Arm, Change, Experiment
from hepatica.model import Model
from hepatica.solver import Operation, Status, Tolerances, find_steady_states, integrate, plan_after, plan_before
from hepatica.solver.rescue import rescue
from hepatica.units import convert

Progress = Callable[[int, int], None]
Array = NDArray[np.float64]


def simulate(
    model: Model, experiment: Experiment, ensemble: Ensemble | None = None, *,
    threads: int | None = None, tolerances: Tolerances | None = None, observables: Sequence[str] = (),
    times: Sequence[float] = (), progress: Progress | None = None, kernel: Kernel | None = None,
) -> xr.Dataset:  # fmt: skip
    """Simulate every arm of an experiment for every draw of an ensemble.

    Parameters
    ----------
    model
        The network.
    experiment
        Cells, arms and assay; the assay says what is read and when.
    ensemble
        Parameter sets; the model's own values when ``None``.
    threads
        Worker threads; all cores when ``None``. The result does not depend on it.
    tolerances
        Accuracy; relative 1e-5 when ``None``.
    observables, times
        More to read than the assay asks for; times in min.
    progress
        Called with (trajectories done, trajectories).
    kernel
        The model compiled for what is read, where it is at hand; compiled when ``None``.

    Returns
    -------
    xarray.Dataset
        Dimensions arm, draw, time (min); one variable for each observable, ``status`` (arm, draw), ``stopped``
        (arm, draw): the time at which a failed run ended, minus infinity when it never began, and ``culprit`` (arm, draw):
        the number of the state that stopped a failed run, -1 where none did. What failed is NaN from the failure on;
        :func:`~hepatica.failed.failures` puts it into words.

    Raises
    ------
    NotFoundError, InputError, UnitError
        When a change or an ensemble names what the model does not have, or a unit does not fit.

    Examples
    --------
    >>> import hepatica as hp
    >>> arms = (hp.Arm(id="control"),)
    >>> experiment = hp.Experiment(id="rest", cell_line=hp.load_cell_line("HepG2"), arms=arms, assay=hp.DoseResponse())
    >>> int(hp.simulate(hp.load_model("hcc"), experiment).sizes["arm"])
    1
    """
    tol = tolerances or Tolerances()
    wanted = tuple(dict.fromkeys([*experiment.assay.observables, *observables]))
    grid = np.array(sorted({*experiment.assay.times, *times}), dtype=float)
    if not wanted or not len(grid):
        raise InputError(
            f"experiment '{experiment.id}' reads nothing; give the assay at least one observable and one time."
        )
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; expected one or more.")
    workers = threads or os.cpu_count() or 1
    kernel = kernel or compile_model(model, wanted)
    if kernel.observables != wanted:
        raise InputError(
            "the kernel was compiled for other observables than are read; leave it out, or compile it for them."
        )
    base = parameter_matrix(kernel, ensemble)
    arms = [arm_operations(model, kernel, experiment, arm) for arm in experiment.arms]
    draws = len(base)

    y0, row, unsettled = None, np.full((len(arms), draws), -1, np.int64), np.zeros((len(arms), draws), np.int8)
    culprit = np.full((len(arms), draws), -1, np.int64)
    if experiment.equilibrate:
        y0, row, unsettled, culprit = _equilibrate(kernel, arms, base, tol, workers)
    todo = np.argwhere(unsettled == Status.OK)
    tasks = np.ascontiguousarray(np.column_stack([todo, row[todo[:, 0], todo[:, 1]]]).astype(np.int64))
    plan = plan_after(arms, equilibrated=experiment.equilibrate)
    run = integrate(kernel, plan, tasks, base, grid, y0=y0, tolerances=tol, threads=workers, progress=progress)
    rescue(kernel, plan, tasks, base, grid, y0, run, tol)

    values = np.full((len(arms), draws, len(grid), len(wanted)), np.nan)
    values[todo[:, 0], todo[:, 1]] = run.values
    status = unsettled.copy()
    status[todo[:, 0], todo[:, 1]] = run.status
    stopped = np.where(status == Status.OK, np.nan, -np.inf)
    stopped[todo[:, 0], todo[:, 1]] = np.where(run.status == Status.OK, np.nan, run.stopped)
    culprit[todo[:, 0], todo[:, 1]] = run.culprit
    dataset = _dataset(model, experiment, ensemble, wanted, grid, values, status, stopped)
    dataset["culprit"] = (("arm", "draw"), *_culprits(kernel.states, status, culprit))
    return dataset


def _culprits(
    states: Sequence[str], status: NDArray[np.int8], culprit: NDArray[np.int64]
) -> tuple[NDArray[np.int16], dict[str, object]]:
    """Give the states that stopped runs, and what their numbers mean; none where it was not a state that did."""
    by_step = np.isin(status, [int(s) for s in Status if s.blames_state])
    flags = np.arange(len(states), dtype=np.int16 if len(states) < 2**15 else np.int32)
    names = " ".join("time" if name == CLOCK else name for name in states)
    return np.where(by_step, culprit, -1).astype(flags.dtype), {"flag_values": flags, "flag_meanings": names}


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
    if change.target in kernel.states:
        what, index = "state", kernel.states.index(change.target)
        if change.stop is not None:
            raise InputError(
                f"arm '{arm}': '{change.target}' is a state and cannot be held until a stop; change a parameter instead."
            )
    elif change.target in kernel.parameters:
        what, index = "parameter", kernel.parameters.index(change.target)
    else:
        known = [*kernel.states, *kernel.parameters]
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


def _equilibrate(
    kernel: Kernel, arms: Sequence[Sequence[Operation]], base: Array, tol: Tolerances, threads: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
    """Steady states of the distinct starting conditions: states (row, state); row, status and culprit of (arm, draw)."""
    keys = [tuple(op for op in arm if op.start is None) for arm in arms]
    distinct = list(dict.fromkeys(keys))
    draws = len(base)
    tasks = np.array([[g, d, -1] for g in range(len(distinct)) for d in range(draws)], np.int64)
    # the steady state is where every difference between arms starts: find it tighter than the experiment needs
    tight = replace(tol, rtol=min(tol.rtol, 1e-5))
    found = find_steady_states(kernel, plan_before(distinct), tasks, base, tolerances=tight, threads=threads)
    group = np.array([distinct.index(k) for k in keys])
    row = group[:, None] * draws + np.arange(draws)[None, :]
    return found.values, row, found.status[row], found.culprit[row]


def _dataset(
    model: Model, experiment: Experiment, ensemble: Ensemble | None, observables: tuple[str, ...], times: Array, values: Array,
    status: NDArray[np.int8],
    stopped: Array,
) -> xr.Dataset:  # fmt: skip
    units = {e.id: e.unit for e in model.species} | {e.id: e.unit for e in model.parameters}
    draws = np.arange(values.shape[1]) if ensemble is None else ensemble.draws.coords["draw"].values
    coords: dict[str, object] = {
        "arm": [a.id for a in experiment.arms],
        "draw": draws,
        "time": ("time", times, {"units": model.units.get("time", "min")}),
    }
    for key in dict.fromkeys(k for a in experiment.arms for k in a.all_labels):
        column = [a.all_labels.get(key) for a in experiment.arms]
        text = any(isinstance(x, str) for x in column)
        coords[key] = ("arm", [("" if text else np.nan) if x is None else x for x in column])
    data = {
        name: (("arm", "draw", "time"), values[..., j], {"units": units.get(name) or "dimensionless"})
        for j, name in enumerate(observables)
    }
    dataset = xr.Dataset(data, coords=coords)
    meanings = " ".join(s.name.lower() for s in Status)
    dataset["status"] = (
        ("arm", "draw"),
        status,
        {"flag_values": np.array([int(s) for s in Status], np.int8), "flag_meanings": meanings},
    )
    dataset["stopped"] = (("arm", "draw"), stopped, {"units": model.units.get("time", "min")})
    dataset.attrs = {
        "model": model.id, "model_digest": model.digest, "experiment": experiment.id,
        "cell_line": experiment.cell_line.id if experiment.cell_line else "",
        "seed": -1 if ensemble is None else ensemble.seed,
    }  # fmt: skip
    return dataset
