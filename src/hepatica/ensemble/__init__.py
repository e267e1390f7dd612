"""Draws of parameters: how uncertain the model is, as an array of parameter sets."""

from hepatica.ensemble.draws import (
    CHAIN,
    DOUBTS,
    LEFT_OUT,
    PRIOR_SD,
    Ensemble,
    draw_around,
    draw_prior,
    nominal,
    own_name,
    read_ensemble,
    write_ensemble,
)
from hepatica.ensemble.wiring import Wiring

__all__ = [
    "CHAIN",
    "DOUBTS",
    "LEFT_OUT",
    "PRIOR_SD",
    "Ensemble",
    "Wiring",
    "draw_around",
    "draw_prior",
    "nominal",
    "own_name",
    "read_ensemble",
    "write_ensemble",
]
