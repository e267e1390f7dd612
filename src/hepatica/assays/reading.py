"""What every bench assay shares: reading times, the look-up in a simulation, and which arms are doses of what."""

import re
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from hepatica.errors import InputError, NotFoundError, did_you_mean
from hepatica.experiment import Assay
from hepatica.units import convert, quantity

_TIME_TOLERANCE = 1e-6
"""Relative; two times closer than this are the same reading."""

_DOSE_NAME = re.compile(r"^.+_(pM|nM|uM|mM|M)$")

_CARRIED = ("experiment", "cell_line")
"""Attributes of the simulation that a readout keeps."""


class BenchAssay(Assay):
    """An assay whose readout has a name, under which a :class:`Panel` and a study file it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the readout, such as ``viability``."""


def reading_times(at: str | Sequence[str]) -> tuple[float, ...]:
    """Convert texts such as ``"72 h"`` to ascending minutes, each once.

    Parameters
    ----------
    at
        One text or several.

    Returns
    -------
    tuple of float
        min, ascending.

    Raises
    ------
    InputError
        When there is none, or one is negative.
    UnitError
        When a text is no time.

    Examples
    --------
    >>> reading_times(("72 h", "30 min"))
    (30.0, 4320.0)
    """
    texts = (at,) if isinstance(at, str) else tuple(at)
    if not texts:
        raise InputError("an assay has no reading time; give at least one, such as '72 h'.")
    for text in texts:
        if quantity(text, "min") < 0:
            raise InputError(f"the reading time '{text}' is negative; expected zero or later.")
    return tuple(sorted({quantity(text, "min") for text in texts}))


def check_simulation(simulation: xr.Dataset, assay: Assay) -> None:
    """Raise one error that names every observable and time the assay needs and the simulation lacks.

    Parameters
    ----------
    simulation
        Dataset with dimensions arm, draw, time.
    assay
        What is to be read.

    Raises
    ------
    NotFoundError
        When a dimension, observable or time is missing.
    """
    who = type(assay).__name__
    for dim in ("arm", "draw", "time"):
        if dim not in simulation.dims or dim not in simulation.coords:
            raise NotFoundError(f"{who} needs a simulation with the labelled dimension '{dim}'; it is missing.")
    known = [str(name) for name in simulation.data_vars if name != "status"]
    parts = []
    hint = ""
    observables = [name for name in assay.observables if name not in known]
    if observables:
        parts.append("observable " + ", ".join(f"'{name}'" for name in observables))
        hint = did_you_mean(observables[0], known)
    times = [time for time in assay.times if _nearest(simulation, time) is None]
    if times:
        parts.append("time " + ", ".join(f"{time:g} min" for time in times))
    if parts:
        raise NotFoundError(
            f"{who} cannot read the simulation, which lacks {' and '.join(parts)}; "
            f"simulate with this assay, or in a Panel with the others.{hint}"
        )


def _nearest(simulation: xr.Dataset, time: float) -> int | None:
    values = np.asarray(simulation["time"].values, dtype=float)
    if values.size == 0:
        return None
    index = int(np.argmin(np.abs(values - time)))
    return index if abs(values[index] - time) <= _TIME_TOLERANCE * max(1.0, abs(time)) else None


def observe(simulation: xr.Dataset, observable: str, at: str | Sequence[str]) -> xr.DataArray:
    """Give one observable at reading times.

    Parameters
    ----------
    simulation
        Dataset that passed :func:`check_simulation`.
    observable
        Its variable.
    at
        One text, which leaves no time dimension, or several, which keep it.

    Returns
    -------
    xarray.DataArray
        Dimensions arm, draw (, time); the time coordinate is in min, exactly as asked.
    """
    times = reading_times(at)
    indices = [index for time in times if (index := _nearest(simulation, time)) is not None]
    array = simulation[observable].isel(time=indices).transpose("arm", "draw", "time")
    array = array.assign_coords(time=("time", list(times), {"units": "min"}))
    return array.isel(time=0) if isinstance(at, str) else array


def check_seeded(cells: xr.DataArray) -> None:
    """Raise an error when no arm holds any cell, so that nothing can be counted."""
    values = cells.values
    if values.size and np.isfinite(values).any() and not np.nanmax(values) > 0:
        raise InputError(
            "the simulation holds no live cells at the reading; add a Change that seeds 'cells' at time 0 to every arm."
        )


def finish(array: xr.DataArray, simulation: xr.Dataset, *, name: str, units: str, long_name: str) -> xr.DataArray:
    """Name a readout and give it its unit, a label for axes, and the simulation's experiment and cell line."""
    lead = [dim for dim in ("arm", "draw") if dim in array.dims]
    out = array.transpose(*lead, ...).rename(name)
    out.attrs = {"units": units, "long_name": long_name}
    out.attrs.update({key: simulation.attrs[key] for key in _CARRIED if key in simulation.attrs})
    return out


def arm_index(array: xr.DataArray, arm: str) -> int:
    """Give the position of an arm, or raise :class:`NotFoundError` with near names."""
    ids = [str(value) for value in array["arm"].values]
    if arm not in ids:
        raise NotFoundError(f"the simulation has no arm '{arm}'.{did_you_mean(arm, ids)}")
    return ids.index(arm)


def dose_units(array: xr.DataArray) -> dict[str, str]:
    """Find the coordinates of the arms that are doses, with their units.

    Returns
    -------
    dict
        Coordinate name -> unit: those along ``arm`` that hold numbers and end in a unit, such as ``sorafenib_uM``.
    """
    found = {}
    for key, coord in array.coords.items():
        match = _DOSE_NAME.match(str(key))
        if match and coord.dims == ("arm",) and np.issubdtype(coord.dtype, np.number):
            found[str(key)] = match.group(1)
    return found


def doses_of(array: xr.DataArray, dose: str) -> npt.NDArray[np.float64]:
    """Give the dose of each arm.

    Parameters
    ----------
    array
        With dimension arm.
    dose
        Name of a dose coordinate, such as ``sorafenib_uM``.

    Returns
    -------
    numpy.ndarray
        uM, shape (arm,); an arm without the label has dose zero.

    Raises
    ------
    NotFoundError
        When there is no such coordinate.
    InputError
        When a dose is negative.
    """
    units = dose_units(array)
    if dose not in units:
        raise NotFoundError(
            f"the arms have no dose label '{dose}'; expected a number and a name that ends in its unit, "
            f"such as 'sorafenib_uM'.{did_you_mean(dose, units)}"
        )
    factor = convert(1.0, units[dose], "uM")
    values: npt.NDArray[np.float64] = np.nan_to_num(np.asarray(array[dose].values, dtype=float), nan=0.0) * factor
    if (values < 0).any():
        raise InputError(f"the dose label '{dose}' holds {values.min():g} uM; expected zero or more.")
    return values


def zero_dose_arms(array: xr.DataArray, doses: Sequence[str]) -> npt.NDArray[np.intp]:
    """Give, for each arm, the position of the arm with the same manipulation and no dose.

    Parameters
    ----------
    array
        With dimension arm and its label coordinates.
    doses
        The dose coordinates; all other labels of the arms together are the manipulation.

    Returns
    -------
    numpy.ndarray
        Shape (arm,).

    Raises
    ------
    InputError
        When a manipulation has no zero-dose arm, or two.
    """
    ids = [str(value) for value in array["arm"].values]
    labels = [str(k) for k, c in array.coords.items() if c.dims == ("arm",) and k != "arm" and str(k) not in doses]
    keys = [tuple(str(array[label].values[i]) for label in labels) for i in range(len(ids))]
    total = np.sum([doses_of(array, dose) for dose in doses], axis=0) if doses else np.zeros(len(ids))
    base: dict[tuple[str, ...], int] = {}
    for i, key in enumerate(keys):
        if total[i] == 0.0:
            if key in base:
                raise InputError(
                    f"arms '{ids[base[key]]}' and '{ids[i]}' have the same labels and no dose; "
                    "give them different labels, such as a manipulation."
                )
            base[key] = i
    for i, key in enumerate(keys):
        if key not in base:
            raise InputError(
                f"arm '{ids[i]}' has no zero-dose arm with the same labels ({', '.join(labels) or 'none'}); "
                "add that arm, or name the dose label of the series with dose=."
            )
    return np.array([base[key] for key in keys], dtype=np.intp)
