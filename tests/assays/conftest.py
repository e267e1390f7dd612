"""A synthetic simulation with closed-form observables, for the tests of this room."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

DOSES = (0.0, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
MANIPULATIONS = ("control", "shIGF1R")
TIMES = (0.0, 30.0, 1440.0, 2880.0, 4320.0, *(1440.0 * day for day in range(4, 29, 2)))
IC50 = {"control": 6.0, "shIGF1R": 3.0}
RATE = 0.017 / 60.0


def build(draws: int = 5, *, unit: str = "uM", failed: tuple[int, int] | None = None) -> xr.Dataset:
    """Arms: two manipulations x eight doses. Growth is exponential, its rate a Hill curve of the dose."""
    arms = [(m, d) for m in MANIPULATIONS for d in DOSES]
    ids = [m if d == 0 else f"{m} + sorafenib {d:g} uM" for m, d in arms]
    times = np.array(sorted(set(TIMES)))
    dose = np.array([d for _, d in arms])[:, None, None]
    half = np.array([IC50[m] for m, _ in arms])[:, None, None]
    spread = 1.0 + 0.1 * np.arange(draws)[None, :, None]
    drug = 1.0 / (1.0 + (dose / (half * spread)) ** 1.5)
    t = times[None, None, :]
    cells = np.exp(RATE * (1.4 * drug - 0.4) * t)
    dead = 0.3 * (1.0 - drug) * t / 4320.0 + 0.01
    one = np.ones_like(cells)
    casp = 50.0 * (1.0 - drug) * t / 4320.0 + 0.5
    values = {
        "cells": (cells, "1"),
        "dead_cells": (dead, "1"),
        "s_phase_fraction": (0.4 * drug * one, "1"),
        "wound_open": (1.0 - 0.3 * drug * np.minimum(t / 2880.0, 1.0), "1"),
        "tumour_volume": (100.0 * np.exp(0.0001 * drug * t), "mm^3"),
        "cCASP3": (casp, "nM"),
        "cPARP": (casp * 2.0, "nM"),
        "PARP_total": (500.0 * one, "nM"),
        "IGF1R_total": (one * 10.0 * spread, "nM"),
        "pIGF1R": (one * 3.0, "nM"),
        "pAKT_S473": (20.0 * one * half / 6.0, "nM"),
        "pmTOR_S2481": (4.0 * one, "nM"),
        "ppMEK": (9.0 * drug * spread, "nM"),
        "ppERK": (30.0 * drug * spread, "nM"),
        "actin": (one, "1"),
    }
    data = {}
    for name, (array, units) in values.items():
        array = np.array(np.broadcast_to(array, cells.shape))
        if failed is not None:
            array[failed] = np.nan
        data[name] = (("arm", "draw", "time"), array, {"units": units})
    factor = {"uM": 1.0, "nM": 1000.0}[unit]
    coords = {
        "arm": ids,
        "draw": np.arange(draws),
        "time": ("time", times, {"units": "min"}),
        f"sorafenib_{unit}": ("arm", np.array([d * factor for _, d in arms])),
        "manipulation": ("arm", np.array([m for m, _ in arms])),
    }
    status = np.zeros((len(arms), draws), dtype=np.int8)
    if failed is not None:
        status[failed] = 2
    data["status"] = (("arm", "draw"), status)
    return xr.Dataset(data, coords=coords, attrs={"experiment": "dish", "cell_line": "HepG2"})


@pytest.fixture(scope="session")
def make_simulation() -> Callable[..., xr.Dataset]:
    return build


@pytest.fixture(scope="session")
def sim() -> xr.Dataset:
    return build()
