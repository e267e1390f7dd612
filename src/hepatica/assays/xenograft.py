"""Xenograft: tumour volumes by calliper, and tumour growth inhibition."""

from dataclasses import dataclass, field
from typing import final

import numpy as np
import xarray as xr

from hepatica.assays.noise import REPLICATES, Noise, normals
from hepatica.assays.reading import BenchAssay, arm_index, check_simulation, finish, observe, reading_times
from hepatica.evidence import Evidence

CALLIPER = Noise(
    kind="lognormal",
    size=0.15,
    evidence=Evidence(
        basis="literature",
        source="euhus1986",
        note="several observers differ by 15 % of the volume on average; one observer by 7 % (large) to 27 % (small)",
    ),
)
"""Scatter of one volume measured by calliper (Euhus 1986, doi:10.1002/jso.2930310402)."""

BETWEEN_MICE = Noise(
    kind="lognormal",
    size=0.24,
    evidence=Evidence(
        basis="derived",
        source="tumr_melanoma1",
        note="growth rates of nine untreated A375 tumours, 0.0628 +- 0.0150 per day; another tumour stands for HCC",
    ),
)
"""Scatter of the growth rate between animals, which stays with each animal."""

DAYS = tuple(f"{day} day" for day in range(0, 29, 2))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Xenograft(BenchAssay):
    """Tumour volume over the days of an animal experiment, mm^3.

    With a seed a replicate is an animal: its log volume gained since the first reading is scaled by its own factor
    (mean one), and each reading has calliper error.

    Parameters
    ----------
    at
        Days of measurement; the first is the animal's baseline.
    noise
        Calliper error.
    between
        Scatter of growth between animals.
    replicates
        Animals of a group.

    Examples
    --------
    >>> Xenograft().times[-1] / 1440
    28.0
    """

    at: tuple[str, ...] = DAYS
    noise: Noise = field(default=CALLIPER)
    between: Noise = field(default=BETWEEN_MICE)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        reading_times(self.at)

    @property
    def name(self) -> str:
        """The readout's name."""
        return "tumour_volume"

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min."""
        return reading_times(self.at)

    @property
    def observables(self) -> tuple[str, ...]:
        """What the model must give."""
        return ("tumour_volume",)

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`."""
        check_simulation(simulation, self)
        volume = observe(simulation, "tumour_volume", self.at)
        if seed is not None:
            volume = self._animals(volume, seed)
            volume = self.noise.replicates(volume, seed=seed, stream="tumour_volume")
        return finish(volume, simulation, name="tumour_volume", units="mm^3", long_name="tumour volume")

    def _animals(self, volume: xr.DataArray, seed: int) -> xr.DataArray:
        first = volume.isel(time=0, drop=True)
        sigma = float(np.sqrt(np.log1p(self.between.size**2)))
        z = normals(first, seed=seed, stream="tumour_volume between animals", n=self.replicates)
        vigour = np.exp(sigma * z - 0.5 * sigma**2)
        gained = volume / first.where(first > 0)
        return first * gained.where(gained > 0) ** vigour


def tumour_growth_inhibition(volume: xr.DataArray, reference: str = "control") -> xr.DataArray:
    """Give the tumour growth inhibition of every arm since the first reading.

    Parameters
    ----------
    volume
        Readout of a :class:`Xenograft`: dimensions arm, draw, time.
    reference
        Id of the untreated arm.

    Returns
    -------
    xarray.DataArray
        100 (1 - (V - V_first) / (V_ref - V_ref,first)), %: 0 no effect, 100 stasis, above 100 regression; NaN at the
        first reading and where the reference did not grow. Dimensions as ``volume``.

    Raises
    ------
    NotFoundError
        When there is no such arm.
    """
    gained = volume - volume.isel(time=0, drop=True)
    index = arm_index(volume, reference)
    control = gained.isel(arm=index).drop_vars([k for k, c in volume.coords.items() if "arm" in c.dims])
    inhibition = 100.0 * (1.0 - gained / control.where(control > 0))
    inhibition = inhibition.transpose(*volume.dims).rename("tumour_growth_inhibition")
    inhibition.attrs = {"units": "%", "long_name": f"tumour growth inhibition relative to {reference}"}
    return inhibition
