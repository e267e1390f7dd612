"""The prior as a standard normal distribution: coordinates in which a sampler knows neither bounds nor scales.

Each parameter is a monotone function of a standard normal variable, x = Q(Phi(z)) with the quantiles Q of its prior, cut off at its bounds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from hepatica.errors import InputError, NotFoundError, did_you_mean
from hepatica.inference.prior import FAMILIES
from hepatica.inference.problem import Estimate, Problem, to_scale

Array = NDArray[np.float64]
Choices = Mapping[str, Mapping[float, float]]
Forward = Callable[[Array], tuple[Array, Array]]

FACTORS = {"lin": 0.0, "log": 1.0, "log10": float(np.log(10.0))}


class Space:
    """Where a sampler moves.

    Parameters
    ----------
    estimates
        The estimated parameters.
    choices
        Parameters that have one of a few values, each with its prior probability; scaled to sum to one.

    Attributes
    ----------
    free, chosen
        Places of the continuous parameters, and of those with choices.

    Raises
    ------
    InputError
        When a parameter without prior has no finite bounds, bounds are out of order, or a choice cannot be used.
    """

    def __init__(self, estimates: Sequence[Estimate], choices: Choices | None = None) -> None:
        self.estimates, given = tuple(estimates), dict(choices or {})
        names = [e.id for e in self.estimates]
        for name in given:
            if name not in names:
                raise NotFoundError(
                    f"choices are given for '{name}', which is not estimated.{did_you_mean(name, names)}"
                )
        self.chosen = np.array([k for k, n in enumerate(names) if n in given], np.int64)
        self.free = np.array([k for k, n in enumerate(names) if n not in given], np.int64)
        self.values = [_values(names[k], given[names[k]]) for k in self.chosen]
        maps = [_forward(self.estimates[k]) for k in self.free]
        self._maps = [(j, m) for j, m in enumerate(maps) if not isinstance(m, _Normal)]
        normal = [(j, m) for j, m in enumerate(maps) if isinstance(m, _Normal)]
        self._normal = np.array([j for j, _ in normal], np.int64)
        self._bell = _Normals([m for _, m in normal])

    def draw(self, count: int, random: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        """Draw from the prior: coordinates (count, free), and indices of choices (count, chosen)."""
        z = random.normal(size=(count, len(self.free)))
        picked = np.empty((count, len(self.chosen)), np.int64)
        for j, (_, weights) in enumerate(self.values):
            picked[:, j] = np.searchsorted(np.cumsum(weights)[:-1], random.random(count), side="right")
        return z, picked

    def points(self, z: Array, picked: NDArray[np.int64]) -> tuple[Array, Array]:
        """Give the points, on the parameters' scales (count, estimated), and the derivatives dx/dz (count, free)."""
        x, slope = np.empty((len(z), len(self.estimates))), np.empty(z.shape)
        x[:, self.free[self._normal]], slope[:, self._normal] = self._bell(z[:, self._normal])
        for j, forward in self._maps:
            x[:, self.free[j]], slope[:, j] = forward(z[:, j])
        for j, (k, (values, _)) in enumerate(zip(self.chosen, self.values, strict=True)):
            x[:, k] = values[picked[:, j]]
        return x, slope


def coordinates(space: Space, x: Array, picked: NDArray[np.int64]) -> Array:
    """Give the coordinates of a point, all by bisection: each parameter grows with its own."""
    low, high = np.full(len(space.free), -8.0), np.full(len(space.free), 8.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = space.points(middle[None], picked[None])[0][0, space.free] < x[space.free]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))


def prior_draws(problem: Problem, count: int, *, seed: int = 1, choices: Choices | None = None) -> Array:
    """Draw parameters from their prior, cut off at their bounds; one without prior is uniform on its scale.

    Parameters
    ----------
    problem
        Whose parameters.
    count, seed
        How many, and of which random numbers.
    choices
        As for :func:`~hepatica.inference.sample.sample`.

    Returns
    -------
    array
        On the parameters' scales, shape (count, estimated).
    """
    space = Space(problem.estimated, choices)
    return space.points(*space.draw(count, np.random.Generator(np.random.Philox(key=[seed, 2**32]))))[0]


def _values(name: str, given: Mapping[float, float]) -> tuple[Array, Array]:
    values, weights = np.array(list(given), float), np.array(list(given.values()), float)
    if len(values) < 2 or not np.isfinite(values).all() or not (np.isfinite(weights) & (weights > 0.0)).all():
        raise InputError(
            f"the choices of '{name}' are {dict(given)}; expected two or more finite values with positive probabilities."
        )
    return values, weights / weights.sum()


def _forward(estimate: Estimate) -> "Forward | _Normal":
    """The map from a standard normal variable to a parameter on its scale, with its derivative."""
    lower, upper = to_scale(estimate.lower, estimate.scale), to_scale(estimate.upper, estimate.scale)
    prior, factor = estimate.prior, FACTORS[estimate.scale]
    if np.isnan(lower) or (np.isneginf(lower) and estimate.scale != "lin"):
        lower = -np.inf
    if not lower < upper:
        raise InputError(
            f"parameter '{estimate.id}' has the bounds {estimate.lower:g} and {estimate.upper:g}; expected two in order."
        )
    if prior is None or (prior.distribution == "uniform" and (prior.on_scale or factor == 0.0)):
        if prior is not None:
            lower, upper = max(lower, prior.arguments[0]), min(upper, prior.arguments[1])
        if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
            raise InputError(
                f"parameter '{estimate.id}' has no prior, and the bounds {estimate.lower:g} and {estimate.upper:g} on the scale "
                f"{estimate.scale}; sampling needs a prior or finite bounds."
            )
        return _uniform(lower, upper)
    on_scale = prior.on_scale or factor == 0.0
    if prior.distribution == "normal" and on_scale:
        return _Normal(prior.arguments[0], prior.arguments[1], lower, upper)
    if prior.distribution == "log-normal" and not on_scale:
        return _Normal(prior.arguments[0] / factor, prior.arguments[1] / factor, lower, upper)
    made = FAMILIES[prior.distribution][0](*prior.arguments)
    if on_scale:
        return _of_family(made, lower, upper, estimate)
    return _logarithmic(_of_family(made, estimate.lower, estimate.upper, estimate), factor)


def _density(z: Array) -> Array:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))


def _uniform(lower: float, upper: float) -> Forward:
    width = upper - lower

    def forward(z: Array) -> tuple[Array, Array]:
        share = ndtr(-np.abs(z))  # of the nearer tail, without loss of digits
        return np.where(z < 0.0, lower + width * share, upper - width * share), width * _density(z)

    return forward


@dataclass(frozen=True, slots=True)
class _Normal:
    """A normal prior on the scale, cut off at its bounds."""

    mean: float
    spread: float
    lower: float
    upper: float


class _Normals:
    """The maps of all normal priors at once: a calibration has hundreds of them."""

    def __init__(self, priors: Sequence[_Normal]) -> None:
        self.mean, self.spread, lower, upper = (
            np.array([getattr(p, name) for p in priors], float) for name in ("mean", "spread", "lower", "upper")
        )
        a, b = (lower - self.mean) / self.spread, (upper - self.mean) / self.spread
        self.below, self.above = ndtr(a), ndtr(-b)
        self.mass = np.where(a < 0.0, ndtr(b) - self.below, ndtr(-a) - self.above)
        self.least, self.most = np.maximum(a, -37.0), np.minimum(b, 37.0)

    def __call__(self, z: Array) -> tuple[Array, Array]:
        share = self.mass * ndtr(-np.abs(z))
        with np.errstate(over="ignore"):
            w = np.where(z < 0.0, ndtri(self.below + share), -ndtri(self.above + share))
            w = np.minimum(np.maximum(w, self.least), self.most)
            return self.mean + self.spread * w, self.spread * self.mass * np.exp(0.5 * (w * w - z * z))


def _of_family(made: Any, lower: float, upper: float, estimate: Estimate) -> Forward:
    below, above = float(made.cdf(lower)), float(made.sf(upper))
    mass = 1.0 - below - above
    if not mass > 0.0:
        raise InputError(f"the prior of '{estimate.id}' has no probability between its bounds {lower:g} and {upper:g}.")

    def forward(z: Array) -> tuple[Array, Array]:
        share = mass * ndtr(-np.abs(z))
        x = np.clip(np.where(z < 0.0, made.ppf(below + share), made.isf(above + share)), lower, upper)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = mass * _density(z) / made.pdf(x)
        return x, np.where(np.isfinite(slope), slope, 0.0)

    return forward


def _logarithmic(forward: Forward, factor: float) -> Forward:
    """A prior of the plain parameter, for one on a logarithmic scale."""

    def wrapped(z: Array) -> tuple[Array, Array]:
        x, slope = forward(z)
        x = np.maximum(x, np.finfo(float).tiny)
        return np.log(x) / factor, slope / (factor * x)

    return wrapped
