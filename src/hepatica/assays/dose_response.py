"""Dose response in the dish: CCK-8 viability, growth rate, and growth-rate inhibition."""

from dataclasses import dataclass, field
from typing import Literal, final, get_args

import numpy as np
import xarray as xr

from hepatica.assays.noise import REPLICATES, Noise
from hepatica.assays.reading import (
    BenchAssay,
    arm_index,
    check_seeded,
    check_simulation,
    dose_units,
    finish,
    observe,
    reading_times,
    zero_dose_arms,
)
from hepatica.errors import InputError, did_you_mean
from hepatica.evidence import Evidence
from hepatica.units import convert

Of = Literal["viability", "growth_rate", "gr"]

WELL = Noise(
    kind="lognormal",
    size=0.13,
    evidence=Evidence(
        basis="measured",
        source="gdsc2_plates",
        note="median coefficient of variation of the vehicle wells (NC-1, about 110 a plate) within 17 GDSC plates of "
        "liver lines: 13 %; CellTiter-Glo after 4 days stands for CCK-8",
    ),
)
"""Well-to-well scatter of a viability or count reading."""

DEAD_SIGNAL = 0.15
"""CCK-8 signal of a dead cell relative to a live one (dimensionless); assumed: middle of the plausible 0 to 0.3, since
dehydrogenases outlive the cell for hours."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DoseResponse(BenchAssay):
    """Viability, growth rate or growth-rate inhibition of every arm.

    - ``viability``: CCK-8 signal (live cells + ``dead_signal`` x dead cells) relative to the reference arm;
    - ``growth_rate``: ln(N(t) / N(0)) / t of the live cells, 1/h;
    - ``gr``: the GR value 2^(k / k0) - 1, with k and k0 the growth rates of the arm and of its reference (Hafner et
      al. 2016, doi:10.1038/nmeth.3853): 1 no effect, 0 no growth, negative: fewer cells than seeded. NaN where the
      reference does not grow.

    Parameters
    ----------
    of
        Which of the three; also the readout's name.
    at
        When the plate is read, or several times.
    relative_to
        Id of the reference arm; ``None`` takes for each arm the zero-dose arm with the same manipulation.
    dose
        The dose coordinates of the arms that make the series; empty takes every label that ends in a unit.
    dead_signal
        CCK-8 signal of a dead cell, dimensionless.
    noise, replicates
        Scatter between wells, and their number.

    Raises
    ------
    InputError
        When a field is out of range.

    Examples
    --------
    >>> DoseResponse(of="viability", at="72 h").times
    (4320.0,)
    """

    of: Of = "viability"
    at: str | tuple[str, ...] = "72 h"
    relative_to: str | None = None
    dose: tuple[str, ...] = ()
    dead_signal: float = DEAD_SIGNAL
    noise: Noise = field(default=WELL)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        if self.of not in get_args(Of):
            known = get_args(Of)
            raise InputError(
                f"dose response of '{self.of}' is none of {', '.join(known)}.{did_you_mean(self.of, known)}"
            )
        if not 0.0 <= self.dead_signal <= 1.0:
            raise InputError(f"the dead cells' signal is {self.dead_signal:g}; expected 0 to 1.")
        if self.of != "viability" and reading_times(self.at)[0] == 0.0:
            raise InputError(f"{self.of} is read at 0 min, before any growth; expected a later time.")
        if self.of == "growth_rate" and self.relative_to is not None:
            raise InputError("a growth rate has no reference arm; leave relative_to out, or read of='gr'.")

    @property
    def name(self) -> str:
        """The readout's name: what is read."""
        return self.of

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min; the seeding time too where growth is read."""
        return tuple(sorted({*reading_times(self.at), *(() if self.of == "viability" else (0.0,))}))

    @property
    def observables(self) -> tuple[str, ...]:
        """Live cells, and dead ones for viability."""
        return ("cells", "dead_cells") if self.of == "viability" else ("cells",)

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`."""
        check_simulation(simulation, self)
        if self.of == "viability":
            return self._viability(simulation, seed)
        rate = self._growth_rate(simulation, seed)
        if self.of == "growth_rate":
            return finish(rate, simulation, name="growth_rate", units="1/h", long_name="growth rate")
        control = self._reference(rate)
        ratio = rate / control.where(control > 0)
        return finish(2.0**ratio - 1.0, simulation, name="gr", units="1", long_name="GR value")

    def _viability(self, simulation: xr.Dataset, seed: int | None) -> xr.DataArray:
        live = observe(simulation, "cells", self.at)
        check_seeded(live)
        signal = self._measured(live + self.dead_signal * observe(simulation, "dead_cells", self.at), seed, "viability")
        control = self._reference(signal)
        viability = signal / control.where(control > 0)
        return finish(viability, simulation, name="viability", units="1", long_name="viability relative to no drug")

    def _growth_rate(self, simulation: xr.Dataset, seed: int | None) -> xr.DataArray:
        seeded = observe(simulation, "cells", "0 min")
        check_seeded(seeded)
        start = self._measured(seeded, seed, "cells").drop_vars("time")
        end = self._measured(observe(simulation, "cells", self.at), seed, "cells")
        fold = end / start.where(start > 0)
        hours = end["time"] * convert(1.0, "min", "h")
        fold = fold.where(fold > 0)
        return fold.copy(data=np.log(fold.values)) / hours

    def _measured(self, exact: xr.DataArray, seed: int | None, stream: str) -> xr.DataArray:
        return exact if seed is None else self.noise.replicates(exact, seed=seed, stream=stream, n=self.replicates)

    def _reference(self, signal: xr.DataArray) -> xr.DataArray:
        """Give each arm's reference, over its replicates, on the arm axis of ``signal``."""
        if self.relative_to is None:
            base = zero_dose_arms(signal, self.dose or sorted(dose_units(signal)))
        else:
            base = np.full(signal.sizes["arm"], arm_index(signal, self.relative_to))
        mean = signal.mean("replicate", skipna=False) if "replicate" in signal.dims else signal
        reference = mean.isel(arm=base).drop_vars([k for k, c in mean.coords.items() if "arm" in c.dims])
        return reference.assign_coords(arm=signal["arm"])
