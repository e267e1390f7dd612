"""Measurement noise: replicates whose numbers depend on the seed, the arm and the draw, never on order or number.

Every random number comes from a Philox counter generator (Salmon et al. 2011, doi:10.1145/2063384.2063405) whose key
is a hash of the seed, the readout's stream and the labels (arm, time, band), and whose counter is the draw. Leaving
out an arm, a time or a draw, or asking for more replicates, leaves all other numbers as they were.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import ndtri
from scipy.stats import binom

from hepatica.errors import InputError, did_you_mean
from hepatica.evidence import Evidence

Kind = Literal["lognormal", "binomial"]
REPLICATES = 3
"""Replicates of an assay; assumed: three is the bench's custom, and what the neighbouring studies state."""

_BLOCK = 256
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How one reading scatters around the truth.

    Parameters
    ----------
    kind
        ``lognormal``: a factor with mean one; ``binomial``: a fraction counted in a number of cells.
    size
        Coefficient of variation (dimensionless), or the number of cells counted.
    evidence
        What stands behind ``size``.

    Raises
    ------
    InputError
        When the kind is unknown or the size is out of range.

    Examples
    --------
    >>> Noise(kind="lognormal", size=0.1, evidence=Evidence(basis="assumed", source="assumption")).size
    0.1
    """

    kind: Kind
    size: float
    evidence: Evidence

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            known = get_args(Kind)
            raise InputError(f"noise '{self.kind}' is none of {', '.join(known)}.{did_you_mean(self.kind, known)}")
        if self.kind == "lognormal" and not 0.0 <= self.size < np.inf:
            raise InputError(f"the noise has a coefficient of variation of {self.size:g}; expected zero or more.")
        if self.kind == "binomial" and not (self.size >= 1 and float(self.size).is_integer()):
            raise InputError(f"the noise counts {self.size:g} cells; expected a whole number of at least 1.")

    def replicates(self, exact: xr.DataArray, *, seed: int, stream: str, n: int = REPLICATES) -> xr.DataArray:
        """Measure the truth ``n`` times.

        Parameters
        ----------
        exact
            With dimension draw (int ids) and labels along every other dimension; a fraction for ``binomial``. A
            ``replicate`` dimension that is there already (animals, say) stays; each is measured once.
        seed
            Seed of the measurement.
        stream
            Name of the readout; two streams are independent.
        n
            Number of replicates.

        Returns
        -------
        xarray.DataArray
            The dimensions of ``exact`` and ``replicate`` (1..n); NaN stays NaN.

        Raises
        ------
        InputError
            When a counted fraction lies outside 0..1.
        """
        repeated = "replicate" in exact.dims
        template = exact.isel(replicate=0, drop=True) if repeated else exact
        uniform = uniforms(template, seed=seed, stream=stream, n=exact.sizes["replicate"] if repeated else n)
        if self.kind == "lognormal":
            sigma = float(np.sqrt(np.log1p(self.size**2)))
            factor = uniform.copy(data=np.exp(sigma * ndtri(uniform.values) - 0.5 * sigma**2))
            return exact * factor
        outside = (exact < -_ROUNDING) | (exact > 1.0 + _ROUNDING)
        if bool(outside.any()):
            worst = float(exact.where(outside).max())
            raise InputError(f"'{stream}' is {worst:g}, no fraction of cells that can be counted; expected 0 to 1.")
        fraction, u = xr.broadcast(exact.clip(0.0, 1.0), uniform)
        failed = np.isnan(fraction.values)
        counts = binom.ppf(u.values, int(self.size), np.where(failed, 0.5, fraction.values))
        return fraction.copy(data=np.where(failed, np.nan, counts / self.size))


def uniforms(template: xr.DataArray, *, seed: int, stream: str, n: int) -> xr.DataArray:
    """Give counter-based uniform numbers.

    Parameters
    ----------
    template
        Its labels key the numbers: all dimensions but ``draw`` through a hash, ``draw`` through the counter.
    seed, stream
        Part of the key.
    n
        Number of replicates.

    Returns
    -------
    xarray.DataArray
        Uniform in (0, 1); the dimensions of ``template`` and ``replicate``.

    Raises
    ------
    InputError
        When ``n`` is below 1 or a draw id is negative.
    """
    if n < 1:
        raise InputError(f"{n} replicates were asked for; expected at least 1.")
    draws = np.asarray(template["draw"].values, dtype=np.int64)
    if draws.size and draws.min() < 0:
        raise InputError(f"the draw id {draws.min()} is negative; expected ids from zero.")
    others = [str(dim) for dim in template.dims if dim != "draw"]
    labels = {dim: [_label(value) for value in template[dim].values] for dim in others}
    fixed = (
        [f"time={_label(template['time'].values[()])}"] if "time" in template.coords and "time" not in others else []
    )
    out = np.empty((*(template.sizes[dim] for dim in others), n, draws.size))
    for index in np.ndindex(*(template.sizes[dim] for dim in others)):
        named = [f"{dim}={labels[dim][i]}" for dim, i in zip(others, index, strict=True)]
        out[index] = _block_uniforms("|".join((str(seed), stream, *sorted(named + fixed))), draws, n)
    coords = {dim: template[dim] for dim in (*others, "draw")} | {"replicate": np.arange(1, n + 1)}
    array = xr.DataArray(out, dims=(*others, "replicate", "draw"), coords=coords)
    return array.transpose(*template.dims, "replicate")


def normals(template: xr.DataArray, *, seed: int, stream: str, n: int) -> xr.DataArray:
    """Give counter-based standard normal numbers; see :func:`uniforms`."""
    uniform = uniforms(template, seed=seed, stream=stream, n=n)
    return uniform.copy(data=ndtri(uniform.values))


def _label(value: object) -> str:
    return f"{value:.9g}" if isinstance(value, np.floating | float) else str(value)


def _block_uniforms(text: str, draws: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.float64]:
    key = np.frombuffer(blake2b(text.encode(), digest_size=16).digest(), dtype="<u8").astype(np.uint64)
    out = np.empty((n, draws.size))
    block_of = draws // _BLOCK
    for block in np.unique(block_of):
        counter = np.array([0, block, 0, 0], dtype=np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
        here = block_of == block
        out[:, here] = generator.random((n, _BLOCK))[:, draws[here] % _BLOCK]
    return np.clip(out, 2.0**-54, None)
