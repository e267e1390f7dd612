"""Calibration: the library's measurements as a problem of parameter estimation."""

from hepatica.calibration.read import Calibration, read_calibration

__all__ = ["Calibration", "read_calibration"]
