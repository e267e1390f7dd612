"""What is fitted: a model, what was done to it, what was measured, and which parameters are estimated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.model import Expression, Model

Scale = Literal["lin", "log", "log10"]
Distribution = Literal["normal", "laplace"]
Role = Literal["scaling", "offset", "sigma"]
Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """A distribution of an estimated parameter, with PEtab's name and arguments.

    ``on_scale``: whether it is one of the parameter as the optimizer sees it, on its scale; ``truncated``: whether it is cut
    off at the bounds of the parameter, and its density scaled up for that.
    """

    distribution: Literal[
        "uniform", "normal", "laplace", "log-normal", "log-laplace", "log-uniform", "cauchy", "chisquare", "exponential",
        "gamma", "rayleigh",
    ]  # fmt: skip
    arguments: tuple[float, ...]
    on_scale: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A parameter of the fit.

    Parameters
    ----------
    id
        Its name, in the model or in formulas.
    scale
        On which it is estimated.
    lower, upper, nominal
        Bounds and a value, all linear.
    estimated
        Whether it is estimated; otherwise it has its nominal value.
    prior
        Of the posterior; flat when ``None``.
    start_prior
        What starting points of a fit are drawn from, between the bounds; uniform on the scale when ``None``.
    role
        What it is in observables, where its best value has a closed form; see
        :class:`~hepatica.inference.analytic.AnalyticLikelihood`.
    """

    id: str
    scale: Scale = "lin"
    lower: float = -np.inf
    upper: float = np.inf
    nominal: float = np.nan
    estimated: bool = True
    prior: Prior | None = None
    start_prior: Prior | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One course of things: PEtab's pair of conditions, or experiment.

    Parameters
    ----------
    id
        Its name.
    before
        What holds during pre-equilibration: a value for each parameter, species or compartment that differs from the model's;
        ``None`` without one.
    after
        The same from the start on. A species or a quantity with a rate rule that is missing here goes on from the steady state.
    start
        When the run begins, in the model's unit of time.
    later
        Changes at later times, or at the start and with values that depend on the state: (time, value for each target), ascending.
        All values are those before the change; concentrations outlast a change of their compartment.
    """

    id: str
    before: Mapping[str, Expression] | None = None
    after: Mapping[str, Expression] = field(default_factory=dict)
    start: float = 0.0
    later: tuple[tuple[float, Mapping[str, Expression]], ...] = ()

    @property
    def conditions(self) -> tuple[Mapping[str, Expression], ...]:
        """What holds at the start of each part."""
        return (*(() if self.before is None else (self.before,)), self.after, *(changes for _, changes in self.later))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """What a measurement should be: an expression of the model, with its noise.

    Parameters
    ----------
    id
        Name of the observable.
    formula, noise
        What is expected, and the scale of the noise.
    scale
        On which measurement and expectation are compared.
    distribution
        Of the noise.
    """

    id: str
    formula: Expression
    noise: Expression
    scale: Scale = "lin"
    distribution: Distribution = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A parameter-estimation problem.

    Parameters
    ----------
    id
        Its name.
    model
        The network.
    parameters
        What is estimated, and what has a value that the model does not give.
    trials
        What was done.
    observables
        What was measured; an observable with other scale or noise parameters is another one.
    trial, observable
        Of each measurement, which trial and which observable, shape (measurement,).
    times
        Of each measurement, in the model's unit of time; infinite: at the steady state.
    values
        The measurements, shape (measurement,).
    censored
        What each is, shape (measurement,): 0 the value itself; 1 a bound that the true value is at or above; -1 one that it is at
        or below; 2 the lower bound of an interval that it is in. ``None``: all are values.
    limits
        Upper bounds of the intervals, shape (measurement,); read where ``censored`` is 2.

    Raises
    ------
    InputError
        When the censoring has another shape or other codes, or an interval has no width.
    """

    id: str
    model: Model
    parameters: tuple[Estimate, ...]
    trials: tuple[Trial, ...]
    observables: tuple[Observable, ...]
    trial: Indices
    observable: Indices
    times: Array
    values: Array
    censored: NDArray[np.int8] | None = None
    limits: Array | None = None

    def __post_init__(self) -> None:
        if self.censored is None:
            return
        count, codes = len(self.values), np.asarray(self.censored)
        if codes.shape != (count,) or not np.isin(codes, (-1, 0, 1, 2)).all():
            raise InputError(
                f"problem '{self.id}' has {count} measurements, and 'censored' has shape {codes.shape} and the values "
                f"{sorted(set(codes.ravel().tolist()))}; expected -1, 0, 1 or 2 for each measurement."
            )
        within = codes == 2
        if within.any() and (self.limits is None or self.limits.shape != (count,)):
            raise InputError(
                f"problem '{self.id}' has measurements in intervals, and 'limits' not of each; give their upper bounds."
            )
        for k in np.flatnonzero(within):
            if not self.values[k] < self.limits[k]:  # type: ignore[index]
                raise InputError(
                    f"problem '{self.id}': measurement {k + 1} is in the interval from {self.values[k]:g} to "
                    f"{self.limits[k]:g}; expected the lower bound first, and a width."  # type: ignore[index]
                )

    def subset(self, which: Indices) -> "Problem":
        """Give the problem of some measurements, by their places; all parameters stay."""
        trials, trial = np.unique(self.trial[which], return_inverse=True)
        observables, observable = np.unique(self.observable[which], return_inverse=True)
        return replace(
            self, trials=tuple(self.trials[k] for k in trials), observables=tuple(self.observables[k] for k in observables),
            trial=trial, observable=observable, times=self.times[which], values=self.values[which],
            censored=None if self.censored is None else self.censored[which],
            limits=None if self.limits is None else self.limits[which],
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 over everything that can change a number."""
        arrays = b"".join(
            b"" if a is None else np.ascontiguousarray(a).tobytes()
            for a in (self.trial, self.observable, self.times, self.values, self.censored, self.limits)
        )
        texts = (
            self.model.digest, self.parameters, [(t.before, t.after, t.start, t.later) for t in self.trials], self.observables,
        )  # fmt: skip
        return sha256(repr(texts).encode() + arrays).hexdigest()

    @property
    def estimated(self) -> tuple[Estimate, ...]:
        """The parameters that are estimated, in the order of a vector of them."""
        return tuple(p for p in self.parameters if p.estimated)

    @property
    def nominal(self) -> Array:
        """Nominal values of the estimated parameters, on their scales."""
        return np.array([to_scale(p.nominal, p.scale) for p in self.estimated])


def to_scale(value: float, scale: Scale) -> float:
    """Put a value on a scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float({"lin": np.positive, "log": np.log, "log10": np.log10}[scale](value))
