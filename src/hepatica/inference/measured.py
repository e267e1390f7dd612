"""The measurements of a problem beside what was expected: densities, information, residuals."""

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.noise import (
    information,
    information_between,
    log_density,
    log_probability,
    residual,
    residual_between,
)
from hepatica.inference.problem import Distribution, Problem, Scale

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Measured:
    """What was measured, and within which bounds where it is censored.

    All functions take what was expected and the scale of the noise, shape (point, measurement).

    Parameters
    ----------
    problem
        What is fitted.
    """

    def __init__(self, problem: Problem) -> None:
        self._values, self._observable, self._observables = problem.values, problem.observable, problem.observables
        code = np.zeros(len(problem.values), np.int8) if problem.censored is None else problem.censored
        limits = problem.values if problem.limits is None else problem.limits
        self._censored = code != 0
        self._low = np.where(code == -1, -np.inf, problem.values)
        self._high = np.where(code == 1, np.inf, np.where(code == 2, limits, problem.values))

    def total(self, expected: Array, sigma: Array) -> tuple[Array, Array, Array]:
        """Give the log-likelihood (point,), and its derivatives by expectations and noise."""
        each, by_expected, by_sigma = self.each(expected, sigma)
        total = np.zeros(len(expected))
        for censored in (False, True):
            for _scale, _distribution, here in self._kinds(censored=censored):
                total += np.ascontiguousarray(each[:, here]).sum(axis=1)
        return total, by_expected, by_sigma

    def each(self, expected: Array, sigma: Array) -> tuple[Array, Array, Array]:
        """Give the log-likelihood of each measurement, and its derivatives by expectation and noise, all (point, measurement)."""
        each, by_expected, by_sigma = np.empty_like(expected), np.empty_like(expected), np.empty_like(expected)
        for scale, distribution, here in self._kinds(censored=False):
            each[:, here], by_expected[:, here], by_sigma[:, here] = log_density(
                self._values[here], expected[:, here], sigma[:, here], scale, distribution
            )
        for scale, distribution, here in self._kinds(censored=True):
            each[:, here], by_expected[:, here], by_sigma[:, here] = log_probability(
                self._low[here], self._high[here], expected[:, here], sigma[:, here], scale, distribution
            )
        return each, by_expected, by_sigma

    def weights(self, expected: Array, sigma: Array) -> tuple[Array, Array]:
        """Give the information about what was expected and about the scale of the noise that each measurement gives."""
        by_expected, by_sigma = np.empty_like(expected), np.empty_like(expected)
        for scale, distribution, here in self._kinds(censored=False):
            by_expected[:, here], by_sigma[:, here] = information(
                expected[:, here], sigma[:, here], scale, distribution
            )
        for scale, distribution, here in self._kinds(censored=True):
            by_expected[:, here], by_sigma[:, here] = information_between(
                self._low[here], self._high[here], expected[:, here], sigma[:, here], scale, distribution
            )
        return by_expected, by_sigma

    def residuals(self, expected: Array, sigma: Array) -> Array:
        """Give the normalised differences of measurements from expectations, shape (point, measurement)."""
        out = np.empty_like(expected)
        for scale, _distribution, here in self._kinds(censored=False):
            out[:, here] = residual(self._values[here], expected[:, here], sigma[:, here], scale)
        for scale, _distribution, here in self._kinds(censored=True):
            low, high = self._low[here], self._high[here]
            out[:, here] = residual_between(low, high, expected[:, here], sigma[:, here], scale)
        return out

    def _kinds(self, *, censored: bool) -> list[tuple[Scale, Distribution, Indices]]:
        """Scale and distribution of the noise, and the measurements that have it, of those that are censored or of the others."""
        kinds = [(o.scale, o.distribution) for o in self._observables]
        of = np.array([list(dict.fromkeys(kinds)).index(k) for k in kinds], np.int64)[self._observable]
        found = [
            (*kind, np.flatnonzero((of == j) & (self._censored == censored)))
            for j, kind in enumerate(dict.fromkeys(kinds))
        ]
        return [(scale, distribution, here) for scale, distribution, here in found if len(here)]
