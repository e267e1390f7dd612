"""From samples to draws of the model's parameters."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.calibration.read import Calibration
from hepatica.ensemble import CHAIN, DOUBTS, PRIOR_SD, Ensemble, draw_prior, own_name
from hepatica.inference.diagnose import check_samples, describe_samples, shortened
from hepatica.library import load_wirings

Array = NDArray[np.float64]


def taken(samples: xr.DataTree, draws: int) -> xr.Dataset:
    """Give draws of all chains: ``x`` (draw, parameter), on the scales, with the coordinate ``chain``.

    The first draws of any number are spread over all chains and over their whole length.
    """
    names = [str(n) for n in samples["posterior"].data_vars]
    chains, length = samples["posterior"].sizes["chain"], samples["posterior"].sizes["draw"]
    x = np.stack([samples["posterior"][n].transpose("draw", "chain").values.ravel() for n in names], axis=-1)
    order = np.argsort(np.argsort(van_der_corput(length)))
    rows = (order[:, None] * chains + np.arange(chains)).ravel()[:draws]
    return xr.Dataset(
        {"x": (("draw", "parameter"), x[rows])}, coords={"parameter": names, CHAIN: ("draw", rows % chains)}
    )


def van_der_corput(count: int) -> Array:
    """Give the first numbers of the sequence of van der Corput in base 2: each fills the largest gap that is left in [0, 1)."""
    k, value, part = np.arange(count), np.zeros(count), 0.5
    while k.any():
        value, k, part = value + part * (k % 2), k // 2, 0.5 * part
    return value


def to_ensemble(
    calibration: Calibration, samples: xr.DataTree, *, draws: int, seed: int, command: str = ""
) -> Ensemble:
    """Give the draws of the model's parameters: sampled ones, those of lines by themselves, and the others from their priors.

    Parameters
    ----------
    calibration
        Whose lines and priors.
    samples
        As :func:`~hepatica.inference.chains.sample_near` gives them; the first draws are of all chains and of their whole length.
    draws, seed
        How many; seed of what is drawn from priors.
    command
        Is kept with the ensemble.

    Returns
    -------
    Ensemble
        Its draws have the coordinates ``chain`` and ``prior_sd``, and say in ``attrs`` how they were ``sampled`` and, one in each line,
        the ``doubts`` of :func:`~hepatica.inference.diagnose.check_samples`.
    """
    model = calibration.problem.model
    chosen = taken(samples, draws)
    names = [str(n) for n in chosen["parameter"].values]
    logs = np.array([samples["posterior"][n].attrs["scale"] == "log" for n in names])
    values = np.where(logs, np.exp(np.where(logs, chosen["x"].values, 0.0)), chosen["x"].values)
    known = {p.id for p in model.parameters}
    own = {e.id: own_name(p, line.id) for line in calibration.lines.values() for p, e in line.own.items()}
    wirings = tuple(w for w in load_wirings(model.id) if w.parameter not in names)
    prior = draw_prior(model, len(values), seed=seed, wirings=wirings)
    columns = {n: prior.draws.values[:, k] for k, n in enumerate(prior.parameters)}
    columns |= {own.get(n, n): values[:, k] for k, n in enumerate(names) if n in known or n in own}
    before = {own.get(n, n): float(samples["prior"][n].std()) for n in names}
    array = xr.DataArray(
        np.column_stack(list(columns.values())).astype(np.float32).astype(float), dims=("draw", "parameter"),
        coords={
            "draw": np.arange(len(values)), "parameter": np.array(list(columns), dtype=np.str_),
            CHAIN: ("draw", chosen[CHAIN].values),
            PRIOR_SD: ("parameter", np.array([before.get(n, np.nan) for n in columns])),
        },
        name="draws", attrs={"model": model.id, "model_digest": model.digest, "problem_digest": str(samples.attrs["digest"]),
               "sampled": _sampled(samples), "command": command, DOUBTS: "\n".join(shortened(check_samples(samples)))},
    )  # fmt: skip
    return Ensemble(draws=array, origin="posterior", seed=seed)


def _sampled(samples: xr.DataTree) -> str:
    return next(line for line in describe_samples(samples) if not line.startswith("BLOCKED"))
