"""What the report needs to know of a study's result, and how it takes numbers out of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hepatica.claims import Claim, Verdict
from hepatica.ensemble import Wiring
from hepatica.evidence import Source
from hepatica.experiment import Arm, CellLine
from hepatica.model.network import Model

Floats = NDArray[np.float64]
Table = list[dict[str, object]]

BAND_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ARM = re.compile(r"^(?P<manipulation>.*?)(?:(?:^| \+ )sorafenib (?P<dose>[\d.eE+-]+) uM)?$")


class EnsembleData(Protocol):
    """The accepted draws: parameters by draw, weights, where they come from."""

    @property
    def draws(self) -> xr.DataArray: ...
    @property
    def weights(self) -> Floats | None: ...
    @property
    def origin(self) -> str: ...
    @property
    def seed(self) -> int: ...


class ExperimentData(Protocol):
    """The arms of one experiment, and what is assumed in it."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def cell_lines(self) -> Sequence[str]: ...
    @property
    def arms(self) -> Sequence[Arm]: ...


class EffectData(Protocol):
    """The shift whose causes are asked for."""

    @property
    def experiment(self) -> str: ...
    @property
    def treated(self) -> str: ...
    @property
    def reference(self) -> str: ...


class StudyData(Protocol):
    """The plan that was run."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def model(self) -> Model: ...
    @property
    def question(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def related(self) -> Sequence[str]: ...
    @property
    def sources(self) -> Sequence[Source]: ...
    @property
    def limits(self) -> Sequence[str]: ...
    @property
    def wirings(self) -> Sequence[Wiring]: ...
    @property
    def lines(self) -> Sequence[CellLine]: ...
    @property
    def effect(self) -> EffectData | None: ...
    @property
    def claims(self) -> Sequence[Claim]: ...
    @property
    def experiments(self) -> Sequence[ExperimentData]: ...


class ReportData(Protocol):
    """The result of a study, as far as a report needs it."""

    @property
    def study(self) -> StudyData: ...
    @property
    def ensemble(self) -> EnsembleData: ...
    @property
    def screening(self) -> pd.DataFrame: ...
    @property
    def readouts(self) -> Mapping[str, Mapping[str, xr.DataArray]]: ...
    @property
    def verdicts(self) -> Sequence[Verdict]: ...
    @property
    def pathway(self) -> pd.DataFrame: ...
    @property
    def sensitivity(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def failures(self) -> pd.DataFrame: ...
    @property
    def provenance(self) -> Mapping[str, object]: ...
    @property
    def prior(self) -> "ReportData | None": ...
    @property
    def influence(self) -> pd.DataFrame: ...
    @property
    def decisive(self) -> pd.DataFrame: ...
    @property
    def literature(self) -> pd.DataFrame: ...
    @property
    def doubts(self) -> tuple[str, ...]: ...


def prior_verdict(result: ReportData, verdict: Verdict) -> Verdict | None:
    """Give the verdict of the prior on the same contrast, where the result is of a posterior."""
    if result.prior is None:
        return None
    same = (verdict.claim, verdict.contrast, verdict.cell_line)
    return next((v for v in result.prior.verdicts if (v.claim, v.contrast, v.cell_line) == same), None)


def find_readout(result: ReportData, experiment: str, name: str) -> xr.DataArray | None:
    """Give a readout, or nothing when it was not read or holds no number.

    Parameters
    ----------
    result
        The study's result.
    experiment, name
        Ids, such as ``"dish"`` and ``"viability"``.

    Returns
    -------
    xarray.DataArray or None
        Dimensions cell_line, arm, draw and what the assay adds.
    """
    readout = result.readouts.get(experiment, {}).get(name)
    if readout is None or readout.size == 0 or bool(readout.isnull().all()):
        return None
    return readout


def weights_of(ensemble: EnsembleData, readout: xr.DataArray) -> Floats:
    """Give the weight of each draw of a readout, shape (draw,); equal weights where the ensemble has none."""
    if ensemble.weights is None:
        return np.ones(readout.sizes["draw"])
    labels = ensemble.draws["draw"]
    weights = xr.DataArray(ensemble.weights, dims="draw", coords={"draw": labels})
    return np.asarray(weights.reindex(draw=readout["draw"], fill_value=0.0), dtype=float)


def quantiles(values: ArrayLike, levels: Sequence[float] = BAND_QUANTILES, weights: ArrayLike | None = None) -> Floats:
    """Give weighted quantiles over the last axis; NaN is left out, infinite values count as what they are.

    The quantile is the smallest value whose cumulative weight reaches the level (no interpolation, so that a censored
    value stays censored).

    Parameters
    ----------
    values
        Shape (..., draw).
    levels
        Between 0 and 1.
    weights
        Shape (draw,); equal when not given.

    Returns
    -------
    numpy.ndarray
        Shape (level, ...); NaN where no draw is left.

    Examples
    --------
    >>> quantiles([1.0, 2.0, float("inf")], [0.5, 0.95]).tolist()
    [2.0, inf]
    """
    array = np.asarray(values, dtype=float)
    weight = np.ones(array.shape[-1]) if weights is None else np.asarray(weights, dtype=float)
    order = np.argsort(array, axis=-1)
    ranked = np.take_along_axis(array, order, axis=-1)
    cumulative = np.cumsum(np.where(np.isnan(ranked), 0.0, weight[order]), axis=-1)
    if array.shape[-1] == 0:
        return np.full((len(levels), *array.shape[:-1]), np.nan)
    total = cumulative[..., -1:]
    found = [np.argmax(cumulative >= level * total * (1 - 1e-12), axis=-1)[..., None] for level in levels]
    picked = [np.take_along_axis(ranked, index, axis=-1)[..., 0] for index in found]
    return np.where(total[..., 0] > 0, np.stack(picked), np.nan)


def arm_table(readout: xr.DataArray) -> pd.DataFrame:
    """Give what each arm of a readout is.

    Returns
    -------
    pandas.DataFrame
        Columns arm, manipulation (``"control"`` when none), dose (uM nominal sorafenib), clamp (``""`` when none), from
        the readout's labels, or from the arm's name where a label is absent.
    """
    arms = [str(a) for a in readout["arm"].values]
    parsed = [_ARM.match(a) for a in arms]
    manipulation = [(m["manipulation"] if m else a) for m, a in zip(parsed, arms, strict=True)]
    dose = [float(m["dose"]) if m and m["dose"] else 0.0 for m in parsed]
    if "manipulation" in readout.coords:
        manipulation = [str(v) for v in np.atleast_1d(readout["manipulation"].values)]
    if "sorafenib_uM" in readout.coords:
        dose = [float(v) for v in np.nan_to_num(np.atleast_1d(readout["sorafenib_uM"].values).astype(float))]
    clamp = [""] * len(arms)
    if "clamp" in readout.coords:
        clamp = [str(v) for v in np.atleast_1d(readout["clamp"].values)]
    names = [m or "control" for m in manipulation]
    return pd.DataFrame({"arm": arms, "manipulation": names, "dose": dose, "clamp": clamp})


def at_hours(readout: xr.DataArray, hours: float) -> tuple[xr.DataArray, float | None]:
    """Give a readout at the reading time nearest to ``hours``, and that time in h (nothing when it has no times)."""
    if "time" not in readout.dims:
        return readout, None
    times = np.asarray(readout["time"].values, dtype=float)
    index = int(np.argmin(np.abs(times - hours * 60.0)))
    return readout.isel(time=index), float(times[index] / 60.0)


def draws_of(readout: xr.DataArray, **at: object) -> Floats:
    """Give the draws at labels, shape (draw,); all NaN when a label is absent or a free dimension is left."""
    missing = np.full(readout.sizes.get("draw", 0), np.nan)
    for name, label in at.items():
        if name not in readout.dims or label not in readout[name].values:
            return missing
    chosen = readout.sel({str(k): v for k, v in at.items()})
    return np.asarray(chosen, dtype=float) if chosen.dims == ("draw",) else missing


def knockdown_reference(arms: Sequence[str]) -> str:
    """Give the arm that a knock-down is compared with: the non-targeting shRNA where there is one."""
    return "shNT" if "shNT" in arms else "control"


def shift(treated: Floats, reference: Floats) -> Floats:
    """Give log2(treated / reference) by draw, shape (draw,).

    A draw where only one side is censored (infinite) has an infinite shift of known sign; where both are, NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log2(treated) - np.log2(reference), dtype=float)


def cell_lines_of(readout: xr.DataArray) -> list[str]:
    """Give the cell lines of a readout, in its order."""
    return [str(c) for c in np.atleast_1d(readout["cell_line"].values)]
