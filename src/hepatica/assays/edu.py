"""EdU incorporation: the fraction of cells that make DNA."""

from dataclasses import dataclass, field
from typing import final

import xarray as xr

from hepatica.assays.noise import REPLICATES, Noise
from hepatica.assays.reading import BenchAssay, check_simulation, finish, observe, reading_times
from hepatica.evidence import Evidence

NUCLEI = Noise(
    kind="binomial",
    size=500,
    evidence=Evidence(basis="assumed", source="assumption", note="500 nuclei scored a well: about five fields of view"),
)
"""Counting noise of EdU-positive nuclei."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EdU(BenchAssay):
    """Fraction of cells in S phase, counted as EdU-positive nuclei after a short pulse.

    Parameters
    ----------
    at
        When the pulse is given.
    noise
        How many nuclei are counted.
    replicates
        Wells.

    Examples
    --------
    >>> EdU(at="24 h").times
    (1440.0,)
    """

    at: str | tuple[str, ...] = "24 h"
    noise: Noise = field(default=NUCLEI)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        reading_times(self.at)

    @property
    def name(self) -> str:
        """The readout's name."""
        return "s_phase"

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min."""
        return reading_times(self.at)

    @property
    def observables(self) -> tuple[str, ...]:
        """What the model must give."""
        return ("s_phase_fraction",)

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`."""
        check_simulation(simulation, self)
        exact = observe(simulation, "s_phase_fraction", self.at)
        if seed is not None:
            exact = self.noise.replicates(exact, seed=seed, stream="s_phase", n=self.replicates)
        return finish(exact, simulation, name="s_phase", units="1", long_name="EdU-positive nuclei, fraction")
