"""Numbers that are made of what a simulation reads, with their derivative by each reading."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import InputError, NotFoundError, did_you_mean

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What some draws of an experiment read.

    Parameters
    ----------
    arms, times, observables
        Names of the arms, times (min), names of the observables.
    values
        Shape (arm, draw, time, observable); NaN where a run failed.
    """

    arms: tuple[str, ...]
    times: Array
    observables: tuple[str, ...]
    values: Array


class Objective(ABC):
    """One number for each draw, and how it changes with what was read."""

    @property
    @abstractmethod
    def observables(self) -> tuple[str, ...]:
        """Observables that must be read."""

    @property
    @abstractmethod
    def times(self) -> tuple[float, ...]:
        """Times at which they must be read, min."""

    @abstractmethod
    def __call__(self, readings: Readings) -> tuple[Array, Array]:
        """Give the numbers and their derivatives.

        Parameters
        ----------
        readings
            Of some of the draws, with all arms; draws come in any number and order, and from several threads.

        Returns
        -------
        array, array
            The number of each draw, shape (draw,), and its derivative by each reading, of the shape of the readings.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SquaredError(Objective):
    """``1/2 sum of ((read - measured) / sigma)^2``: minus the logarithm of a Gaussian likelihood, but for a constant.

    Parameters
    ----------
    measured
        One variable for each observable, dimensions (arm, time) with coordinates (time in min); NaN: not measured.
    sigma
        Standard deviation of a measurement: a number, or a Dataset of the same shape, in the observable's unit.

    Raises
    ------
    InputError
        When dimensions are others, nothing is measured, or a standard deviation is not above zero.
    """

    measured: xr.Dataset
    sigma: xr.Dataset | float = 1.0
    _tables: Mapping[str, tuple[Array, Array]] = field(init=False, repr=False)
    _arms: tuple[str, ...] = field(init=False, repr=False)
    _times: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tables: dict[str, tuple[Array, Array]] = {}
        for key, data in self.measured.data_vars.items():
            name = str(key)
            if set(data.dims) != {"arm", "time"} or not {"arm", "time"} <= set(data.coords):
                raise InputError(
                    f"the measurements of '{name}' have dimensions {data.dims}; expected (arm, time), with names."
                )
            spread = self.sigma[name] if isinstance(self.sigma, xr.Dataset) else xr.full_like(data, self.sigma)
            values, sigma = (x.broadcast_like(data).transpose("arm", "time").values for x in (data, spread))
            known = np.isfinite(values)
            if not known.any():
                raise InputError(f"the measurements of '{name}' are all missing; give one at least.")
            if not (sigma[known] > 0).all():
                raise InputError(f"a standard deviation of '{name}' is not above zero; every measurement needs one.")
            tables[name] = values, sigma
        object.__setattr__(self, "_tables", tables)
        object.__setattr__(self, "_arms", tuple(str(a) for a in self.measured["arm"].values))
        object.__setattr__(self, "_times", tuple(float(t) for t in self.measured["time"].values))

    @property
    def observables(self) -> tuple[str, ...]:
        """Observables that are measured."""
        return tuple(self._tables)

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the measurements, min."""
        return self._times

    def __call__(self, readings: Readings) -> tuple[Array, Array]:
        """Give the squared error of each draw and its derivative."""
        slope = np.zeros_like(readings.values)
        total = np.zeros(readings.values.shape[1])
        at = np.searchsorted(readings.times, np.array(self._times))
        arms = np.array([_place(a, readings.arms) for a in self._arms])
        for name, (data, sigma) in self._tables.items():
            j = readings.observables.index(name)
            arm, time = np.nonzero(np.isfinite(data))
            cells = arms[arm], slice(None), at[time], j
            residual = (readings.values[cells] - data[arm, time, None]) / sigma[arm, time, None]
            total += 0.5 * (residual**2).sum(axis=0)
            slope[cells] = residual / sigma[arm, time, None]
        return total, slope


def _place(arm: str, arms: Sequence[str]) -> int:
    if arm not in arms:
        raise NotFoundError(
            f"the measurements name the arm '{arm}', which the experiment does not have.{did_you_mean(arm, arms)}"
        )
    return arms.index(arm)
