"""What keeps a report of a fit from being used: an optimum found once, starts that do not converge, chains that do not agree."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.inference.diagnose import check_samples, shortened

NEAR = 0.1


def reasons(found: xr.Dataset, profiles: xr.Dataset | None, posterior: xr.DataTree | None) -> Sequence[str]:
    """Give the reasons why a fit may not be relied on; none when all is well.

    Parameters
    ----------
    found
        As :func:`~hepatica.inference.optimize.fit` gives it.
    profiles
        As :func:`~hepatica.inference.profile.profile` gives it; none without.
    posterior
        As :func:`~hepatica.inference.sample.sample` gives it; none without.
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
    return [*out, *(shortened(check_samples(posterior)) if posterior is not None else ())]


def is_converged(found: xr.Dataset) -> NDArray[np.bool_]:
    """Whether each start ended because there was nothing more to gain."""
    return np.array([str(m).startswith("converged") for m in found["message"].values], bool)
