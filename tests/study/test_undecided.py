import numpy as np
import pytest
import xarray as xr

from hepatica.claims import Claim, Contrast, evaluate_claims
from hepatica.ensemble import Ensemble
from hepatica.study.undecided import LACKING, MANY, NARROWED, UNKNOWN, decisive_parameters

LINES = ("HepG2", "Huh7")


def ensemble(origin: str, columns: dict[str, np.ndarray]) -> Ensemble:
    size = len(next(iter(columns.values())))
    draws = xr.DataArray(
        np.column_stack(list(columns.values())), dims=("draw", "parameter"),
        coords={"draw": np.arange(size), "parameter": list(columns)},
    )  # fmt: skip
    return Ensemble(draws=draws, origin=origin, seed=1)


def claim() -> Claim:
    contrast = Contrast(
        id="c", experiment="e", readout="r", treated="t", reference="u", cell_lines=LINES, expect="increase"
    )
    return Claim(id="C", text="", source="", where="", kind="entailed", contrasts=(contrast,))


def test_an_undecided_claim_names_what_it_depends_on_and_how_far_the_data_know_that() -> None:
    random = np.random.default_rng(3)
    size = 800
    open_, narrow, other, own = np.exp(random.normal(size=(4, size)) * np.array([[1.0], [0.3], [1.0], [0.5]]))
    wiring = random.integers(2, size=size).astype(float)
    after = ensemble("posterior", {"a": open_, "b": narrow, "n": other, "b[Huh7]": own, "w": wiring})
    before = ensemble("prior", {n: np.exp(random.normal(size=size)) for n in "abn"} | {"w": wiring})
    values = {"HepG2": np.log(open_) - np.log(narrow) + wiring - 0.5, "Huh7": np.log(own)}
    readout = xr.DataArray(
        np.stack([[np.exp(values[line]), np.ones(size)] for line in LINES]), dims=("cell_line", "arm", "draw"),
        coords={"cell_line": list(LINES), "arm": ["t", "u"], "draw": np.arange(size)},
    )  # fmt: skip
    readouts = {"e": {"r": readout}}
    verdicts = evaluate_claims((claim(),), readouts)
    table = decisive_parameters((claim(),), verdicts, readouts, after, before)
    first = table[table["cell_line"] == "HepG2"].set_index("parameter")
    assert list(first.index) == ["a", "w", "b"]
    assert first["width"].to_list() == pytest.approx([1.0, 1.0, 0.3], rel=0.1)
    assert (first["rho"] > 0.0).to_list() == [True, True, False]
    assert set(first["why"]) == {LACKING}  # most of it is open, and w
    # Huh7 has a b of its own
    second = table[table["cell_line"] == "Huh7"].set_index("parameter")
    assert list(second.index) == ["b"]
    assert second.loc["b", "width"] == pytest.approx(0.5, rel=0.1)
    assert second.loc["b", "why"] == NARROWED


def test_a_width_is_by_the_prior_that_the_calibration_had() -> None:
    random = np.random.default_rng(5)
    values = np.exp(random.normal(size=600))
    readout = xr.DataArray(
        np.stack([[values, np.ones(600)]] * 2), dims=("cell_line", "arm", "draw"),
        coords={"cell_line": list(LINES), "arm": ["t", "u"], "draw": np.arange(600)},
    )  # fmt: skip
    readouts = {"e": {"r": readout}}
    after = ensemble("posterior", {"a": values})
    verdicts = evaluate_claims((claim(),), readouts)
    unknown = decisive_parameters((claim(),), verdicts, readouts, after, ensemble("prior", {"b": values}))
    assert unknown["width"].isna().all()
    assert set(unknown["why"]) == {UNKNOWN}
    known = after.draws.assign_coords(prior_sd=("parameter", [2.0]))
    after = Ensemble(draws=known, origin="posterior", seed=1)
    table = decisive_parameters((claim(),), verdicts, readouts, after, ensemble("prior", {"b": values}))
    assert table["width"].to_numpy() == pytest.approx(0.5, rel=0.1)


def test_a_decided_claim_is_left_out_and_one_of_chance_has_no_parameter() -> None:
    random = np.random.default_rng(4)
    values = {"HepG2": np.full(400, 2.0), "Huh7": np.exp(random.normal(size=400))}
    readout = xr.DataArray(
        np.stack([[values[line], np.ones(400)] for line in LINES]), dims=("cell_line", "arm", "draw"),
        coords={"cell_line": list(LINES), "arm": ["t", "u"], "draw": np.arange(400)},
    )  # fmt: skip
    readouts = {"e": {"r": readout}}
    drawn = ensemble("posterior", {"a": np.exp(random.normal(size=400))})
    table = decisive_parameters((claim(),), evaluate_claims((claim(),), readouts), readouts, drawn, drawn)
    assert table[["cell_line", "why", "parameter"]].values.tolist() == [["Huh7", MANY, ""]]
