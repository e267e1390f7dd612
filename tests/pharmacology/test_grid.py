"""Dose series and grids."""

import pytest

from hepatica.errors import InputError, UnitError
from hepatica.experiment import Intervention
from hepatica.pharmacology import Drug, dose_grid, dose_series

SORAFENIB = Drug(id="sorafenib", name="Sorafenib", parameter="sorafenib_nominal", unit="nM")
LINSITINIB = Drug(id="linsitinib", name="Linsitinib", parameter="linsitinib_nominal", unit="uM")
SHRNA = Intervention(id="shIGF1R", labels={"manipulation": "shIGF1R"})
CLAMP = Intervention(id="akt clamp", labels={"clamp": "akt"})


def test_series_ids_labels_and_changes():
    arms = dose_series(SORAFENIB, ["0 uM", "500 nM", "5 uM"], base=[SHRNA])
    assert [a.id for a in arms] == ["shIGF1R", "shIGF1R + sorafenib 0.5 uM", "shIGF1R + sorafenib 5 uM"]
    assert [a.all_labels["sorafenib_uM"] for a in arms] == [0.0, 0.5, 5.0]
    assert {a.all_labels["manipulation"] for a in arms} == {"shIGF1R"}
    assert [len(a.changes) for a in arms] == [0, 1, 1]


def test_series_without_a_base():
    arms = dose_series(SORAFENIB, ["0 uM", "5 uM"])
    assert [a.id for a in arms] == ["control", "sorafenib 5 uM"]
    assert {a.all_labels["manipulation"] for a in arms} == {"control"}


def test_what_has_labels_of_its_own_is_not_the_manipulation():
    (arm,) = dose_series(SORAFENIB, ["5 uM"], base=[SHRNA, CLAMP])
    assert arm.id == "shIGF1R + akt clamp + sorafenib 5 uM"
    assert arm.all_labels == {"manipulation": "shIGF1R", "clamp": "akt", "sorafenib_uM": 5.0}


def test_bases_without_labels_are_named_by_their_ids():
    (arm,) = dose_series(SORAFENIB, ["5 uM"], base=[SHRNA, Intervention(id="starved")])
    assert arm.all_labels["manipulation"] == "shIGF1R + starved"


def test_empty_series():
    with pytest.raises(InputError, match=r"^the dose series of sorafenib is empty; give at least one dose\.$"):
        dose_series(SORAFENIB, [])


def test_one_text_is_not_a_series():
    with pytest.raises(
        InputError, match=r"^the doses are one text, '5 uM'; expected a list such as \['0 uM', '5 uM'\]\.$"
    ):
        dose_series(SORAFENIB, "5 uM")


def test_same_dose_twice():
    with pytest.raises(
        InputError, match=r"^the doses '5 uM' and '5000 nM' of sorafenib are the same; give each once\.$"
    ):
        dose_series(SORAFENIB, ["5 uM", "5000 nM"])


def test_negative_and_unitless_doses_in_a_series():
    with pytest.raises(InputError, match=r"^the dose of sorafenib is '-1 uM'; expected zero or more\.$"):
        dose_series(SORAFENIB, ["-1 uM"])
    with pytest.raises(UnitError, match=r"^'1' has no unit"):
        dose_series(SORAFENIB, ["1"])


def test_grid_of_one():
    arms = dose_grid(SORAFENIB, top="8 uM", levels=3)
    assert [a.id for a in arms] == ["control", "sorafenib 2 uM", "sorafenib 4 uM", "sorafenib 8 uM"]


def test_grid_is_full_factorial_with_zero():
    arms = dose_grid(SORAFENIB, LINSITINIB, top=["10 uM", "1000 nM"], levels=2, ratio=10)
    pairs = [(a.all_labels["sorafenib_uM"], a.all_labels["linsitinib_uM"]) for a in arms]
    assert pairs == [(s, x) for s in (0.0, 1.0, 10.0) for x in (0.0, 0.1, 1.0)]
    assert arms[0].id == "control"
    assert arms[1].id == "linsitinib 0.1 uM"
    assert arms[-1].id == "sorafenib 10 uM + linsitinib 1 uM"
    assert [(c.target, c.value, c.unit) for c in arms[-1].changes] == [
        ("sorafenib_nominal", 10_000.0, "nM"), ("linsitinib_nominal", 1.0, "uM"),
    ]  # fmt: skip
    assert len({a.id for a in arms}) == 9


def test_grid_of_the_example_in_the_readme():
    assert len(dose_grid(SORAFENIB, LINSITINIB, top="10 uM", levels=7)) == 64


@pytest.mark.parametrize(
    ("drugs", "arguments", "message"),
    [
        ((), {}, r"^the dose grid has no drug; give at least one\.$"),
        ((SORAFENIB, SORAFENIB), {}, r"^the dose grid names a drug twice; give each once\.$"),
        ((SORAFENIB,), {"levels": 0}, r"^the dose grid has 0 levels; expected at least one dose above zero\.$"),
        ((SORAFENIB,), {"ratio": 1.0}, r"^the ratio between doses is 1; expected more than one\.$"),
        ((SORAFENIB,), {"top": "0 uM"}, r"^the top dose of sorafenib is '0 uM'; expected more than zero\.$"),
        (
            (SORAFENIB,),
            {"top": ["1 uM", "2 uM"]},
            r"^2 top doses were given for 1 drugs; give one, or one for each drug\.$",
        ),
        ((SORAFENIB,), {"top": "10"}, r"^'10' has no unit; expected one that converts to 'uM', such as '10 uM'\.$"),
    ],
)
def test_wrong_grids(drugs, arguments, message):
    with pytest.raises(InputError, match=message):
        dose_grid(*drugs, **({"top": "10 uM", "levels": 2} | arguments))
