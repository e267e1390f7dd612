"""The gradient of a number by parameters, initial values and doses, for every draw of an ensemble."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.compiler.derivatives import compile_adjoint
from hepatica.compiler.kernel import Adjoint
from hepatica.ensemble import Ensemble
from hepatica.errors import InputError, did_you_mean
from hepatica.experiment import Experiment
from hepatica.model import Model
from hepatica.simulation.directions import resolve
from hepatica.simulation.forward import doses_after, doses_before, run_forward, starting_doses, tangent_of, tasks_of
from hepatica.simulation.objective import Objective, Readings
from hepatica.simulation.setup import Rest, equilibrate, parameter_matrix, set_up, workers
from hepatica.solver import Status, Tolerances, integrate, plan_after, plan_before
from hepatica.solver.adjoint import differentiate
from hepatica.solver.implicit import steady_adjoints

Array = NDArray[np.float64]
Method = Literal["automatic", "adjoint", "forward"]

FEW = 4  # names up to which pushing them forward costs less than pulling the objective back
MEMORY = 2**24  # bytes of forward sensitivities that are held at a time: more would not stay in the processor's cache


class Differentiator:
    """An experiment compiled for the gradient of one objective; for many evaluations.

    Parameters
    ----------
    model, experiment
        What is run.
    objective
        What is differentiated.
    wrt
        Parameters, states (for their initial values) and doses; see :mod:`hepatica.simulation.directions` for their names.
    method
        ``adjoint`` costs two to five runs whatever the number of names, ``forward`` up to one run for each;
        ``automatic`` takes what is cheaper.
    threads
        Worker threads; all cores when ``None``. The result does not depend on it.
    tolerances
        Accuracy; relative 1e-5 when ``None``.

    Raises
    ------
    NotFoundError, InputError, UnitError
        When a name is unknown, or nothing is differentiated.
    """

    def __init__(
        self, model: Model, experiment: Experiment, objective: Objective, wrt: Sequence[str], *, method: Method = "automatic",
        threads: int | None = None, tolerances: Tolerances | None = None,
    ) -> None:  # fmt: skip
        if method not in get_args(Method):
            known = get_args(Method)
            raise InputError(f"the method '{method}' is none of {', '.join(known)}.{did_you_mean(method, known)}")
        if not wrt:
            raise InputError("nothing to differentiate by was given; name at least one parameter, state or dose.")
        self._objective, self._threads, self._tol = objective, workers(threads), tolerances or Tolerances()
        self._setup = set_up(model, experiment, objective.observables, objective.times)
        self._moves = resolve(self._setup, wrt)
        forward = method == "forward" or (method == "automatic" and len(self._moves.names) <= FEW)
        setup = self._setup
        self._tangent = tangent_of(setup, self._moves) if forward else None
        self._adjoint = None if forward else compile_adjoint(model, setup.wanted)
        self._plan = plan_after(setup.operations, equilibrated=experiment.equilibrate)
        self._doses = doses_after(setup, self._moves)

    def __call__(self, ensemble: Ensemble | None = None) -> xr.Dataset:
        """Evaluate.

        Parameters
        ----------
        ensemble
            Parameter sets; the model's own values when ``None``.

        Returns
        -------
        xarray.Dataset
            ``value`` (draw), ``gradient`` (draw, parameter) and ``status`` (arm, draw). Both are NaN for a draw of which any
            arm failed; there is no second try with another solver, as its result has no gradient.
        """
        setup = self._setup
        value, gradient, status = self._differentiate(parameter_matrix(setup.kernel, ensemble))
        return self._dataset(ensemble, value, gradient, status)

    def value(self, ensemble: Ensemble | None = None) -> xr.Dataset:
        """Evaluate the objective alone: ``value`` (draw) and ``status`` (arm, draw), to the same bits as with the gradient."""
        value, status = self._value(parameter_matrix(self._setup.kernel, ensemble))
        return self._dataset(ensemble, value, None, status)

    def evaluate(self, points: Array) -> tuple[Array, Array]:
        """Evaluate as optimizers do: without labels, which cost more than the gradient of a small model.

        Parameters
        ----------
        points
            Values of the names, shape (point, name), in the model's units; what is not named has the model's value.

        Returns
        -------
        array, array
            Objective (point,) and gradient (point, name); NaN where any arm failed.

        Raises
        ------
        InputError
            When the shape is another one, a value is not finite, or a name is that of a state or a dose.
        """
        value, gradient, _ = self._differentiate(self._base(points))
        return value, gradient

    def evaluate_value(self, points: Array) -> Array:
        """Evaluate the objective alone, as :meth:`evaluate` does."""
        return self._value(self._base(points))[0]

    def _base(self, points: Array) -> Array:
        """Parameters of every point, shape (point, parameter)."""
        moves, kernel = self._moves, self._setup.kernel
        fixed = [name for name, k in zip(moves.names, moves.parameter, strict=True) if k < 0]
        if fixed:
            raise InputError(
                f"'{fixed[0]}' is no parameter, and has no value to evaluate at; differentiate by parameters only."
            )
        values = np.asarray(points, float)
        if values.ndim != 2 or values.shape[1] != len(moves.names) or not np.isfinite(values).all():
            raise InputError(
                f"the points have shape {values.shape}; expected (point, {len(moves.names)}), every number finite."
            )
        base = np.tile(kernel.p0, (len(values), 1))
        base[:, moves.parameter] = values
        return base

    def _differentiate(self, base: Array) -> tuple[Array, Array, NDArray[np.int8]]:
        rest, status = self._begin(base)
        value, gradient = np.full(len(base), np.nan), np.full((len(base), len(self._moves.names)), np.nan)
        fine = np.flatnonzero((status == Status.OK).all(axis=0))
        if len(fine):
            done = (
                self._push(base, rest, fine) if self._adjoint is None else self._pull(base, rest, fine, self._adjoint)
            )
            status[:, fine], value[fine], gradient[fine] = done
        failed = (status != Status.OK).any(axis=0)
        value[failed], gradient[failed] = np.nan, np.nan
        return value, gradient, status

    def _value(self, base: Array) -> tuple[Array, NDArray[np.int8]]:
        setup = self._setup
        rest, status = self._begin(base)
        value = np.full(len(base), np.nan)
        fine = np.flatnonzero((status == Status.OK).all(axis=0))
        if len(fine):
            run = integrate(
                setup.kernel, self._plan, self._tasks(fine, rest), base, setup.times, y0=None if rest is None else rest.values,
                tolerances=self._tol, threads=self._threads,
            )  # fmt: skip
            value[fine], _ = self._evaluate(run.values)
            status[:, fine] = run.status.reshape(len(fine), -1).T
        value[(status != Status.OK).any(axis=0)] = np.nan
        return value, status

    def _begin(self, base: Array) -> tuple[Rest | None, NDArray[np.int8]]:
        """The steady states to start from, and how they ended (arm, draw)."""
        setup, experiment = self._setup, self._setup.experiment
        if not experiment.equilibrate:
            return None, np.zeros((len(experiment.arms), len(base)), np.int8)
        doses = starting_doses(setup, self._moves)
        rest = equilibrate(setup.kernel, setup.operations, base, self._tol, self._threads, doses)
        return rest, rest.status.copy()

    def _tasks(self, fine: NDArray[np.int64], rest: Rest | None) -> NDArray[np.int64]:
        """All arms of a draw side by side."""
        arms = len(self._setup.experiment.arms)
        return tasks_of(np.column_stack([np.tile(np.arange(arms), len(fine)), np.repeat(fine, arms)]), rest)

    def _evaluate(self, values: Array) -> tuple[Array, Array]:
        """Value and slopes of whole draws from what their tasks read, shape (task, time, observable)."""
        setup = self._setup
        arms = tuple(a.id for a in setup.experiment.arms)
        shaped = values.reshape(-1, len(arms), *values.shape[1:]).swapaxes(0, 1)
        readings = Readings(arms=arms, times=setup.times, observables=setup.wanted, values=shaped)
        value, slope = self._objective(readings)
        return value, np.ascontiguousarray(slope.swapaxes(0, 1).reshape(values.shape))

    def _pull(
        self, base: Array, rest: Rest | None, fine: NDArray[np.int64], adjoint: Adjoint
    ) -> tuple[NDArray[np.int8], Array, Array]:
        setup, moves, arms = self._setup, self._moves, len(self._setup.experiment.arms)
        tasks, value = self._tasks(fine, rest), np.full(len(fine), np.nan)

        def slopes(part: slice, values: Array) -> Array:
            value[part.start // arms : part.stop // arms], slope = self._evaluate(values)
            return slope

        run = differentiate(
            setup.kernel, adjoint, self._plan, tasks, base, setup.times, slopes, self._doses,
            y0=None if rest is None else rest.values, tolerances=self._tol, threads=self._threads, block=arms,
        )  # fmt: skip
        by_base = run.base.reshape(len(fine), arms, -1).sum(axis=1)
        by_dose = run.doses.reshape(len(fine), arms, -1).sum(axis=1)
        by_state = run.start.reshape(len(fine), arms, -1).sum(axis=1)
        if rest is not None:
            used, place = np.unique(tasks[:, 2], return_inverse=True)
            given = np.zeros((len(used), run.start.shape[1]))
            np.add.at(given, place, run.start)
            settled = np.isfinite(given).all(axis=1)
            given[~settled] = 0.0
            before = steady_adjoints(
                setup.kernel, adjoint, plan_before(rest.arms), rest.tasks[used], base, rest.values[used], given,
                doses_before(setup, moves, rest), tolerances=self._tol, threads=self._threads,
            )  # fmt: skip
            draw = np.searchsorted(fine, rest.tasks[used][:, 1])
            by_state = np.zeros_like(by_state)
            for total, part in ((by_base, before.base), (by_dose, before.doses), (by_state, before.start)):
                np.add.at(total, draw, part)
        gradient = by_dose
        for d, (parameter, state) in enumerate(zip(moves.parameter, moves.state, strict=True)):
            if parameter >= 0:
                gradient[:, d] += by_base[:, parameter]
            if state >= 0:
                gradient[:, d] += by_state[:, state]
        return run.status.reshape(len(fine), arms).T, value, gradient

    def _push(self, base: Array, rest: Rest | None, fine: NDArray[np.int64]) -> tuple[NDArray[np.int8], Array, Array]:
        setup, arms, names = self._setup, len(self._setup.experiment.arms), len(self._moves.names)
        value, gradient = np.full(len(fine), np.nan), np.full((len(fine), names), np.nan)
        status = np.zeros((arms, len(fine)), np.int8)
        each = 8 * arms * len(setup.times) * len(setup.wanted) * names
        most = max(self._threads, MEMORY // each)
        for first in range(0, len(fine), most):
            part = slice(first, min(len(fine), first + most))
            tasks = self._tasks(fine[part], rest)
            run, forward = run_forward(
                setup, self._moves, base, rest, tasks, self._tol, self._threads, tangent=self._tangent
            )
            value[part], slope = self._evaluate(run.values)
            with np.errstate(invalid="ignore"):
                by_task = np.einsum("ato,atod->ad", slope, forward)
            gradient[part] = by_task.reshape(-1, arms, names).sum(axis=1)
            status[:, part] = run.status.reshape(-1, arms).T
        return status, value, gradient

    def _dataset(
        self, ensemble: Ensemble | None, value: Array, gradient: Array | None, status: NDArray[np.int8]
    ) -> xr.Dataset:
        experiment = self._setup.experiment
        draws = np.arange(len(value)) if ensemble is None else ensemble.draws.coords["draw"].values
        coords = {"draw": draws, "arm": [a.id for a in experiment.arms]}
        flags = {
            "flag_values": np.array([int(s) for s in Status], np.int8),
            "flag_meanings": " ".join(s.name.lower() for s in Status),
        }
        data = {"value": ("draw", value), "status": (("arm", "draw"), status, flags)}
        if gradient is None:
            return xr.Dataset(data, coords=coords)
        return xr.Dataset(
            data | {"gradient": (("draw", "parameter"), gradient)}, coords=coords | {"parameter": list(self._moves.names)},
            attrs={"method": "forward" if self._tangent else "adjoint"},
        )  # fmt: skip


def value_and_gradient(
    model: Model, experiment: Experiment, objective: Objective, wrt: Sequence[str], ensemble: Ensemble | None = None, *,
    method: Method = "automatic", threads: int | None = None, tolerances: Tolerances | None = None,
) -> xr.Dataset:  # fmt: skip
    """Give an objective and its gradient for every draw of an ensemble.

    Parameters
    ----------
    model, experiment, objective, wrt, method, threads, tolerances
        As for :class:`Differentiator`, which serves where many evaluations are to be made.
    ensemble
        Parameter sets; the model's own values when ``None``.

    Returns
    -------
    xarray.Dataset
        ``value`` (draw), ``gradient`` (draw, parameter), ``status`` (arm, draw).

    Examples
    --------
    >>> import hepatica as hp
    >>> import xarray as xr
    >>> model = hp.load_model("hcc")
    >>> arms = (hp.Arm(id="control"),)
    >>> experiment = hp.Experiment(id="fit", cell_line=hp.load_cell_line("HepG2"), arms=arms, assay=hp.DoseResponse())
    >>> blot = xr.Dataset({"ppERK": (("arm", "time"), [[1.0]])}, coords={"arm": ["control"], "time": [60.0]})
    >>> result = hp.value_and_gradient(model, experiment, hp.SquaredError(measured=blot), ["ERK_level", "IGF1R_level"])
    >>> result["gradient"].dims
    ('draw', 'parameter')
    """
    return Differentiator(model, experiment, objective, wrt, method=method, threads=threads, tolerances=tolerances)(
        ensemble
    )
