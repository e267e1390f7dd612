"""Several assays read from one simulation."""

from dataclasses import dataclass
from typing import final

import numpy as np
import xarray as xr

from hepatica.assays.reading import BenchAssay, check_simulation
from hepatica.errors import InputError
from hepatica.experiment import Assay

_KEPT = ("arm", "draw", "replicate")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Panel(Assay):
    """Several assays of the same arms, so that one simulation serves them all.

    :meth:`read_all` gives each assay's own readout by name. :meth:`read` gives the same numbers as one table, with one
    entry of the dimension ``reading`` for each readout, time and band.

    Parameters
    ----------
    assays
        At least one, with different names.

    Raises
    ------
    InputError
        When there is none, or two have the same name.
    """

    assays: tuple[BenchAssay, ...]

    def __post_init__(self) -> None:
        if not self.assays:
            raise InputError("a panel has no assays; give at least one.")
        names = [assay.name for assay in self.assays]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"the panel has two assays that give '{name}'; read all times of it with one assay.")

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times of all assays, min."""
        return tuple(sorted({time for assay in self.assays for time in assay.times}))

    @property
    def observables(self) -> tuple[str, ...]:
        """Observables of all assays, each once."""
        return tuple(dict.fromkeys(name for assay in self.assays for name in assay.observables))

    def read_all(self, simulation: xr.Dataset, seed: int | None = None) -> dict[str, xr.DataArray]:
        """Give every assay's readout.

        Parameters
        ----------
        simulation, seed
            As in :meth:`Assay.read`; a readout is the same here and read alone.

        Returns
        -------
        dict of str to xarray.DataArray
            Name -> readout, in the order of the assays.
        """
        check_simulation(simulation, self)
        return {assay.name: assay.read(simulation, seed) for assay in self.assays}

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give all readouts as one table; see :meth:`Assay.read`.

        Returns
        -------
        xarray.DataArray
            Dimensions arm, draw (, replicate), reading. Coordinates along reading: ``reading`` (text), ``readout``,
            ``units``, ``time`` (min), ``band`` (empty where there is none). An assay with fewer replicates than the
            others leaves NaN.
        """
        columns = [column for readout in self.read_all(simulation, seed).values() for column in _columns(readout)]
        table = xr.concat(columns, dim="reading", coords="minimal", compat="override", join="outer")
        kept = [dim for dim in _KEPT if dim in table.dims]
        table = table.transpose(*kept, "reading").rename("panel")
        table.attrs = {"units": "see the coordinate units", "long_name": "all readouts"}
        return table


def _columns(readout: xr.DataArray) -> list[xr.DataArray]:
    """Split a readout into one array for each time and band, labelled along ``reading``."""
    others = [str(dim) for dim in readout.dims if dim not in _KEPT]
    columns = []
    for index in np.ndindex(*(readout.sizes[dim] for dim in others)):
        column = readout.isel(dict(zip(others, index, strict=True)))
        time = float(column["time"]) if "time" in column.coords else np.nan
        band = str(column["band"].values) if "band" in column.coords else ""
        parts = [str(readout.name), band, "" if np.isnan(time) else f"{time:g} min"]
        column = column.drop_vars([k for k, c in column.coords.items() if not c.dims])
        columns.append(
            column.expand_dims(reading=[" ".join(part for part in parts if part)]).assign_coords(
                readout=("reading", [str(readout.name)]),
                units=("reading", [str(readout.attrs["units"])]),
                time=("reading", [time], {"units": "min"}),
                band=("reading", [band]),
            )
        )
    return columns
