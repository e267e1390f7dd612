"""What the draws of a posterior expect to be measured, with and without the noise of the measurement."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.inference.likelihood import Likelihood
from hepatica.inference.noise import draw_measurements, residual
from hepatica.inference.problem import Problem
from hepatica.inference.sample import TOGETHER, measurements, points_of
from hepatica.solver import Tolerances

Array = NDArray[np.float64]

LEVELS = (0.5, 0.9)


def predict(
    problem: Problem, tree: xr.DataTree, *, seed: int = 1, threads: int = 1, tolerances: Tolerances | None = None
) -> xr.DataTree:
    """Add what is to be expected of each measurement.

    Parameters
    ----------
    problem
        The one that was sampled, or another with the same parameters: other trials, times and observables are predictions.
    tree
        As :func:`~hepatica.inference.sample.sample` gives it.
    seed
        Of the measurement noise.
    threads, tolerances
        Of the engine; the result does not depend on the number of threads.

    Returns
    -------
    xarray.DataTree
        ``tree`` with the group ``posterior_predictive``: ``expected``, without noise, and ``measurement``, with it,
        (chain, draw, row). NaN where a draw cannot be simulated.
    """
    likelihood = Likelihood(problem, tolerances=tolerances, threads=threads)
    points = points_of(problem, tree)
    shape, flat = points.shape[:2], points.reshape(-1, points.shape[-1])
    expected, sigma = simulate_all(likelihood, flat)
    dims, size = ("chain", "draw", "row"), (*shape, -1)
    noisy = add_noise(problem, expected, sigma, np.random.Generator(np.random.Philox(key=[seed, 2**33])))
    parts = {"expected": expected, "measurement": noisy, "sigma": sigma}
    group = xr.Dataset(
        {name: (dims, part.astype(np.float32).reshape(size)) for name, part in parts.items()},
        coords={"chain": range(shape[0]), "draw": range(shape[1]), **measurements(problem)},
    )
    return xr.DataTree.from_dict(
        {**{n: tree[n].to_dataset() for n in tree.children}, "posterior_predictive": group, "/": tree.to_dataset()}
    )


def simulate_all(likelihood: Likelihood, points: Array) -> tuple[Array, Array]:
    """Give expectation and noise of each measurement (point, measurement), in batches."""
    parts = [likelihood.simulate(points[k : k + TOGETHER]) for k in range(0, len(points), TOGETHER)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def add_noise(problem: Problem, expected: Array, sigma: Array, random: np.random.Generator) -> Array:
    """Draw measurements (point, measurement)."""
    out = np.empty_like(expected)
    for k, o in enumerate(problem.observables):
        here = np.flatnonzero(problem.observable == k)
        out[:, here] = draw_measurements(expected[:, here], sigma[:, here], o.scale, o.distribution, random)
    return out


def bands(tree: xr.DataTree, level: float = 0.9) -> xr.Dataset:
    """Give the central intervals of each measurement.

    Parameters
    ----------
    tree
        With predictions, as :func:`predict` gives it.
    level
        Probability within.

    Returns
    -------
    xarray.Dataset
        ``median``, ``lower`` and ``upper`` with noise, ``expected_lower`` and ``expected_upper`` without; (row).
    """
    predicted = tree["posterior_predictive"].to_dataset()
    ends = [0.5 - level / 2.0, 0.5, 0.5 + level / 2.0]
    noisy, plain = (np.nanquantile(predicted[n].values, ends, axis=(0, 1)) for n in ("measurement", "expected"))
    data = {
        "lower": noisy[0],
        "median": plain[1],
        "upper": noisy[2],
        "expected_lower": plain[0],
        "expected_upper": plain[2],
    }
    coords = {n: c for n, c in predicted.coords.items() if c.dims == ("row",)}
    return xr.Dataset({n: ("row", v) for n, v in data.items()}, coords=coords, attrs={"level": level})


def predictive_checks(problem: Problem, tree: xr.DataTree) -> xr.Dataset:
    """Compare what was measured with what the posterior predicts, observable by observable.

    Parameters
    ----------
    problem
        Whose measurements.
    tree
        With predictions of the same problem, as :func:`predict` gives it.

    Returns
    -------
    xarray.Dataset
        For each observable: ``p_value``, the probability that predicted measurements lie further from their expectation than the
        real ones (sum of squares over the variance of the noise; near 0: misfit, near 1: noise too large), ``p_mean``, the probability
        that their mean lies above the real one's, ``inside`` (observable, level), the share of measurements in their central intervals, and
        ``measurements``, how many there are. Censored ones are left out; NaN where nothing is left.

    Source: A. Gelman, X. L. Meng and H. Stern, Stat. Sinica 1996;6:733-807.
    """
    predicted = tree["posterior_predictive"].to_dataset()
    flat = {n: predicted[n].values.reshape(-1, len(problem.values)) for n in ("expected", "measurement", "sigma")}
    fine = np.isfinite(flat["measurement"]).all(axis=1)
    flat = {n: v[fine] for n, v in flat.items()}
    whole = np.ones(len(problem.values), bool) if problem.censored is None else problem.censored == 0
    names = list(dict.fromkeys(problem.observables[k].id for k in problem.observable))
    table: dict[str, list[Any]] = {k: [] for k in ("p_value", "p_mean", "inside", "measurements")}
    of = np.array([names.index(problem.observables[k].id) for k in problem.observable])
    real = distances(problem, flat["expected"], flat["sigma"], problem.values)
    replicated = distances(problem, flat["expected"], flat["sigma"], flat["measurement"])
    within = inside(flat["measurement"], problem.values)
    for k in range(len(names)):
        here = (of == k) & whole
        further = (replicated[:, here] ** 2).sum(axis=1) >= (real[:, here] ** 2).sum(axis=1)
        above = replicated[:, here].sum(axis=1) >= real[:, here].sum(axis=1)
        table["p_value"].append(further.mean() if here.any() else np.nan)
        table["p_mean"].append(above.mean() if here.any() else np.nan)
        table["inside"].append(within[:, here].mean(axis=1) if here.any() else np.full(len(LEVELS), np.nan))
        table["measurements"].append(int(here.sum()))
    dims = {"inside": ("observable", "level")}
    data = {k: (dims.get(k, ("observable",)), np.array(v)) for k, v in table.items()}
    return xr.Dataset(data, coords={"observable": names, "level": list(LEVELS)})


def distances(problem: Problem, expected: Array, sigma: Array, values: Array) -> Array:
    """Give measured minus expected over the scale of the noise, (point, measurement)."""
    out, values = np.empty_like(expected), np.broadcast_to(values, expected.shape)
    for k, o in enumerate(problem.observables):
        here = np.flatnonzero(problem.observable == k)
        out[:, here] = residual(values[:, here], expected[:, here], sigma[:, here], o.scale)
    return out


def inside(drawn: Array, values: Array) -> NDArray[np.bool_]:
    """Give whether values (measurement,) lie in the central intervals of draws (draw, measurement): (level, measurement)."""
    ends = [(0.5 - level / 2.0, 0.5 + level / 2.0) for level in LEVELS]
    limits = [np.nanquantile(drawn, pair, axis=0) for pair in ends]
    return np.array([(values >= low) & (values <= high) for low, high in limits])
