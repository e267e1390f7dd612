"""(Model, Experiment, Ensemble) -> Simulation."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.compiler import Kernel
from hepatica.compiler.names import CLOCK, is_hidden
from hepatica.ensemble import Ensemble
from hepatica.experiment import Experiment
from hepatica.model import Model
from hepatica.simulation.directions import Moves, resolve
from hepatica.simulation.forward import run_forward, starting_doses, tasks_of
from hepatica.simulation.setup import Setup, equilibrate, in_line, parameter_matrix, set_up, workers
from hepatica.solver import Status, Tolerances, integrate, plan_after
from hepatica.solver.rescue import rescue

Progress = Callable[[int, int], None]
Array = NDArray[np.float64]


def simulate(
    model: Model, experiment: Experiment, ensemble: Ensemble | None = None, *,
    threads: int | None = None, tolerances: Tolerances | None = None, observables: Sequence[str] = (),
    times: Sequence[float] = (), sensitivities: Sequence[str] = (), progress: Progress | None = None,
    kernel: Kernel | None = None,
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
    sensitivities
        What everything read is differentiated by: parameters, states (for their initial values), and doses; see
        :mod:`hepatica.simulation.directions` for their names. The derivative is that of the numerical solution with its
        step sizes held; it costs about two thirds of a run for each name.
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
        :func:`~hepatica.failed.failures` puts it into words. With sensitivities one variable
        ``d_X`` (arm, draw, time, parameter) for each observable X; NaN also where
        a run was only saved by the second, slow solver.

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
    tol, workers_ = tolerances or Tolerances(), workers(threads)
    experiment, ensemble = in_line(experiment, ensemble)
    setup = set_up(model, experiment, observables, times, kernel=kernel)
    kernel, base = setup.kernel, parameter_matrix(setup.kernel, ensemble)
    moves = resolve(setup, sensitivities)
    arms, draws = setup.operations, len(base)
    rest, status, culprit = None, np.zeros((len(arms), draws), np.int8), np.full((len(arms), draws), -1, np.int64)
    if experiment.equilibrate:
        rest = equilibrate(kernel, arms, base, tol, workers_, starting_doses(setup, moves))
        status, culprit = rest.status.copy(), rest.culprit.copy()
    todo = np.argwhere(status == Status.OK)
    tasks = tasks_of(todo, rest)
    slopes = np.full((len(arms), draws, len(setup.times), len(setup.wanted), len(moves.names)), np.nan)
    if sensitivities:
        run, slopes[todo[:, 0], todo[:, 1]] = run_forward(setup, moves, base, rest, tasks, tol, workers_, progress)
    else:
        y0 = None if rest is None else rest.values
        plan = plan_after(arms, equilibrated=experiment.equilibrate)
        run = integrate(
            kernel, plan, tasks, base, setup.times, y0=y0, tolerances=tol, threads=workers_, progress=progress
        )
    rescue(
        kernel, plan_after(arms, equilibrated=experiment.equilibrate), tasks, base, setup.times,
        None if rest is None else rest.values, run, tol,
    )  # fmt: skip
    if len(todo) == status.size:
        values = run.values.reshape(slopes.shape[:-1])
    else:
        values = np.full(slopes.shape[:-1], np.nan)
        values[todo[:, 0], todo[:, 1]] = run.values
    status[todo[:, 0], todo[:, 1]] = run.status
    stopped = np.where(status == Status.OK, np.nan, -np.inf)
    stopped[todo[:, 0], todo[:, 1]] = np.where(run.status == Status.OK, np.nan, run.stopped)
    culprit[todo[:, 0], todo[:, 1]] = run.culprit
    dataset = _dataset(setup, ensemble, values, status, stopped)
    dataset["culprit"] = (("arm", "draw"), *_culprits(kernel.states, status, culprit))
    return _with_slopes(dataset, setup, moves, slopes) if sensitivities else dataset


def _culprits(
    states: Sequence[str], status: NDArray[np.int8], culprit: NDArray[np.int64]
) -> tuple[NDArray[np.int16], dict[str, object]]:
    """Give the states that stopped runs, and what their numbers mean; none where it was not a state that did."""
    by_step = np.isin(status, [int(s) for s in Status if s.blames_state])
    flags = np.arange(len(states), dtype=np.int16 if len(states) < 2**15 else np.int32)
    names = " ".join("time" if name == CLOCK else "periodic_condition" if is_hidden(name) else name for name in states)
    return np.where(by_step, culprit, -1).astype(flags.dtype), {"flag_values": flags, "flag_meanings": names}


def _with_slopes(dataset: xr.Dataset, setup: Setup, moves: Moves, slopes: Array) -> xr.Dataset:
    dataset = dataset.assign_coords(parameter=list(moves.names))
    for j, name in enumerate(setup.wanted):
        attrs = {
            "long_name": f"derivative of {name}",
            "units": f"{dataset[name].attrs['units']} / unit of the parameter",
        }
        dataset[f"d_{name}"] = (("arm", "draw", "time", "parameter"), slopes[:, :, :, j], attrs)
    return dataset


def _dataset(
    setup: Setup, ensemble: Ensemble | None, values: Array, status: NDArray[np.int8], stopped: Array
) -> xr.Dataset:
    model, experiment = setup.model, setup.experiment
    units = {e.id: e.unit for e in model.species} | {e.id: e.unit for e in model.parameters}
    draws = np.arange(values.shape[1]) if ensemble is None else ensemble.draws.coords["draw"].values
    coords: dict[str, object] = {
        "arm": [a.id for a in experiment.arms],
        "draw": draws,
        "time": ("time", setup.times, {"units": model.units.get("time", "")}),
    }
    for key in dict.fromkeys(k for a in experiment.arms for k in a.all_labels):
        column = [a.all_labels.get(key) for a in experiment.arms]
        text = any(isinstance(x, str) for x in column)
        coords[key] = ("arm", [("" if text else np.nan) if x is None else x for x in column])
    data = {
        name: (("arm", "draw", "time"), values[..., j], {"units": units.get(name) or "dimensionless"})
        for j, name in enumerate(setup.wanted)
    }
    dataset = xr.Dataset(data, coords=coords)
    meanings = " ".join(s.name.lower() for s in Status)
    dataset["status"] = (
        ("arm", "draw"),
        status,
        {"flag_values": np.array([int(s) for s in Status], np.int8), "flag_meanings": meanings},
    )
    dataset["stopped"] = (("arm", "draw"), stopped, {"units": model.units.get("time", "")})
    dataset.attrs = {
        "model": model.id, "model_digest": model.digest, "experiment": experiment.id,
        "cell_line": experiment.cell_line.id if experiment.cell_line else "",
        "seed": -1 if ensemble is None else ensemble.seed,
    }  # fmt: skip
    return dataset
