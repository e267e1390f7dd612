"""Scratch wound: how much of the gap has closed."""

from dataclasses import dataclass, field
from typing import final

import xarray as xr

from hepatica.assays.noise import REPLICATES, Noise
from hepatica.assays.reading import BenchAssay, check_simulation, finish, observe, reading_times
from hepatica.evidence import Evidence

GAP = Noise(
    kind="lognormal",
    size=0.10,
    evidence=Evidence(
        basis="assumed",
        source="assumption",
        note="the edge of a tip's scratch is ragged by about a cell's width (20-30 um) on each side of 500 um",
    ),
)
"""Scatter of the open area between wells."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchWound(BenchAssay):
    """Closed fraction of a scratch, 1 - open area / area at the scratch.

    Parameters
    ----------
    at
        When the gap is photographed.
    noise
        Scatter of the open area; a closure just above zero may then read below it.
    replicates
        Wells.

    Examples
    --------
    >>> ScratchWound().times
    (1440.0, 2880.0)
    """

    at: str | tuple[str, ...] = ("24 h", "48 h")
    noise: Noise = field(default=GAP)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        reading_times(self.at)

    @property
    def name(self) -> str:
        """The readout's name."""
        return "wound_closure"

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min."""
        return reading_times(self.at)

    @property
    def observables(self) -> tuple[str, ...]:
        """What the model must give."""
        return ("wound_open",)

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`."""
        check_simulation(simulation, self)
        gap = observe(simulation, "wound_open", self.at)
        if seed is not None:
            gap = self.noise.replicates(gap, seed=seed, stream="wound_closure", n=self.replicates)
        return finish(1.0 - gap, simulation, name="wound_closure", units="1", long_name="closed fraction of the wound")
