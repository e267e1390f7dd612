"""One Hill curve through noisy points, with confidence intervals."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.optimize import least_squares
from scipy.stats import t as student

from hepatica.assays.hill import HALF, Array, dose_at, evaluate, jacobian, log_doses
from hepatica.errors import InputError


def fit_curve(
    dose: Sequence[float] | Array,
    response: Sequence[float] | Array,
    sigma: Sequence[float] | Array | None = None,
    *,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Fit one Hill curve to noisy points, with confidence intervals.

    Intervals come from the covariance of the least-squares solution and Student's t; those of ``ec50``, ``hill`` and
    ``ic50`` are symmetric in their logarithms. A parameter that the points do not determine has an infinite interval.

    Parameters
    ----------
    dose
        uM (or any unit: ``ec50`` and ``ic50`` have the same), shape (point,); repeated doses are replicates.
    response
        Shape (point,), finite.
    sigma
        Standard deviation of each point; ``None`` estimates one for all from the residuals.
    confidence
        Level of the intervals, between 0 and 1.

    Returns
    -------
    xarray.Dataset
        Dimension parameter (e0, einf, ec50, hill, ic50): ``estimate``, ``low``, ``high``; attrs ``residual_sd``. The
        ``ic50`` is ``inf`` where the curve is above 0.5 at the top dose, and its bounds are cut there too.

    Raises
    ------
    InputError
        When shapes differ, a number is not finite, a dose or sigma is out of range, or there are not enough points.

    Examples
    --------
    >>> x = [0, 0.5, 1, 2, 4, 8]
    >>> y = [1.0, 0.8, 0.667, 0.5, 0.333, 0.2]
    >>> round(float(fit_curve(x, y).estimate.sel(parameter="ic50")), 2)
    2.0
    """
    x, y, weight = _check_points(dose, response, sigma, confidence)
    p, j, cost = _least_squares(x, y, weight)
    freedom = len(y) - 4
    covariance = _covariance(j)
    determined = bool(np.isfinite(covariance).all())
    residual_sd = math.sqrt(2.0 * cost / freedom)
    if sigma is None and determined:
        covariance = covariance * residual_sd**2
    spread = float(student.ppf(0.5 + 0.5 * confidence, freedom))
    rows = _intervals(p, covariance, spread, top=float(x.max()))
    table = np.array(rows).T
    names = ["e0", "einf", "ec50", "hill", "ic50"]
    variables = {key: ("parameter", table[i]) for i, key in enumerate(("estimate", "low", "high"))}
    return xr.Dataset(
        variables, coords={"parameter": names}, attrs={"residual_sd": residual_sd, "confidence": confidence}
    )


def _least_squares(x: Array, y: Array, weight: Array) -> tuple[Array, Array, float]:
    """Give parameters, weighted Jacobian (point, parameter) and cost of the best fit from three midpoints."""
    log_dose, positive = log_doses(x)

    def residual(p: Array) -> Array:
        return (evaluate(p, log_dose, positive) - y) * weight

    def derivative(p: Array) -> Array:
        return (jacobian(p, log_dose, positive) * weight).T

    first, last = float(y[x == x.min()].mean()), float(y[x == x.max()].mean())
    lower, upper = np.array([-np.inf, -np.inf, -12.0, -4.0]), np.array([np.inf, np.inf, 12.0, 5.0])
    fits: list[tuple[Array, Array, float]] = []
    for middle in np.quantile(np.log10(np.unique(x[x > 0])), [0.2, 0.5, 0.8]):
        start = np.array([first, last, float(middle), 0.3])
        solution = least_squares(residual, start, jac=derivative, bounds=(lower, upper), x_scale="jac", max_nfev=400)
        fits.append((np.asarray(solution.x), np.asarray(solution.jac), float(solution.cost)))
    return min(fits, key=lambda fit: fit[2])


def _check_points(dose: object, response: object, sigma: object, confidence: float) -> tuple[Array, Array, Array]:
    x, y = np.asarray(dose, dtype=float), np.asarray(response, dtype=float)
    error = np.ones_like(y) if sigma is None else np.asarray(sigma, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or x.shape != error.shape:
        raise InputError(f"the curve has shapes {x.shape}, {y.shape}, {error.shape}; expected equal lists of points.")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(error).all()):
        raise InputError("the curve holds a number that is not finite; leave such points out.")
    if (x < 0).any() or (error <= 0).any():
        raise InputError(
            "the curve has a negative dose or a sigma that is not positive; expected dose >= 0, sigma > 0."
        )
    if len(x) < 5 or len(np.unique(x)) < 4:
        raise InputError(
            f"the curve has {len(x)} points at {len(np.unique(x))} doses; expected at least 5 points at 4 doses."
        )
    if not 0.0 < confidence < 1.0:
        raise InputError(f"the confidence is {confidence:g}; expected a number between 0 and 1.")
    return x, y, 1.0 / error


def _covariance(j: Array) -> Array:
    """Give the inverse of J'J; infinite variances where the points do not determine the parameters."""
    scale = np.linalg.norm(j, axis=0)
    if (scale == 0).any():
        return np.full((4, 4), np.inf)
    normal = (j / scale).T @ (j / scale)
    if np.linalg.cond(normal) > 1e12:
        return np.full((4, 4), np.inf)
    return np.asarray(np.linalg.inv(normal) / np.outer(scale, scale))


def _intervals(p: Array, covariance: Array, spread: float, *, top: float) -> list[tuple[float, float, float]]:
    error = np.sqrt(np.diag(covariance))
    rows = [(float(p[i]), float(p[i] - spread * error[i]), float(p[i] + spread * error[i])) for i in (0, 1)]
    rows.append(tuple(_power(10.0, v) for v in (p[2], p[2] - spread * error[2], p[2] + spread * error[2])))  # type: ignore[arg-type]
    rows.append(tuple(_power(math.e, v) for v in (p[3], p[3] - spread * error[3], p[3] + spread * error[3])))  # type: ignore[arg-type]
    dose = dose_at(p, HALF)
    if not dose <= top:
        rows.append((math.inf, math.nan if not p[0] > HALF else top, math.inf))
        return rows
    slope = math.exp(p[3])
    log_ratio = math.log10((p[0] - HALF) / (HALF - p[1]))
    ln10 = math.log(10.0)
    gradient = np.array([1 / (p[0] - HALF), 1 / (HALF - p[1]), slope * ln10, -log_ratio * ln10]) / (slope * ln10)
    half = spread * math.sqrt(float(gradient @ covariance @ gradient)) if np.isfinite(covariance).all() else math.inf
    high = _power(10.0, math.log10(dose) + half)
    rows.append((dose, _power(10.0, math.log10(dose) - half), high if high <= top else math.inf))
    return rows


def _power(base: float, exponent: float) -> float:
    if exponent == -math.inf:
        return 0.0
    return float(base**exponent) if exponent < 300 else math.inf
