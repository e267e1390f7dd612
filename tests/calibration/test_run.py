import html
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hepatica.calibration import read_calibration
from hepatica.calibration.compare import summarise
from hepatica.calibration.draws import taken, van_der_corput
from hepatica.calibration.export import apart, export_petab
from hepatica.calibration.left_out import calibrate_without_each
from hepatica.calibration.run import calibrate, describe_calibrated
from hepatica.ensemble import LEFT_OUT, read_ensemble
from hepatica.errors import InputError, NotFoundError
from hepatica.inference import Likelihood, read_petab
from hepatica.inference.journal import INTERVAL
from hepatica.library import load_model
from hepatica.report import is_calibration, write_calibration_report

FOLDER = Path(__file__).parents[2] / "studies" / "hcc-calibration"
LEFT = ("phospho_hepg2_2009", "phospho_hepg2_2010", "phospho_hepatoma_2011", "growth_ccle", "growth_gdsc")
FEW = {"draws": 8, "starts": 1, "chains": 4, "warm": 2, "iterations": 2, "without": LEFT}


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    """With one wiring to decide instead of four."""
    text = (FOLDER / "calibration.toml").read_text()
    four = 'wirings = ["wiring_erk_irs", "wiring_foxo_receptor", "wiring_paradox", "wiring_v600e"]'
    assert four in text
    folder = tmp_path_factory.mktemp("calibration")
    (folder / "calibration.toml").write_text(text.replace(four, 'wirings = ["wiring_foxo_receptor"]'))
    return read_calibration(folder)


@pytest.fixture(scope="module")
def reduced(calibration, tmp_path_factory):
    """The calibration on binding, timing and doubling times alone."""
    folder = tmp_path_factory.mktemp("reduced")
    return calibrate(calibration, folder, threads=2, **FEW), folder


def test_a_reduced_calibration_gives_an_ensemble_of_the_model(calibration, reduced) -> None:
    found, folder = reduced
    ensemble = read_ensemble(folder / "ensemble.nc")
    assert ensemble.size == 8
    assert ensemble.origin == "posterior"
    assert ensemble.draws.attrs["model_digest"] == load_model("hcc").digest
    assert {"kon_IR", "sorafenib_RAF_Kd", "wiring_foxo_receptor", "IGF1R_level[Huh7]"} <= set(ensemble.parameters)
    assert not any(n.startswith(("scale_", "potency_", "control_cells")) for n in ensemble.parameters)
    assert np.isfinite(ensemble.draws.values).all()
    assert ensemble.chains is not None
    assert ensemble.chains.values.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert len(found.fits) == 2 ** len(calibration.wirings)
    assert found.fits["probability"].sum() == pytest.approx(1.0)
    assert len(found.held_out) == len(calibration.rows("held-out"))
    assert any("held out, growth_ccle_sorafenib: 24 values" in line for line in describe_calibrated(found))


def test_the_page_of_a_calibration_says_what_it_rests_on(reduced, call) -> None:
    found, folder = reduced
    code, out, _ = call("report", folder)
    assert (code, out.strip()) == (0, str(folder / "calibration.html"))
    page = (folder / "calibration.html").read_text(encoding="utf-8")
    assert "BLOCKED" in page  # eight draws are no posterior
    assert "wiring_foxo_receptor" in page
    assert "Where model and data disagree" in page
    for group in found.held_out["data_set"].unique():
        assert f"<h3>{group.replace('_', ' ')}</h3>" in page
    for word in ("mathdefault", "http://", "https://"):
        assert word not in page.replace("http://www.w3.org/", "")
    assert found.determined["words"].iloc[0].split(";")[0] in html.unescape(page)


def test_what_the_data_determine_stands_beside_what_was_expected(calibration, reduced) -> None:
    found, folder = reduced
    table = found.expected.set_index("quantity")
    assert list(table.index) == [e.quantity for e in calibration.expected]
    assert table.loc["insulin binding to IR", "combination_width"] <= table.loc["insulin binding to IR", "width"]
    assert table.loc["weights of migration", "found"] == "not fitted"
    widths = table["combination_width"].dropna()
    assert ((widths >= 0.0) & (widths < 3.0)).all()
    assert "Expected before the fit, and found" in (folder / "calibration.html").read_text(encoding="utf-8")
    known = found.determined["data"]
    mostly = known[known.str.startswith("known mostly by ")].str.removeprefix("known mostly by ").str.split(" and ")
    assert len(mostly)
    assert set(mostly.explode()) <= set(calibration.groups) - set(LEFT)


def test_the_page_of_a_calibration_that_is_running_says_what_it_has_found_so_far(calibration, tmp_path, call) -> None:
    class StopError(Exception):
        pass

    pages = {}

    def look(stage: str, done: int, total: int) -> None:
        if (stage, done) in {("wirings", 1), ("sampling", 1), ("sampling", 4), ("sampling", 12)}:
            time.sleep(1.2 * INTERVAL)  # an iteration waits that long for its commit
            code, out, err = call("report", tmp_path)
            assert (code, err) == (0, "")
            pages[stage, done] = html.unescape(Path(out.strip()).read_text(encoding="utf-8"))
        if (stage, done) == ("sampling", 12):
            raise StopError

    with pytest.raises(StopError):
        calibrate(calibration, tmp_path, threads=2, progress=look, **(FEW | {"draws": 64}))
    assert "the wirings are being fitted" in pages["wirings", 1]
    assert "start 0" in pages["wirings", 1]
    assert "4 chains are warming up: 1 of 2 iterations" in pages["sampling", 1]
    assert "made 2 iterations since" in pages["sampling", 4]
    assert "The parameters that the chains agree on least" not in pages["sampling", 4]
    assert "made 10 iterations since" in pages["sampling", 12]
    assert "The parameters that the chains agree on least" in pages["sampling", 12]
    for page in pages.values():
        assert "nothing may be concluded from it yet" in page
    # fewer draws than were begun: the iterations that there are count
    found = calibrate(calibration, tmp_path, threads=2, resume=True, **(FEW | {"draws": 12}))
    assert found.samples["posterior"].sizes["draw"] == 3
    assert "underway" not in Path(call("report", tmp_path)[1].strip()).read_text(encoding="utf-8")


def test_a_folder_without_a_calibration_has_no_page(tmp_path) -> None:
    assert not is_calibration(tmp_path)
    with pytest.raises(NotFoundError, match=r"holds no calibration \(fits.tsv, fitted.tsv, .*is missing"):
        write_calibration_report(tmp_path)


def test_the_first_draws_are_of_the_whole_length_of_all_chains() -> None:
    np.testing.assert_array_equal(van_der_corput(6), [0.0, 0.5, 0.25, 0.75, 0.125, 0.625])
    draws = {"chain": range(4), "draw": range(7)}
    table = xr.Dataset({"kon_IR": (("chain", "draw"), np.arange(28.0).reshape(4, 7), {"scale": "log"})}, coords=draws)
    x = taken(xr.DataTree.from_dict({"posterior": table}), 100)["x"].values.ravel()
    assert sorted(x) == list(range(28))
    assert set(x[:4] % 7) == {0.0}
    assert np.diff(sorted(x[:16:4] % 7)).max() <= 2  # the first four of a chain leave no large gap
    assert (x[:4] // 7).tolist() == [0, 1, 2, 3]


def test_a_data_set_is_left_out_from_draws_that_knew_it(calibration, reduced, tmp_path) -> None:
    found, folder = reduced
    few = {"draws": 4, "chains": 4, "warm": 2, "thin": 1, "threads": 2, "without": LEFT}
    only = ("insulin_binding", "igf1r_binding")
    told = []
    ensemble = calibrate_without_each(
        calibration, folder, tmp_path, data_sets=only, progress=lambda *words: told.append(words), **few
    )
    assert ensemble.draws[LEFT_OUT].values.tolist() == [only[0]] * 4 + [only[1]] * 4
    assert ensemble.chains is not None
    assert ensemble.draws.attrs["model_digest"] == load_model("hcc").digest
    assert read_ensemble(tmp_path / "left_out.nc").draws.identical(ensemble.draws)
    assert told[-1] == ("without igf1r_binding (2 of 2)", 3, 3)
    # the chains began at draws of the whole posterior
    whole = found.samples["posterior"]["kon_IR"].values
    assert np.abs(np.log(ensemble.draws.sel(parameter="kon_IR").values) - whole.mean()).max() < 1.0
    again = calibrate_without_each(calibration, folder, tmp_path, data_sets=only, resume=True, **few)
    assert again.draws.identical(ensemble.draws)
    with pytest.raises(InputError, match=r"no data set 'insulin' to leave out"):
        calibrate_without_each(calibration, folder, tmp_path, data_sets=("insulin",), **few)
    with pytest.raises(NotFoundError, match=r"holds no finished calibration \(fits.tsv is missing\)"):
        calibrate_without_each(calibration, tmp_path, tmp_path / "out", data_sets=only, **few)


def test_binding_moves_its_parameters_and_nothing_else(calibration, reduced) -> None:
    found, _ = reduced
    problem = calibration.of("fit", without=LEFT)
    prior = np.array([p.nominal for p in problem.estimated])
    best = pd.Series(np.exp(found.best.values[0]) / prior, [p.id for p in problem.estimated])
    assert best["kon_IR"] > 2.0  # hepatocytes bind insulin more tightly than the prior's centre
    assert best[["MEK_level", "kphos_S6K", "BCL2_level"]].to_numpy() == pytest.approx(1.0, abs=0.15)


def test_what_was_stopped_goes_on_to_the_same_bits(calibration, reduced, tmp_path) -> None:
    whole, _ = reduced

    class StopError(Exception):
        pass

    def stop(stage: str, done: int, _total: int) -> None:
        if stage == "sampling" and done == 2:
            raise StopError

    with pytest.raises(StopError):
        calibrate(calibration, tmp_path, threads=1, progress=stop, **FEW)
    resumed = calibrate(calibration, tmp_path, threads=1, resume=True, **FEW)
    assert (resumed.ensemble.draws.values == whole.ensemble.draws.values).all()
    pd.testing.assert_frame_equal(resumed.fits, whole.fits)


def test_the_exported_problem_is_the_same_problem(calibration, tmp_path) -> None:
    problem = calibration.of("fit", without=("growth_gdsc", "growth_ccle"))
    read = read_petab(export_petab(problem, tmp_path))
    targets = {t for trial in apart(problem).trials for c in trial.conditions for t in c}
    assert not targets & {p.id for p in read.parameters}
    here = Likelihood(problem)(problem.nominal[None])
    there = Likelihood(read)(np.array([[p.nominal for p in read.estimated]]))
    assert there == pytest.approx(here, rel=1e-9)


def test_coverage_counts_what_lies_within() -> None:
    table = pd.DataFrame(
        {"data_set": ["a"] * 4 + ["b"], "rank": [0.5, 0.3, 0.06, 0.99, np.nan], "beyond": [np.nan] * 4 + [0.8]}
    )
    rows = summarise(table).set_index("data_set")
    assert rows.loc["a", ["n", "within_50", "within_90"]].tolist() == [4, 0.5, 0.75]
    assert rows.loc["b", ["n", "bounds", "beyond"]].tolist() == [0, 1, 0.8]
