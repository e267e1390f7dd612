"""Summaries of ensembles that are larger than memory, in one pass.

Mean and variance of blocks are put together exactly (Chan, Golub and LeVeque 1983, Am. Stat. 37:242,
doi 10.1080/00031305.1983.10483115). Quantiles are those of a sample of whole draws that is kept in memory: all of them
while they fit, else the draws with the smallest hashes of their indices (bottom-k sampling: Cohen and Kaplan 2007, PODC
'07, doi 10.1145/1281100.1281133), which is a simple random sample that depends neither on the blocks nor on their order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.solver.status import Status

Array = NDArray[np.float64]
STATISTICS = ("mean", "sd", "min", "max")
MEMORY = 512 * 2**20
ABOUT_RUNS = ("status", "stopped", "culprit")


def reduce_blocks(
    blocks: Iterable[xr.Dataset], *, quantiles: Sequence[float] = (0.05, 0.5, 0.95), memory: int = MEMORY
) -> xr.Dataset:
    """Summarise the blocks of a simulation over their draws.

    Only completed runs count, so that all times of an arm rest on the same runs; where a completed run is NaN, so is the
    summary.

    Parameters
    ----------
    blocks
        Simulations that differ in their draws only.
    quantiles
        Which, each from 0 to 1.
    memory
        Bytes for the draws that quantiles rest on.

    Returns
    -------
    xarray.Dataset
        For each observable X the variables ``X`` (statistic, arm, time) with mean, sd (n - 1), min and max, and
        ``X_quantile`` (quantile, arm, time); ``runs`` (status, arm): how many ended how. Attributes ``draws``, and
        ``quantile_draws``: the draws that quantiles rest on. Where these are fewer, a quantile q is exact for a
        probability that differs from q by a standard error of sqrt(q (1 - q) / quantile_draws).

    Raises
    ------
    InputError
        When there is no block, a quantile is out of range, blocks differ, or not even one draw fits into the memory.

    Examples
    --------
    >>> import hepatica as hp
    >>> hcc = hp.load_model("hcc")
    >>> experiment = hp.Experiment(id="rest", arms=(hp.Arm(id="control"),), assay=hp.DoseResponse(),
    ...                            cell_line=hp.load_cell_line("HepG2"))
    >>> blocks = hp.simulate_blocks(hcc, experiment, hp.prior_blocks(hcc, 6, seed=1, size=4))
    >>> int(reduce_blocks(blocks)["runs"].sum())
    6
    """
    wrong = [q for q in quantiles if not 0.0 <= q <= 1.0]
    if wrong:
        raise InputError(f"the quantile {wrong[0]} is out of range; expected 0 to 1.")
    state: _State | None = None
    for block in blocks:
        state = _State(block, memory, sampled=bool(quantiles)) if state is None else state
        state.add(block)
    if state is None:
        raise InputError("there is no block to summarise; give at least one.")
    return state.summary(tuple(quantiles))


@dataclass(kw_only=True)
class _Moments:
    """Count (arm,), and mean, sum of squared deviations, least and largest (arm, time) of one observable."""

    mean: Array
    squares: Array
    least: Array
    most: Array

    def add(self, arm: int, values: Array, before: int) -> None:
        """Take up the values (draw, time) of completed runs, ``before`` of which were there already."""
        new, total = len(values), before + len(values)
        mean = values.mean(axis=0)
        shift = mean - self.mean[arm]
        self.squares[arm] += ((values - mean) ** 2).sum(axis=0) + shift**2 * (before * new / total)
        self.mean[arm] += shift * (new / total)
        self.least[arm] = np.minimum(self.least[arm], values.min(axis=0))
        self.most[arm] = np.maximum(self.most[arm], values.max(axis=0))


class _State:
    """What is kept between blocks."""

    def __init__(self, first: xr.Dataset, memory: int, *, sampled: bool) -> None:
        self.like = first.isel(draw=slice(0, 0))
        self.names = tuple(str(n) for n in first.data_vars if n not in ABOUT_RUNS)
        shape = (first.sizes["arm"], first.sizes["time"])
        self.counts = np.zeros((len(Status), shape[0]), np.int64)
        self.moments = {
            name: _Moments(mean=np.zeros(shape), squares=np.zeros(shape), least=np.full(shape, np.inf), most=np.full(shape, -np.inf))
            for name in self.names
        }  # fmt: skip
        self.sample = _Sample(self.names, shape, memory) if sampled else None

    def add(self, block: xr.Dataset) -> None:
        same = tuple(str(n) for n in block.data_vars if n not in ABOUT_RUNS) == self.names
        if not same or not all(block[d].equals(self.like[d]) for d in ("arm", "time")):
            raise InputError(
                "a block has other arms, times or observables than the first; give blocks of one simulation."
            )
        block = block.transpose("arm", "draw", "time", ...)
        status = block["status"].values
        completed = status == Status.OK
        before = self.counts[int(Status.OK)].copy()
        for code in Status:
            self.counts[int(code)] += (status == code).sum(axis=1)
        # what is undefined or infinite stays so in the summary, without a warning for each block
        with np.errstate(invalid="ignore", over="ignore"):
            for name, moments in self.moments.items():
                values = block[name].values
                for arm in np.flatnonzero(completed.any(axis=1)):
                    moments.add(int(arm), values[arm][completed[arm]], int(before[arm]))
        if self.sample is not None:
            self.sample.add(block, completed)

    def summary(self, quantiles: tuple[float, ...]) -> xr.Dataset:
        completed = self.counts[int(Status.OK)]
        data: dict[str, Any] = {"runs": (("status", "arm"), self.counts)}
        for name, m in self.moments.items():
            attrs = {"units": self.like[name].attrs.get("units", "dimensionless")}
            with np.errstate(invalid="ignore", divide="ignore"):
                sd = np.sqrt(m.squares / np.where(completed > 1, completed - 1, np.nan)[:, None])
            table = np.stack([m.mean, sd, m.least, m.most])
            table[:, completed == 0] = np.nan
            data[name] = (("statistic", "arm", "time"), table, attrs)
            if self.sample is not None:
                values = self.sample.quantiles(name, quantiles)
                data[f"{name}_quantile"] = (("quantile", "arm", "time"), values, attrs)
        coords: dict[str, Any] = {"statistic": list(STATISTICS), "status": [s.name.lower() for s in Status]}
        coords |= {"quantile": list(quantiles)} if self.sample is not None else {}
        kept = {name: c for name, c in self.like.coords.items() if "draw" not in c.dims}
        used = {} if self.sample is None else {"quantile_draws": self.sample.used}
        attrs = {**self.like.attrs, "draws": int(self.counts[:, 0].sum()), **used}
        return xr.Dataset(data, coords={**kept, **coords}, attrs=attrs)


@dataclass
class _Sample:
    """The draws with the smallest hashes, as many as fit: values (draw, arm, time) of each observable."""

    names: tuple[str, ...]
    shape: tuple[int, int]
    memory: int
    used: int = 0
    keys: NDArray[np.uint64] = field(init=False)
    completed: NDArray[np.bool_] = field(init=False)
    values: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        room = self.memory // (8 * int(np.prod(self.shape)) * max(1, len(self.names)))
        if room < 1:
            raise InputError(
                f"{self.memory} bytes do not hold one draw; give more memory, or read fewer times or observables."
            )
        self.keys = np.zeros(room, np.uint64)
        self.completed = np.zeros((room, self.shape[0]), np.bool_)
        self.values = {name: np.empty((room, *self.shape)) for name in self.names}

    def add(self, block: xr.Dataset, completed: NDArray[np.bool_]) -> None:
        keys = _hash(block["draw"].values)
        all_keys = np.concatenate([self.keys[: self.used], keys])
        room = len(self.keys)
        kept = np.argpartition(all_keys, room - 1)[:room] if len(all_keys) > room else np.arange(len(all_keys))
        entering = np.sort(kept[kept >= self.used]) - self.used
        leaving = np.setdiff1d(np.arange(self.used), kept, assume_unique=True)
        places = np.concatenate([leaving, np.arange(self.used, len(kept))])
        self.used = len(kept)
        self.keys[places] = keys[entering]
        self.completed[places] = completed[:, entering].T
        for name, values in self.values.items():
            values[places] = block[name].values[:, entering].transpose(1, 0, 2)

    def quantiles(self, name: str, quantiles: tuple[float, ...]) -> Array:
        """Give the quantiles over completed runs, shape (quantile, arm, time)."""
        out = np.full((len(quantiles), *self.shape), np.nan)
        for arm in range(self.shape[0]):
            chosen = np.flatnonzero(self.completed[: self.used, arm])
            if len(chosen):
                out[:, arm] = np.quantile(self.values[name][chosen, arm], quantiles, axis=0)
        return out


def _hash(draws: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Mix the bits of draw indices (Steele, Lea and Flood 2014, OOPSLA '14, doi 10.1145/2660193.2660195)."""
    x = np.asarray(draws).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
