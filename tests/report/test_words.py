import numpy as np
import pytest
import xarray as xr

from hepatica.experiment import Change
from hepatica.report.curves import shift_edge
from hepatica.report.data import arm_table, at_hours, draws_of, quantiles, shift
from hepatica.report.style import display_name, say_empty, to_svg
from hepatica.report.words import clock, describe_change, number, percent


def test_numbers_for_readers() -> None:
    assert number(-0.01234) == "−0.0123"
    assert number(float("nan")) == "–"
    assert number(float("-inf")) == "unboundedly lower"
    assert percent(-0.5) == "−50 %"
    assert [clock(t) for t in (0.0, 30.0, 90.0, 120.0, 2880.0)] == ["0 min", "30 min", "90 min", "2 h", "2 d"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(target="serum", value=0.1), "serum set to 0.1, throughout"),
        (Change(target="IGF1_added", value=13.0, unit="nM", start=0.0), "IGF1_added set to 13 nM, from 0 min"),
        (Change(target="k", how="scale", value=2.0, start=60.0, stop=120.0), "k times 2, from 1 h to 2 h"),
        (Change(target="cells", how="add", value=1.0, unit="dimensionless", start=0.0), "cells plus 1, from 0 min"),
    ],
)
def test_changes_in_words(change: Change, text: str) -> None:
    assert describe_change(change) == text


def test_quantiles_keep_what_is_censored() -> None:
    assert quantiles([1.0, np.inf, np.nan, 3.0], [0.0, 0.5, 1.0]).tolist() == [1.0, 3.0, np.inf]
    assert np.isnan(quantiles([np.nan, np.nan], [0.5])).all()
    assert quantiles([1.0, 2.0], [0.5], [0.0, 1.0]).tolist() == [2.0]


def test_shift_of_censored_draws() -> None:
    moved = shift(np.array([1.0, np.inf, np.inf]), np.array([2.0, 2.0, np.inf]))
    assert moved[0] == -1.0
    assert moved[1] == np.inf
    assert np.isnan(moved[2])


def test_shift_axis_fits_the_draws() -> None:
    assert shift_edge(np.linspace(-0.1, 0.1, 50), None) == 0.5
    assert shift_edge(np.linspace(-5, 5, 50), None) == 3.0
    assert shift_edge(np.full(4, np.nan), None) == 0.5


def test_arms_without_labels_are_read_from_their_names() -> None:
    readout = xr.DataArray(
        np.zeros((2, 1)), dims=("arm", "draw"), coords={"arm": ["shIGF1R + sorafenib 5 uM", "control"]}
    )
    table = arm_table(readout)
    assert table["manipulation"].tolist() == ["shIGF1R", "control"]
    assert table["dose"].tolist() == [5.0, 0.0]


def test_what_is_not_there_is_nan() -> None:
    readout = xr.DataArray(np.ones((1, 3)), dims=("arm", "draw"), coords={"arm": ["control"]})
    assert np.isnan(draws_of(readout, arm="other")).all()
    assert at_hours(readout, 5.0) == (readout, None)


def test_svg_is_deterministic_and_described() -> None:
    first, second = (to_svg(say_empty("nothing <here>"), "a", "says <why>") for _ in range(2))
    assert first == second
    assert "says &lt;why&gt;" in first
    assert display_name("shIGF1R") == "IGF-1R knock-down"
