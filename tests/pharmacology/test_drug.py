"""Drugs, baths, regimens."""

import pytest

from hepatica.errors import InputError, NotFoundError, UnitError
from hepatica.evidence import Evidence
from hepatica.experiment import Change
from hepatica.pharmacology import Binding, Drug, Regimen, Target

EVIDENCE = Evidence(basis="derived", source="lagas2010", note="constant free average")
FREE = Change(target="sorafenib_plasma_free", value=31.0, unit="nM", start=0.0, evidence=EVIDENCE)
SORAFENIB = Drug(
    id="sorafenib", name="Sorafenib", parameter="sorafenib_nominal", unit="nM",
    targets=(Target(name="CRAF", ic50=6.0, evidence=EVIDENCE, parameter="sorafenib_RAF_Kd"),),
    binding=Binding(evidence=EVIDENCE, fu_medium=0.012, fu_plasma=0.003),
    regimens=(Regimen(name="30 mg/kg/d", changes=(FREE,), evidence=EVIDENCE),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("dose", "identity", "nanomolar"),
    [("5 uM", "sorafenib 5 uM", 5000.0), ("500 nM", "sorafenib 0.5 uM", 500.0), ("0.01 mM", "sorafenib 10 uM", 1e4)],
)
def test_bath(dose, identity, nanomolar):
    bath = SORAFENIB.bath(dose)
    assert bath.id == identity
    (change,) = bath.changes
    assert (change.target, change.how, change.unit) == ("sorafenib_nominal", "set", "nM")
    assert change.value == pytest.approx(nanomolar, rel=1e-15)
    assert (change.start, change.stop) == (0.0, None)
    assert bath.labels == {"sorafenib_uM": pytest.approx(nanomolar / 1000)}


def test_label_holds_the_number_that_was_meant():
    assert SORAFENIB.bath("300 nM").labels == {"sorafenib_uM": 0.3}
    assert SORAFENIB.bath("2.5 uM").labels == {"sorafenib_uM": 2.5}


def test_bath_for_a_while():
    (change,) = SORAFENIB.bath("5 uM", start="1 h", stop="1 d").changes
    assert (change.start, change.stop) == (60.0, 1440.0)


def test_zero_dose_changes_nothing():
    bath = SORAFENIB.bath("0 uM")
    assert bath.changes == ()
    assert bath.labels == {"sorafenib_uM": 0.0}


def test_negative_dose():
    with pytest.raises(InputError, match=r"^the dose of sorafenib is '-5 uM'; expected zero or more\.$"):
        SORAFENIB.bath("-5 uM")


@pytest.mark.parametrize(
    ("dose", "message"),
    [
        ("5", r"^'5' has no unit; expected one that converts to 'uM', such as '5 uM'\.$"),
        ("5 h", r"^'5 h' has the wrong unit; expected one that converts to 'uM'\.$"),
        ("30 mg/kg", r"^'30 mg/kg' has the wrong unit"),
        (5.0, r"^5\.0 has no unit; expected text with a unit that converts to 'uM', such as '1 uM'\.$"),
    ],
)
def test_dose_without_proper_unit(dose, message):
    with pytest.raises(UnitError, match=message):
        SORAFENIB.bath(dose)


def test_times_need_units_and_order():
    with pytest.raises(UnitError, match=r"^'24' has no unit; expected one that converts to 'min', such as '24 min'\.$"):
        SORAFENIB.bath("5 uM", start="24")
    with pytest.raises(InputError, match=r"stop \(60 min\) must follow start \(120\.0 min\)\.$"):
        SORAFENIB.bath("5 uM", start="2 h", stop="1 h")


def test_regimen():
    given = SORAFENIB.regimen("30 mg/kg/d")
    assert given.id == "sorafenib 30 mg/kg/d"
    assert given.changes == (FREE,)
    assert given.labels == {"sorafenib_regimen": "30 mg/kg/d"}
    assert given.note == "constant free average"


def test_unknown_regimen():
    with pytest.raises(NotFoundError, match=r"^sorafenib has no regimen '30 mg/kg'\. Did you mean '30 mg/kg/d'\?$"):
        SORAFENIB.regimen("30 mg/kg")


def test_regimen_must_change_something():
    with pytest.raises(InputError, match=r"^regimen 'none' changes nothing; give it at least one change\.$"):
        Regimen(name="none", changes=(), evidence=EVIDENCE)


@pytest.mark.parametrize("ic50", [0.0, -1.0, float("nan")])
def test_target_needs_a_positive_ic50(ic50):
    with pytest.raises(InputError, match=rf"^target 'RAF': the IC50 is {ic50:g} nM; expected more than zero\.$"):
        Target(name="RAF", ic50=ic50, evidence=EVIDENCE)


@pytest.mark.parametrize(("where", "key"), [("medium", "fu_medium"), ("plasma", "fu_plasma")])
@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_fraction_unbound(where, key, fraction):
    with pytest.raises(
        InputError, match=rf"^the fraction unbound in {where} is {fraction:g}; expected above 0, at most 1\.$"
    ):
        Binding(evidence=EVIDENCE, **{key: fraction})


def test_a_drug_is_given_as_a_concentration():
    with pytest.raises(UnitError, match=r"^'1 mg' cannot be given in 'uM': the dimensions differ\.$"):
        Drug(id="d", name="d", parameter="p", unit="mg")
