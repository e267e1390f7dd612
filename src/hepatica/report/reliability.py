"""What keeps a report of a fit from being used: an optimum found once, starts that do not converge, chains that do not agree."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
NEAR = 0.1
RHAT, EFFECTIVE = 1.01, 400.0


def reasons(found: xr.Dataset, profiles: xr.Dataset | None, posterior: xr.Dataset | None) -> Sequence[str]:
    """Give the reasons why a fit may not be relied on; none when all is well.

    Parameters
    ----------
    found
        As :func:`~hepatica.inference.optimize.fit` gives it.
    profiles
        As :func:`~hepatica.inference.profile.profile` gives it; none without.
    posterior
        Draws, one variable for each parameter, (chain, draw); none without.
    """
    out = []
    objective = found["objective"].values
    fine = np.isfinite(objective)
    converged = is_converged(found)
    if not fine.any():
        return ["no start could be evaluated"]
    near = fine & (objective <= objective[fine].min() + NEAR)
    if not converged.any():
        out.append("no start converged; allow more iterations")
    if near.sum() < 2:
        out.append(f"the best optimum was found by one of {len(objective)} starts only; run more starts")
    elif converged.any() and not converged[near].any():
        out.append("none of the starts that found the best optimum converged; allow more iterations")
    if profiles is not None and profiles.attrs.get("better"):
        out.append(f"{profiles.attrs['better']}; run more starts")
    return [*out, *(_unmixed(posterior) if posterior is not None else ())]


def is_converged(found: xr.Dataset) -> NDArray[np.bool_]:
    """Whether each start ended because there was nothing more to gain."""
    return np.array([str(m).startswith("converged") for m in found["message"].values], bool)


def _unmixed(posterior: xr.Dataset) -> list[str]:
    names = [str(n) for n in posterior.data_vars if float(posterior[n].std()) > 0.0]
    draws = {n: posterior[n].transpose("chain", "draw").values for n in names}
    table = {n: (split_rhat(v), effective(v)) for n, v in draws.items() if v.shape[1] >= 8}
    out = []
    if bad := [n for n, (r, _) in table.items() if not r <= RHAT]:
        worst = max(bad, key=lambda n: table[n][0])
        out.append(
            f"the chains do not agree on {len(bad)} of {len(table)} parameters (R-hat of {worst}: {table[worst][0]:.3f}, at most {RHAT})"
        )
    if few := [n for n, (_, e) in table.items() if not e >= EFFECTIVE]:
        worst = min(few, key=lambda n: table[n][1])
        out.append(
            f"{len(few)} of {len(table)} parameters have too few independent draws ({worst}: {table[worst][1]:.0f} of {EFFECTIVE:.0f})"
        )
    return out


def split_rhat(draws: Array) -> float:
    """Give the larger one of the rank-normalised R-hats of draws and of their distances from the median.

    Parameters
    ----------
    draws
        Shape (chain, draw).

    Source: A. Vehtari et al., Bayesian Anal. 2021;16:667-718.
    """
    return max(_rhat(_ranked(_split(x))) for x in (draws, np.abs(draws - np.median(draws))))


def effective(draws: Array) -> float:
    """Give the effective number of draws (bulk): all of them over the sum of the autocorrelations of their ranks.

    Parameters
    ----------
    draws
        Shape (chain, draw).

    Source: A. Vehtari et al., Bayesian Anal. 2021;16:667-718; pairs of lags as C. J. Geyer, Stat. Sci. 1992;7:473-483.
    """
    z = _ranked(_split(draws))
    chains, n = z.shape
    centred = z - z.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * n, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :n] / n
    within = covariance[:, 0].mean() * n / (n - 1)
    total = within * (n - 1) / n + (z.mean(axis=1).var(ddof=1) if chains > 1 else 0.0)
    rho = 1.0 - (within - covariance.mean(axis=0) * n / (n - 1)) / total
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    stop = np.flatnonzero(pairs < 0.0)
    pairs = np.minimum.accumulate(pairs[: stop[0] if len(stop) else len(pairs)])
    return float(chains * n / max(2.0 * pairs.sum() - 1.0, 1.0 / np.log10(chains * n)))


def _split(draws: Array) -> Array:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _ranked(draws: Array) -> Array:
    ranks = stats.rankdata(draws).reshape(draws.shape)
    return np.asarray(stats.norm.ppf((ranks - 0.375) / (draws.size + 0.25)))


def _rhat(z: Array) -> float:
    n = z.shape[1]
    within, between = z.var(axis=1, ddof=1).mean(), z.mean(axis=1).var(ddof=1)
    return float(np.sqrt((n - 1) / n + between / within)) if within > 0.0 else np.inf
