"""What a model does, as it is: no instrument, no noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import xarray as xr

from hepatica.assays.reading import BenchAssay, check_simulation, finish
from hepatica.errors import InputError
from hepatica.units import quantity


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCourse(BenchAssay):
    """Observables of any model at given times, in the model's own units.

    Parameters
    ----------
    at
        Numbers in the model's unit of time, or texts such as ``"2 h"``, which become minutes.
    of
        Observables: species, parameters that change, rule variables, reactions (their rates); all that the model has when empty.

    Raises
    ------
    InputError
        When there is no time, or one is negative or not finite.
    UnitError
        When a text is no time.

    Examples
    --------
    >>> TimeCourse(at=(5, 0, "1 h"), of=("Akt_p",)).times
    (0.0, 5.0, 60.0)
    """

    at: Sequence[float | str]
    of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.at, str) or not len(self.at):
            raise InputError(
                f"a time course was given {self.at!r} as its times; expected several, such as (0, 10, 20)."
            )
        for time in self.times:
            if not (math.isfinite(time) and time >= 0):
                raise InputError(f"a time course was asked for at {time:g}; expected finite times from zero on.")

    @property
    def name(self) -> str:
        """``time_course``."""
        return "time_course"

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, ascending, each once."""
        return tuple(sorted({quantity(t, "min") if isinstance(t, str) else float(t) for t in self.at}))

    @property
    def observables(self) -> tuple[str, ...]:
        """What is read; empty for everything."""
        return self.of

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`.

        Returns
        -------
        xarray.DataArray
            Dimensions arm, draw, time, observable; coordinate ``units`` along observable.

        Raises
        ------
        InputError
            When a seed is given: there is no measurement here that could scatter.
        """
        if seed is not None:
            raise InputError("a time course has no measurement noise; read it without a seed.")
        check_simulation(simulation, self)
        names = self.of or tuple(str(n) for n, v in simulation.data_vars.items() if v.dims == ("arm", "draw", "time"))
        units = [str(simulation[n].attrs.get("units", "")) for n in names]
        table = simulation[list(names)].to_dataarray("observable").sel(time=list(self.times), method="nearest")
        table = table.assign_coords(observable=list(names), units=("observable", units)).transpose(
            ..., "time", "observable"
        )
        return finish(table, simulation, name=self.name, units="see the coordinate units", long_name="time course")
