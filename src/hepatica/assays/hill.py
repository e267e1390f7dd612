"""The Hill (four-parameter logistic) curve: its value, its derivatives, its least-squares fit."""

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import leastsq

Array = npt.NDArray[np.float64]

HALF = 0.5
"""The readout at a half-maximal dose: absolute, never half-way to where the curve ends."""

LN10 = math.log(10.0)
_MAX_LN_SLOPE = 6.0
_MAX_EXPONENT = 500.0
_TOLERANCE = 1e-10


def hill(dose: npt.ArrayLike, *, e0: float, einf: float, ec50: float, slope: float) -> Array:
    """Give the response at doses.

    Parameters
    ----------
    dose
        Any unit, the same as ``ec50``; shape (dose,); zero is allowed.
    e0, einf
        Response without drug and at infinite dose.
    ec50
        Dose half-way between them.
    slope
        Hill coefficient, positive.

    Returns
    -------
    numpy.ndarray
        ``einf + (e0 - einf) / (1 + (dose / ec50) ** slope)``, shape (dose,).

    Examples
    --------
    >>> float(hill([2.0], e0=1.0, einf=0.0, ec50=2.0, slope=1.5)[0])
    0.5
    """
    log_dose, positive = log_doses(dose)
    return evaluate(np.array([e0, einf, math.log10(ec50), math.log(slope)]), log_dose, positive)


def log_doses(dose: npt.ArrayLike) -> tuple[Array, Array]:
    """Give log10 of the doses (0 where the dose is zero) and 1 where the dose is positive, else 0."""
    values = np.atleast_1d(np.asarray(dose, dtype=float))
    positive = (values > 0).astype(float)
    return np.log10(np.where(values > 0, values, 1.0)), positive


def _share(p: Array, log_dose: Array, positive: Array) -> tuple[Array, float]:
    slope = math.exp(min(float(p[3]), _MAX_LN_SLOPE))
    power = np.exp(np.minimum((slope * LN10) * (log_dose - p[2]), _MAX_EXPONENT)) * positive
    return 1.0 / (1.0 + power), slope


def evaluate(p: Array, log_dose: Array, positive: Array) -> Array:
    """Give the curve with parameters ``p`` = (e0, einf, log10 ec50, ln slope)."""
    share, _ = _share(p, log_dose, positive)
    return np.asarray(p[1] + (p[0] - p[1]) * share)


def jacobian(p: Array, log_dose: Array, positive: Array) -> Array:
    """Give the derivatives of :func:`evaluate`, shape (parameter, dose)."""
    share, slope = _share(p, log_dose, positive)
    steep = (p[0] - p[1]) * share * (1.0 - share) * (LN10 * slope)
    return np.stack([share, 1.0 - share, steep, -steep * (log_dose - p[2])])


def fit_hill(log_dose: Array, positive: Array, response: Array, start: Array) -> tuple[Array, float]:
    """Fit one curve by least squares (Levenberg-Marquardt, MINPACK ``lmder``).

    Parameters
    ----------
    log_dose, positive
        From :func:`log_doses`, shape (dose,).
    response
        Shape (dose,), finite.
    start
        (e0, einf, log10 ec50, ln slope).

    Returns
    -------
    parameters : numpy.ndarray
        As ``start``.
    misfit : float
        Largest absolute residual; infinite where the fit left the finite numbers.
    """

    def residual(p: Array) -> Array:
        return evaluate(p, log_dose, positive) - response

    def derivative(p: Array) -> Array:
        return jacobian(p, log_dose, positive)

    # MINPACK also gives the covariance, which may overflow where the curve hardly bends; it is not used
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        fit = leastsq(
            residual,
            start,
            Dfun=derivative,
            col_deriv=True,
            full_output=True,
            ftol=_TOLERANCE,
            xtol=_TOLERANCE,
            maxfev=100,
        )
    p = np.asarray(fit[0])
    misfit = float(np.abs(residual(p)).max())
    return p, misfit if math.isfinite(misfit) else math.inf


def dose_at(p: Array, level: float) -> float:
    """Give the dose at which the curve passes a level; NaN where it never does."""
    ratio = (p[0] - level) / (level - p[1]) if level != p[1] else math.nan
    if not ratio > 0:
        return math.nan
    exponent = float(p[2]) + math.log10(ratio) / math.exp(min(float(p[3]), _MAX_LN_SLOPE))
    return 10.0**exponent if abs(exponent) < 300 else math.nan
