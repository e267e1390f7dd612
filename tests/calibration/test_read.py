from pathlib import Path

import numpy as np
import pytest

from hepatica.calibration import read_calibration
from hepatica.errors import FormatError, InputError
from hepatica.library import load_measurements

FOLDER = Path(__file__).parents[2] / "studies" / "hcc-calibration"


@pytest.fixture(scope="module")
def calibration():
    return read_calibration(FOLDER)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = (FOLDER / "calibration.toml").read_text()
    assert old in text
    (tmp_path / "calibration.toml").write_text(text.replace(old, new, 1))
    return tmp_path


def test_every_row_to_fit_is_a_measurement(calibration) -> None:
    fitted = calibration.groups[calibration.rows("fit")]
    for table in (
        "phospho_hepg2_2009",
        "phospho_hepg2_2010",
        "phospho_hepatoma_2011",
        "growth_ccle",
        "growth_gdsc",
        "doubling_times",
    ):
        assert (fitted == table).sum() == (load_measurements(table)["role"] == "fit").sum(), table


def test_sorafenib_and_the_held_out_split_are_not_fitted(calibration) -> None:
    problem = calibration.of("fit")
    targets = {t for trial in problem.trials for c in trial.conditions for t in c}
    assert "sorafenib_nominal" not in targets
    assert "IGF1R_mRNA_residual" not in targets
    lines = {
        problem.trials[k].id.split("|")[0]
        for k in problem.trial[np.char.startswith(calibration.groups[calibration.rows("fit")], "phospho")]
    }
    assert lines == {"HepG2", "Huh7"}
    held_out = calibration.groups[calibration.rows("held-out")]
    assert set(held_out) == {"growth_ccle_sorafenib", "phospho_hepatoma_2011", "phospho_hepg2_2009"}


def test_ic50s_beyond_the_tested_doses_are_lower_bounds(calibration) -> None:
    problem = calibration.of("fit")
    bounds = problem.censored == 1
    assert bounds.sum() == (load_measurements("growth_gdsc")["ic50_uM"] > 10.0).sum() > 0
    assert (calibration.groups[calibration.rows("fit")][bounds] == "growth_gdsc").all()


def test_what_is_predicted_depends_on_more_parameters_than_what_is_fitted(calibration) -> None:
    fitted = {p.id for p in calibration.of("fit").estimated}
    predicted = {p.id for p in calibration.of("held-out").estimated}
    assert predicted - fitted == set(calibration.prior_only)
    assert "sorafenib_RAF_Kd" in calibration.prior_only
    assert {p.id for p in calibration.of("fit", wirings="estimated").estimated} - fitted == set(calibration.wirings)


def test_lines_set_what_the_library_says_and_estimate_what_the_calibration_says(calibration) -> None:
    line = calibration.lines["SK-Hep1"]
    assert line.own["IGF1R_level"].id == "IGF1R_level_SK_Hep1"
    assert line.own["cyclinD_basal"].nominal == 0.3
    assert line.own["EGFR_level"].nominal == pytest.approx(8.0 * 4.542)
    assert "IGF1R_level" not in calibration.lines["HepG2"].own


def test_a_data_set_can_be_left_out(calibration) -> None:
    less = calibration.of("fit", without=["growth_gdsc"])
    assert len(less.values) == len(calibration.of("fit").values) - 117
    with pytest.raises(InputError, match=r"no data set 'growth_gsdc'.*Did you mean 'growth_gdsc'"):
        calibration.of("fit", without=["growth_gsdc"])


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ('"tumour_*"', '"tumor_*"', InputError, r"names 'tumor_\*', and the model has no such parameter"),
        ('parameter = "cyclinD_reference"', 'parameter = "cyclinD_ref"', InputError, "'cyclinD_ref', which is no parameter"),
        ("serum = 0.1", "serums = 0.1", FormatError, "'serum' is missing"),
        ('"Trametinib" =', '"Trametinob" =', InputError, "the drug 'Trametinib', which the calibration does not name"),
        ('pERK = {', 'pERK2 = {', InputError, "the readout 'pERK', which the calibration has no formula for"),
    ],
)  # fmt: skip
def test_a_wrong_calibration_is_one_sentence(tmp_path: Path, old: str, new: str, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        read_calibration(changed(tmp_path, old, new))
