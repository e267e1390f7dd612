"""The plain level of one observable, as an expression assay gives it."""

from dataclasses import dataclass, field
from typing import final

import xarray as xr

from hepatica.assays.apoptosis import READOUT_MEDIAN
from hepatica.assays.noise import REPLICATES, Noise
from hepatica.assays.reading import BenchAssay, check_simulation, finish, observe, reading_times
from hepatica.errors import InputError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Level(BenchAssay):
    """One observable in the model's own unit.

    Parameters
    ----------
    observable
        Its name, such as ``IGF1R_total``; the readout's name is the same in lower case.
    at
        When it is read.
    noise, replicates
        Scatter of the immunoassay, and its repeats.

    Raises
    ------
    InputError
        When no observable is named.

    Examples
    --------
    >>> Level(observable="IGF1R_total", at="0 min").name
    'igf1r_total'
    """

    observable: str
    at: str | tuple[str, ...] = "0 min"
    noise: Noise = field(default=READOUT_MEDIAN)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        if not self.observable:
            raise InputError("a level needs an observable; name one of the model's, such as 'IGF1R_total'.")
        reading_times(self.at)

    @property
    def name(self) -> str:
        """The readout's name: the observable in lower case."""
        return self.observable.lower()

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min."""
        return reading_times(self.at)

    @property
    def observables(self) -> tuple[str, ...]:
        """The one observable."""
        return (self.observable,)

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`."""
        check_simulation(simulation, self)
        exact = observe(simulation, self.observable, self.at)
        units = str(simulation[self.observable].attrs.get("units", "1"))
        if seed is not None:
            exact = self.noise.replicates(exact, seed=seed, stream=self.name, n=self.replicates)
        return finish(exact, simulation, name=self.name, units=units, long_name=self.observable)
