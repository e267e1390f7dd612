"""Western blot: band over actin, relative to a reference lane, as a saturating detector sees it.

A lane with loading q and level x of a protein (x = 1 in the reference lane) gives the signal

    y = b + (c - b) s q x / (1 + s q x)

with background b and ceiling c of the detector: the form in which the pAKT and pMEK readings of the HepG2 bead arrays
saturate. All signals here are fractions of the ceiling (c = 1). The exposure s is chosen as at the bench:

- ``reference``: the band of the reference arm sits at a quarter of the range, so that folds up and down can be seen;
- ``strongest``: the strongest lane of the membrane sits at half of the range, for bands that the reference arm hardly
  has (cleaved caspase-3 and PARP).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, final, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from hepatica.assays.noise import REPLICATES, Noise, normals
from hepatica.assays.reading import BenchAssay, arm_index, check_simulation, finish, observe, reading_times
from hepatica.errors import InputError, NotFoundError, did_you_mean
from hepatica.evidence import Evidence
from hepatica.units import quantity

Expose = Literal["reference", "strongest"]
ACTIN = "actin"

REFERENCE_LEVEL = 0.25
"""Where the reference lane sits in the range above background; derived: basal pAKT and pMEK of three HepG2 bead-array
sets lie at 5 to 61 % of each set's ceiling, median 24 %."""
STRONGEST_LEVEL = 0.5
"""Where the strongest lane sits; assumed: half-way, the exposure before a band burns out."""
BACKGROUND = 0.02
"""Signal of an empty lane, fraction of the ceiling; assumed: the lowest readings of the bead arrays, 1-2 % of it."""


def _beads(cv: float, what: str) -> Noise:
    note = f"coefficient of variation of replicates, HepG2 bead arrays of 2009: {what}"
    return Noise(kind="lognormal", size=cv, evidence=Evidence(basis="derived", source="hepg2_beads", note=note))


OTHER = _beads(0.10, "median over all readouts")
LOADING = Noise(
    kind="lognormal",
    size=0.05,
    evidence=Evidence(basis="assumed", source="assumption", note="pipetting and protein assay: about 5 % of the load"),
)
"""Scatter of the amount of lysate in a lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band of a blot.

    Parameters
    ----------
    name
        As on the figure, such as ``pAKT S473``.
    observable
        Of the model.
    noise
        Replicate scatter of the signal above background.
    expose
        Exposure rule: by the ``reference`` or the ``strongest`` lane.
    """

    name: str
    observable: str
    noise: Noise = field(default=OTHER)
    expose: Expose = "reference"

    def __post_init__(self) -> None:
        if self.expose not in get_args(Expose):
            known = get_args(Expose)
            raise InputError(
                f"exposure '{self.expose}' is none of {', '.join(known)}.{did_you_mean(self.expose, known)}"
            )


BANDS = (
    Band(name="pIGF1R", observable="pIGF1R"),
    Band(name="pAKT S473", observable="pAKT_S473", noise=_beads(0.14, "pAKT")),
    Band(name="p-mTOR S2481", observable="pmTOR_S2481"),
    Band(name="pMEK", observable="ppMEK", noise=_beads(0.06, "pMEK")),
    Band(name="pERK", observable="ppERK", noise=_beads(0.10, "pERK")),
    Band(name="cleaved caspase-3", observable="cCASP3", expose="strongest"),
    Band(name="cleaved PARP", observable="cPARP", expose="strongest"),
)
"""The founding study's bands."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WesternBlot(BenchAssay):
    """Densitometry of bands over actin, fold over the reference arm of the same draw and time.

    Parameters
    ----------
    at
        When the cells are lysed, or several times (one membrane each).
    reference
        Id of the reference arm.
    bands
        What is blotted.
    loading, actin
        Scatter of the load of a lane, and of the actin signal.
    replicates
        Blots.

    Raises
    ------
    InputError
        When there is no band, or two share a name.

    Examples
    --------
    >>> WesternBlot(at="30 min").observables[:2]
    ('pIGF1R', 'pAKT_S473')
    """

    at: str | tuple[str, ...] = "30 min"
    reference: str = "control"
    bands: tuple[Band, ...] = BANDS
    loading: Noise = field(default=LOADING)
    actin: Noise = field(default=OTHER)
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        names = [band.name for band in self.bands]
        if not names:
            raise InputError("a blot has no bands; give at least one.")
        for name in names:
            if names.count(name) > 1 or name == ACTIN:
                raise InputError(f"the blot's band '{name}' is there twice (actin always is); give each its own name.")
        reading_times(self.at)

    @property
    def name(self) -> str:
        """The readout's name."""
        return "western_blot"

    @property
    def times(self) -> tuple[float, ...]:
        """Reading times, min."""
        return reading_times(self.at)

    @property
    def observables(self) -> tuple[str, ...]:
        """What the model must give; actin last."""
        return (*dict.fromkeys(band.observable for band in self.bands), ACTIN)

    def read(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the fold over the reference arm; see :meth:`Assay.read`.

        Returns
        -------
        xarray.DataArray
            Dimensions arm, draw (, time) (, replicate), band; 1 in the reference lane (its mean over replicates). The
            coordinates ``exposure`` and ``cv`` along band keep what :func:`strip` needs.
        """
        signal = self.densitometry(simulation, seed)
        bands = [band.name for band in self.bands]
        above = signal.sel(band=bands) - BACKGROUND
        ratio = above / (signal.sel(band=ACTIN, drop=True) - BACKGROUND)
        control = self._lane(ratio)
        control = control.mean("replicate", skipna=False) if "replicate" in control.dims else control
        fold = ratio / control.where(control > 0)
        fold = fold.transpose(..., "band").assign_coords(
            exposure=("band", [band.expose for band in self.bands]),
            cv=("band", [band.noise.size for band in self.bands]),
        )
        title = f"band over actin, fold over {self.reference}"
        return finish(fold, simulation, name="western_blot", units="1", long_name=title)

    def densitometry(self, simulation: xr.Dataset, seed: int | None = None) -> xr.DataArray:
        """Give the raw signal of every band and of actin.

        Parameters
        ----------
        simulation, seed
            As in :meth:`read`.

        Returns
        -------
        xarray.DataArray
            Dimensions arm, draw (, time) (, replicate), band (with ``actin`` last); fraction of the detector's ceiling.
        """
        check_simulation(simulation, self)
        rows = []
        for band in (*self.bands, Band(name=ACTIN, observable=ACTIN, noise=self.actin, expose="strongest")):
            level = observe(simulation, band.observable, self.at)
            sensitivity = self._exposure(level, band.expose)
            seen = level
            if seed is not None:
                seen = self.loading.replicates(level, seed=seed, stream="western_blot loading", n=self.replicates)
            above = sensitivity * seen / (1.0 + sensitivity * seen)
            if seed is not None:
                above = band.noise.replicates(above, seed=seed, stream=f"western_blot {band.name}").clip(max=1.0)
            rows.append((BACKGROUND + (1.0 - BACKGROUND) * above).expand_dims(band=[band.name]))
        signal = xr.concat(rows, dim="band", coords="minimal", compat="override", join="exact").transpose(..., "band")
        title = "signal, fraction of the detector's ceiling"
        return finish(signal, simulation, name="densitometry", units="1", long_name=title)

    def _lane(self, array: xr.DataArray) -> xr.DataArray:
        lane = array.isel(arm=arm_index(array, self.reference))
        return lane.drop_vars([k for k, c in array.coords.items() if "arm" in c.dims])

    def _exposure(self, level: xr.DataArray, expose: Expose) -> xr.DataArray:
        """Give s of each draw (and time), per unit of the observable."""
        if expose == "strongest":
            strongest = level.max("arm")
            return STRONGEST_LEVEL / (1.0 - STRONGEST_LEVEL) / strongest.where(strongest > 0)
        lane = self._lane(level)
        return REFERENCE_LEVEL / (1.0 - REFERENCE_LEVEL) / lane.where(lane > 0)


def strip(readout: xr.DataArray, lanes: Sequence[str], *, at: str | None = None, seed: int = 1) -> xr.Dataset:
    """Give the band intensities of a blot strip, for drawing.

    Parameters
    ----------
    readout
        Of a :class:`WesternBlot`, exact (without replicates), in its own exposure.
    lanes
        Arm ids, from left to right.
    at
        Which time; needed where the readout has several.
    seed
        Seed of the one replicate.

    Returns
    -------
    xarray.Dataset
        Dimensions lane, band (with ``actin`` last): ``median`` (over draws) and ``replicate`` (the median blot with one
        draw of band and loading noise), both fractions 0..1 of the detector's ceiling. NaN in a lane where no draw was
        simulated. The coordinate ``fold`` (lane, band) is the median fold over the reference.

    Raises
    ------
    InputError
        When the time is not clear, or the readout is not an exact blot of one cell line.
    NotFoundError
        When a lane or time is missing.
    """
    if "band" not in readout.dims or "exposure" not in readout.coords or "replicate" in readout.dims:
        raise InputError("a strip is drawn from the exact readout of a WesternBlot (no seed); give that one.")
    extra = [str(dim) for dim in readout.dims if dim not in ("arm", "draw", "time", "band")]
    if extra:
        raise InputError(f"the blot has the dimension '{extra[0]}'; select one of it before drawing a strip.")
    blot = _at(readout, at)
    arms = [arm_index(blot, lane) for lane in lanes]
    fold = _draw_median(blot.transpose("arm", "band", "draw").values)
    strongest = _arm_maximum(fold)
    rule = np.asarray(blot["exposure"].values) == "strongest"
    above = np.where(rule, fold / strongest * STRONGEST_LEVEL, fold * REFERENCE_LEVEL)
    ran = np.isfinite(above).any(axis=1)
    above = np.column_stack([above, np.where(ran, STRONGEST_LEVEL, np.nan)])[arms]
    fold = np.column_stack([fold, np.where(ran, 1.0, np.nan)])[arms]
    names = [*(str(value) for value in blot["band"].values), ACTIN]
    key = xr.DataArray(
        np.zeros((len(arms), 1, len(names))),
        dims=("arm", "draw", "band"),
        coords={"arm": list(lanes), "draw": [0], "band": names},
    )
    cv = np.array([*blot["cv"].values, OTHER.size], dtype=float)
    sigma = np.sqrt(np.log1p(cv**2) + np.log1p(LOADING.size**2))
    z = normals(key, seed=seed, stream="western_blot strip", n=1).values[:, 0, :, 0]
    noisy = np.minimum(above * np.exp(sigma * z - 0.5 * sigma**2), 1.0)
    return xr.Dataset(
        {
            "median": (("lane", "band"), BACKGROUND + (1.0 - BACKGROUND) * above),
            "replicate": (("lane", "band"), BACKGROUND + (1.0 - BACKGROUND) * noisy),
        },
        coords={"lane": list(lanes), "band": names, "fold": (("lane", "band"), fold)},
    )


def _draw_median(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the median over the last axis of what is not NaN; NaN where nothing is."""
    out = np.full(values.shape[:-1], np.nan)
    some = np.isfinite(values).any(axis=-1)
    out[some] = np.nanmedian(values[some], axis=-1)
    return out


def _arm_maximum(fold: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the largest fold of each band; NaN where there is none above zero."""
    largest = np.where(np.isfinite(fold), fold, -np.inf).max(axis=0)
    return np.where(largest > 0, largest, np.nan)


def _at(readout: xr.DataArray, at: str | None) -> xr.DataArray:
    if "time" not in readout.dims:
        return readout
    times = np.asarray(readout["time"].values, dtype=float)
    if at is None:
        if times.size == 1:
            return readout.isel(time=0)
        raise InputError(f"the blot was read at {times.size} times; name one with at=, such as '{times[0]:g} min'.")
    wanted = quantity(at, "min")
    index = int(np.argmin(np.abs(times - wanted)))
    if abs(times[index] - wanted) > 1e-6 * max(1.0, wanted):
        raise NotFoundError(f"the blot was not read at '{at}'; it was at {', '.join(f'{t:g}' for t in times)} min.")
    return readout.isel(time=index)
