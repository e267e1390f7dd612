"""Apoptosis: cleaved caspase-3, cleaved PARP, and the share of dead cells."""

from dataclasses import dataclass, field
from typing import Literal, final, get_args

import xarray as xr

from hepatica.assays.noise import REPLICATES, Noise
from hepatica.assays.reading import BenchAssay, check_seeded, check_simulation, finish, observe, reading_times
from hepatica.errors import InputError, did_you_mean
from hepatica.evidence import Evidence

Of = Literal["cleaved_caspase", "cleaved_parp", "dead_fraction"]

READOUT_MEDIAN = Noise(
    kind="lognormal",
    size=0.10,
    evidence=Evidence(
        basis="derived",
        source="hepg2_beads",
        note="median coefficient of variation of replicates over all readouts of the HepG2 bead arrays",
    ),
)
"""Scatter of an immunoassay without a figure of its own."""

COUNTED = Noise(
    kind="binomial",
    size=500,
    evidence=Evidence(basis="assumed", source="assumption", note="500 cells scored a well: about five fields of view"),
)
"""Counting noise of a stained fraction."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Apoptosis(BenchAssay):
    """Apoptosis of every arm.

    - ``cleaved_caspase``: cleaved caspase-3, nM (mean of the living cells);
    - ``cleaved_parp``: cleaved PARP / all PARP;
    - ``dead_fraction``: dead / (live + dead) cells; NaN where there is neither.

    Parameters
    ----------
    of
        Which of the three; also the readout's name.
    at
        When it is read.
    noise
        Scatter of the immunoassay (caspase, PARP).
    counting
        Counting noise (dead fraction).
    replicates
        Wells.

    Raises
    ------
    InputError
        When ``of`` is none of the three.

    Examples
    --------
    >>> Apoptosis(of="dead_fraction", at="48 h").observables
    ('cells', 'dead_cells')
    """

    of: Of = "cleaved_caspase"
    at: str | tuple[str, ...] = ("24 h", "48 h", "72 h")
    noise: Noise = field(default=READOUT_MEDIAN)
    counting: Noise = field(default=COUNTED)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        if self.of not in get_args(Of):
            known = get_args(Of)
            raise InputError(f"apoptosis of '{self.of}' is none of {', '.join(known)}.{did_you_mean(self.of, known)}")
        reading_times(self.at)

    @property
    def name(self) -> str:
        """The readout's name: what is read."""
        return self.of

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min."""
        return reading_times(self.at)

    @property
    def observables(self) -> tuple[str, ...]:
        """What the model must give."""
        return {
            "cleaved_caspase": ("cCASP3",),
            "cleaved_parp": ("cPARP", "PARP_total"),
            "dead_fraction": ("cells", "dead_cells"),
        }[self.of]

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the readout; see :meth:`Assay.read`."""
        check_simulation(simulation, self)
        noise = self.noise
        if self.of == "cleaved_caspase":
            exact = observe(simulation, "cCASP3", self.at)
            units, title = str(simulation["cCASP3"].attrs.get("units", "nM")), "cleaved caspase-3"
        elif self.of == "cleaved_parp":
            total = observe(simulation, "PARP_total", self.at)
            exact = observe(simulation, "cPARP", self.at) / total.where(total > 0)
            units, title = "1", "cleaved PARP, fraction of all PARP"
        else:
            live, dead = observe(simulation, "cells", self.at), observe(simulation, "dead_cells", self.at)
            check_seeded(live + dead)
            exact = dead / (live + dead).where(live + dead > 0)
            units, title, noise = "1", "dead cells, fraction of all cells", self.counting
        if seed is not None:
            exact = noise.replicates(exact, seed=seed, stream=self.of, n=self.replicates)
        return finish(exact, simulation, name=self.of, units=units, long_name=title)
