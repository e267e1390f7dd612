"""Claims: a paper's statements as contrasts, and the verdict of simulated readouts on them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from hepatica.errors import FormatError, InputError, NotFoundError, did_you_mean
from hepatica.library.files import Record, read_record
from hepatica.units import quantity

Kind = Literal["input", "entailed"]
Outcome = Literal["supported", "contradicted", "undecided"]
Readouts = Mapping[str, Mapping[str, xr.DataArray]]
SUPPORTED, CONTRADICTED = 0.9, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A number taken from readouts, draw by draw: of one arm against another, or of an arm by itself.

    Parameters
    ----------
    experiment, readout
        Where to look.
    treated, reference
        Arm ids; without a reference the readout itself is compared with zero.
    minus
        Two arm ids; their effect is taken off: an interaction.
    reference_cell_line
        Compare with this cell line instead of with another arm.
    at, band
        A time such as ``"48 h"``, and a band of the Western blot.
    cell_lines
        For each of these by itself.
    effect
        ``ratio`` (treated / reference), ``difference`` or ``log2`` (of the ratio).
    """

    id: str
    experiment: str
    readout: str
    treated: str
    cell_lines: tuple[str, ...]
    reference: str = ""
    minus: tuple[str, str] | None = None
    reference_cell_line: str = ""
    at: str = ""
    band: str = ""
    effect: Literal["ratio", "difference", "log2"] = "ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast(Comparison):
    """One comparison that a claim entails; each cell line has its own verdict.

    Parameters
    ----------
    expect
        ``increase`` or ``decrease``.
    threshold
        An effect that is not larger is no change: relative for a ratio, absolute otherwise.
    """

    expect: Literal["increase", "decrease"]
    threshold: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A statement of a paper: its text, where it stands, and what it entails."""

    id: str
    text: str
    source: str
    where: str
    kind: Kind
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How far the draws hold one contrast of a claim in one cell line; contrast ``all`` means all of them together.

    ``probability`` is the weighted share of draws with the stated sign, ``error`` its Monte-Carlo standard error (of draws of Markov chains
    at least what the chains differ by),
    ``opposite`` the share with the opposite sign, ``effect`` the median and ``interval`` the 5 % and 95 % quantiles of
    the effect, ``n`` the draws used and ``left_out`` those that cannot be compared: a simulation failed, both values
    are censored, or there is no effect to share out.
    """

    claim: str
    contrast: str
    cell_line: str
    outcome: Outcome
    probability: float
    error: float
    opposite: float
    effect: float
    interval: tuple[float, float]
    n: int
    left_out: int
    kind: Kind


class ComparisonRecord(Record):
    """What a file says of a :class:`Comparison`."""

    id: str
    experiment: str
    readout: str
    treated: str
    reference: str = ""
    minus: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    reference_cell_line: str = ""
    at: str = ""
    band: str = ""
    cell_lines: Annotated[list[str], Field(min_length=1)]
    effect: Literal["ratio", "difference", "log2"] = "ratio"


class _ContrastRecord(ComparisonRecord):
    expect: Literal["increase", "decrease"]
    threshold: Annotated[float, Field(ge=0.0)] = 0.01


class _ClaimRecord(Record):
    id: str
    text: str
    source: str
    where: str
    kind: Kind
    contrast: Annotated[list[_ContrastRecord], Field(min_length=1)]


class _ClaimsRecord(Record):
    claim: Annotated[list[_ClaimRecord], Field(min_length=1)]


def read_claims(path: str | Path) -> tuple[Claim, ...]:
    """Read a ``claims.toml``.

    Parameters
    ----------
    path
        File with ``[[claim]]`` blocks, each with ``[[claim.contrast]]`` blocks.

    Returns
    -------
    tuple of Claim
        In the order of the file.

    Raises
    ------
    StorageError
        When the file cannot be read.
    FormatError
        When it is not TOML, or a key is missing, unknown or of the wrong kind.
    """
    records = read_record(Path(path), _ClaimsRecord).claim
    ids = [record.id for record in records]
    for claim_id in ids:
        if ids.count(claim_id) > 1:
            raise FormatError(f"{path}: two claims have the id '{claim_id}'; give each its own.")
    return tuple(
        Claim(
            id=record.id, text=record.text, source=record.source, where=record.where, kind=record.kind,
            contrasts=tuple(_contrast(contrast) for contrast in record.contrast),
        )
        for record in records
    )  # fmt: skip


def _contrast(record: _ContrastRecord) -> Contrast:
    minus = None if record.minus is None else (record.minus[0], record.minus[1])
    return Contrast(**dict(record) | {"minus": minus, "cell_lines": tuple(record.cell_lines)})


def evaluate_claims(
    claims: Sequence[Claim], readouts: Readouts, weights: xr.DataArray | None = None, *, chains: xr.DataArray | None = None
) -> tuple[Verdict, ...]:  # fmt: skip
    """Judge claims by readouts, contrast by contrast and cell line by cell line.

    Parameters
    ----------
    claims
        From :func:`read_claims`.
    readouts
        ``readouts[experiment][readout]`` with dimensions cell_line, arm, draw and perhaps time (min) or band.
    weights
        Weight of each draw, dimension draw; equal when not given.
    chains
        Which Markov chain each draw is of, dimension draw: draws of a chain resemble each other, so that the errors are at least what the
        chains differ by. Each draw stands for itself when not given.

    Returns
    -------
    tuple of Verdict
        For each claim: one for each contrast and cell line, then for each cell line that all its contrasts cover one
        with the contrast ``all``: they hold together in the same draw.

    Raises
    ------
    NotFoundError
        When a claim names an experiment, readout, arm, cell line, band or time that there is not.
    """
    return tuple(verdict for claim in claims for verdict in _judge(claim, readouts, weights, chains))


def _judge(
    claim: Claim, readouts: Readouts, weights: xr.DataArray | None, chains: xr.DataArray | None
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for contrast in claim.contrasts:
        for cell_line in contrast.cell_lines:
            effect = contrast_effect(contrast, cell_line, readouts, claim=claim.id)
            verdicts.append(_verdict(claim, contrast.id, cell_line, _holds(contrast, effect), effect, weights, chains))
    for cell_line, holds in hold_together(claim, readouts).items():
        verdicts.append(_verdict(claim, "all", cell_line, holds, None, weights, chains))
    return verdicts


def hold_together(claim: Claim, readouts: Readouts) -> dict[str, xr.DataArray]:
    """Tell which draws hold all contrasts of a claim, in each cell line that they all have.

    Parameters
    ----------
    claim, readouts
        As for :func:`evaluate_claims`.

    Returns
    -------
    dict
        For each cell line (draw): 1 where a draw holds all contrasts, -1 where it holds the opposite of all, 0 between; NaN where
        they cannot be compared.
    """
    held: dict[str, list[xr.DataArray]] = {}
    for contrast in claim.contrasts:
        for cell_line in contrast.cell_lines:
            effect = contrast_effect(contrast, cell_line, readouts, claim=claim.id)
            held.setdefault(cell_line, []).append(_holds(contrast, effect))
    found = {}
    for cell_line, parts in held.items():
        if len(parts) == len(claim.contrasts):
            parts = list(xr.align(*parts, join="inner"))
            each = xr.concat(parts, dim="contrast")
            together = xr.concat([each.min("contrast", skipna=False), -each.max("contrast", skipna=False)], dim="side")
            together = (together == 1).astype(float).where(together.notnull())
            found[cell_line] = together.isel(side=0) - together.isel(side=1)
    return found


def data_influence(
    claims: Sequence[Claim], verdicts: Sequence[Verdict], readouts: Readouts, left_out: xr.DataArray, chains: xr.DataArray | None = None
) -> pd.DataFrame:  # fmt: skip
    """Tell which data sets move the probability of a claim: what it is where one of them took no part in the fit.

    Parameters
    ----------
    claims, verdicts
        What was judged by draws that know all data.
    readouts
        As for :func:`evaluate_claims`, of draws that lack a data set each.
    left_out
        Which one each draw lacks, dimension draw.
    chains
        Of the same draws, as for :func:`evaluate_claims`.

    Returns
    -------
    pandas.DataFrame
        claim, cell_line, data_set; ``probability`` without it; ``change``, the probability with all data minus that, so that positive means
        that the data set speaks for the claim; ``error``, the Monte-Carlo error of the change; ``n``, the draws that lack the data set.
    """
    whole = {(v.claim, v.cell_line): v for v in verdicts if v.contrast == "all"}
    rows = []
    for data_set in dict.fromkeys(left_out.values.tolist()):
        draws = left_out["draw"].values[left_out.values == data_set]
        mine = {
            e: {n: a.isel(draw=np.isin(a["draw"].values, draws)) for n, a in table.items()}
            for e, table in readouts.items()
        }
        for v in evaluate_claims(claims, mine, chains=chains):
            before = whole.get((v.claim, v.cell_line))
            if v.contrast != "all" or before is None or not (v.n and before.n):
                continue
            rows.append(
                {
                    "claim": v.claim, "cell_line": v.cell_line, "data_set": str(data_set), "probability": v.probability,
                    "change": before.probability - v.probability, "error": math.hypot(before.error, v.error), "n": v.n,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["claim", "cell_line", "data_set", "probability", "change", "error", "n"])


def contrast_effect(contrast: Comparison, cell_line: str, readouts: Readouts, *, claim: str = "") -> xr.DataArray:
    """Give the effect that a contrast compares, draw by draw.

    Parameters
    ----------
    contrast, cell_line
        What to compare, in which cells.
    readouts
        As for :func:`evaluate_claims`.
    claim
        Id of the claim, for error messages.

    Returns
    -------
    xarray.DataArray
        Dimension draw; a ratio, a difference in the readout's unit, or a log2 ratio. NaN where a value is missing, or
        where two infinite values (both censored) meet.
    """
    where = f"claim {claim}, contrast {contrast.id}" if claim else f"contrast {contrast.id}"
    readout = _find(_find(readouts, contrast.experiment, "experiment", where), contrast.readout, "readout", where)
    place = f"{where}: readout '{contrast.readout}'"
    if contrast.band:
        readout = _select(readout, "band", contrast.band, place)
    readout = _at(readout, contrast.at, place)

    def value(arm: str, cells: str = cell_line) -> xr.DataArray:
        return _select(_select(readout, "cell_line", cells, place), "arm", arm, place).reset_coords(drop=True)

    treated = value(contrast.treated)
    if contrast.reference_cell_line:
        reference = value(contrast.reference or contrast.treated, contrast.reference_cell_line)
    elif contrast.reference:
        reference = value(contrast.reference)
    elif contrast.effect == "difference":
        reference = xr.zeros_like(treated)
    else:
        raise InputError(
            f"{where}: a {contrast.effect} needs a reference arm or cell line; name one, or use effect = 'difference'."
        )
    if treated.dims != ("draw",):
        extra = ", ".join(str(d) for d in treated.dims if d != "draw")
        raise InputError(f"{place} has also the dimension {extra}; choose one with 'at' or 'band'.")
    effect = _compare(treated, reference, contrast.effect)
    if contrast.minus is not None:
        baseline = _compare(value(contrast.minus[0]), value(contrast.minus[1]), contrast.effect)
        effect = _compare(effect, baseline, "ratio" if contrast.effect == "ratio" else "difference")
    return effect


def _compare(treated: xr.DataArray, reference: xr.DataArray, effect: str) -> xr.DataArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        if effect == "difference":
            return treated - reference
        ratio = treated / reference
        return ratio if effect == "ratio" else ratio.copy(data=np.log2(ratio.values))


def _find[Value](table: Mapping[str, Value], name: str, what: str, where: str) -> Value:
    if name not in table:
        raise NotFoundError(f"{where}: no {what} '{name}'.{did_you_mean(name, table)}")
    return table[name]


def _select(readout: xr.DataArray, dim: str, name: str, place: str) -> xr.DataArray:
    if dim not in readout.dims:
        raise NotFoundError(f"{place} has no {dim.replace('_', ' ')}; leave '{dim}' out.")
    known = [str(v) for v in readout[dim].values]
    if name not in known:
        raise NotFoundError(f"{place} has no {dim.replace('_', ' ')} '{name}'.{did_you_mean(name, known)}")
    return readout.isel({dim: known.index(name)})


def _at(readout: xr.DataArray, at: str, place: str) -> xr.DataArray:
    if "time" not in readout.dims:
        return readout
    times = np.asarray(readout["time"].values, dtype=float)
    if not at:
        return readout.isel(time=0) if times.size == 1 else readout
    wanted = quantity(at, "min")
    nearest = int(np.argmin(np.abs(times - wanted)))
    if not math.isclose(times[nearest], wanted, rel_tol=1e-9, abs_tol=1e-6):
        read = ", ".join(f"{t / 60:g} h" for t in times)
        raise NotFoundError(f"{place} is not read at {at}; it is read at {read}.")
    return readout.isel(time=nearest)


def _holds(contrast: Contrast, effect: xr.DataArray) -> xr.DataArray:
    """Give 1 where a draw holds the contrast, -1 where the opposite, 0 where nothing changes, NaN where it can't be told."""
    change = effect - 1.0 if contrast.effect == "ratio" else effect
    sign = 1.0 if contrast.expect == "increase" else -1.0
    side = np.sign(sign * change.values) * (np.abs(change.values) > contrast.threshold)
    return effect.copy(data=np.where(np.isnan(effect.values), np.nan, side))


def _verdict(
    claim: Claim,
    contrast: str,
    cell_line: str,
    holds: xr.DataArray,
    effect: xr.DataArray | None,
    weights: xr.DataArray | None,
    chains: xr.DataArray | None,
) -> Verdict:
    known = holds.notnull().values
    n = int(known.sum())
    w = np.ones(holds.size) if weights is None else weights.sel(draw=holds["draw"]).values.astype(float)
    w = w[known]
    probability = error = opposite = math.nan
    if n and w.sum() > 0:
        probability = float(np.average(holds.values[known] == 1, weights=w))
        opposite = float(np.average(holds.values[known] == -1, weights=w))
        size = w.sum() ** 2 / np.sum(w**2)
        # posterior spread of a share under Jeffreys' prior: not zero when all draws agree
        middle = (probability * size + 0.5) / (size + 1.0)
        error = math.sqrt(middle * (1.0 - middle) / (size + 2.0))
        if chains is not None:
            error = max(error, _chain_error(holds.values[known] == 1, w, chains.sel(draw=holds["draw"]).values[known]))
    spread = (math.nan,) * 3 if effect is None or not n else _quantiles(effect.values[known], w)
    outcome: Outcome = "undecided"
    if probability >= SUPPORTED:
        outcome = "supported"
    elif probability <= CONTRADICTED:
        outcome = "contradicted"
    return Verdict(
        claim=claim.id, contrast=contrast, cell_line=cell_line, outcome=outcome, probability=probability, error=error,
        opposite=opposite, effect=spread[1], interval=(spread[0], spread[2]), n=n, left_out=int(holds.size - n), kind=claim.kind,
    )  # fmt: skip


def _chain_error(holds: np.ndarray, weights: np.ndarray, chains: np.ndarray) -> float:
    """Give the standard error of a share from how much chains differ; zero of a single chain."""
    _, place = np.unique(chains, return_inverse=True)
    each = np.bincount(place, weights)
    used = each > 0.0
    if used.sum() < 2:
        return 0.0
    shares, parts = np.bincount(place, weights * holds)[used] / each[used], each[used] / each.sum()
    spread = np.sum(parts * (shares - np.sum(parts * shares)) ** 2)
    return float(math.sqrt(spread / (used.sum() - 1)))


def _quantiles(values: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Give the weighted 5 %, 50 % and 95 % quantiles; values may be infinite, so none are interpolated."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], weights=weights, method="inverted_cdf")
    return float(low), float(middle), float(high)
