import dataclasses

import pytest
import roadrunner
from scipy.integrate import solve_ivp

from hepatica.errors import ModelError, StorageError
from hepatica.model import Apply, Compartment, Model, Number, Parameter, Reaction, Rule, Species, Symbol
from hepatica.sbml import read_antimony, read_sbml, validate_sbml, write_antimony, write_sbml

TIMES = (0.0, 5.0, 9.0, 20.0, 60.0)


def test_libsbml_finds_nothing_wrong_units_included(model):
    assert validate_sbml(write_sbml(model)) == ()


def test_validation_names_the_line_of_a_wrong_unit(model):
    wrong = dataclasses.replace(
        model,
        parameters=tuple(dataclasses.replace(p, unit="nM") if p.id == "k_on" else p for p in model.parameters),
    )
    issues = validate_sbml(write_sbml(wrong), "toy.xml")
    assert issues
    assert issues[0].where.startswith("toy.xml:")
    assert "units" in issues[0].message


def test_reading_gives_the_same_model_again(model):
    again = read_sbml(write_sbml(model))
    assert again.digest == model.digest
    assert dataclasses.replace(again, sources=model.sources) == model
    assert again.by_id["k_on"].value == 0.30000000000000004


def test_what_only_hand_made_models_have_survives():
    law = Apply("*", (Symbol("R.k"), Symbol("A"), Symbol("cell")))
    model = Model(
        id="hand",
        units={"time": "h", "substance": "cells", "volume": "mm^3", "extent": "fold"},
        compartments=(
            Compartment(id="cell", size=0.1, unit="mm^3", name='a <"name"> & more'),
            Compartment(id="skin", size=2.0, unit="mm^2"),
        ),
        species=(
            Species(id="A", compartment="cell", initial=1 / 3, unit="cells", amount=True),
            Species(
                id="B", compartment="cell", initial=2e-300, boundary=True, substance_only=True, amount=True, unit="fold"
            ),
            Species(id="C", compartment="skin", constant=True, boundary=True, unit="cells/mm^2"),
        ),
        parameters=(Parameter(id="y", value=0.0, constant=False), Parameter(id="R.k", value=0.1, unit="1/h")),
        reactions=(
            Reaction(id="R", reactants=(("A", 1.5),), products=(), rate=law, modifiers=("C",), reversible=True),
        ),
        rules=(Rule(kind="rate", variable="y", expression=Number(-1.5e-9)),),
        observables=("y", "A"),
    )
    again = read_sbml(write_sbml(model))
    assert dataclasses.replace(again, origin={}) == model
    assert again.digest == model.digest


def test_control_characters_do_not_break_the_file():
    model = Model(id="m", name="a\x00b", parameters=(Parameter(id="k", value=1.0),))
    assert read_sbml(write_sbml(model)).name == "a b"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            Model(id="m", parameters=(Parameter(id="a b", value=1.0),)),
            "'a b' is not an SBML id; use letters, digits and '_'.",
        ),
        (
            Model(id="m", parameters=(Parameter(id="R.k", value=1.0),)),
            "'R.k' is not an SBML id; use letters, digits and '_'.",
        ),
        (
            Model(
                id="m",
                parameters=(Parameter(id="R.k", value=1.0), Parameter(id="y", value=0.0, constant=False)),
                reactions=(Reaction(id="R", reactants=(), products=(), rate=Symbol("R.k")),),
                rules=(Rule(kind="assignment", variable="y", expression=Symbol("R.k")),),
            ),
            "'R.k' is local to its reaction but used elsewhere; rename it without the '.'.",
        ),
    ],
)
def test_ids_that_sbml_has_no_place_for(model, message):
    with pytest.raises(ModelError) as error:
        write_sbml(model)
    assert str(error.value) == message


def test_files(model, tmp_path):
    assert (tmp_path / "m.xml").write_text(write_sbml(model, tmp_path / "m.xml"))
    assert read_sbml(tmp_path / "m.xml").digest == model.digest
    with pytest.raises(StorageError, match=r"absent.m\.xml' cannot be written: No such file or directory\.$"):
        write_sbml(model, tmp_path / "absent" / "m.xml")
    write_antimony(model, tmp_path / "m.ant")
    assert read_antimony(tmp_path / "m.ant").reactions == model.reactions


def test_antimony_keeps_the_mathematics_units_and_names(model):
    again = read_antimony(text=write_antimony(model))
    assert again.species == model.species
    assert again.reactions == model.reactions
    assert sorted(r.variable for r in again.rules) == sorted(r.variable for r in model.rules)
    for p in model.parameters:
        other = again.by_id[p.id]
        assert (other.value, other.unit, other.name) == (pytest.approx(p.value), p.unit, p.name)


def test_an_independent_engine_gives_the_same_numbers(model):
    """libRoadRunner integrates the written SBML; scipy the equations as the modules say them."""
    runner = roadrunner.RoadRunner(write_sbml(model))
    runner.integrator.relative_tolerance = 1e-10
    runner.integrator.absolute_tolerance = 1e-12
    runner.timeCourseSelections = ["time", "[MEK]", "[pMEK]", "cells"]
    result = runner.simulate(times=list(TIMES))

    def rhs(t, y):
        drive = 1.0 if t < 10 else 2.0
        on, off = 0.30000000000000004 * drive * y[0], 0.1 * y[1] / (1 + y[1] / 250)
        return [off - on, on - off, y[2] * 0.0005 * y[1] / (250 + y[1])]

    first = solve_ivp(rhs, (0, 10), [1000, 0, 0.1], t_eval=TIMES[:3], rtol=1e-10, atol=1e-12)
    start = solve_ivp(rhs, (0, 10), [1000, 0, 0.1], rtol=1e-10, atol=1e-12).y[:, -1]
    second = solve_ivp(rhs, (10, 60), start, t_eval=TIMES[3:], rtol=1e-10, atol=1e-12)
    expected = [*first.y.T, *second.y.T]
    for row, values in zip(result, expected, strict=True):
        assert list(row[1:]) == pytest.approx(list(values), rel=1e-6, abs=1e-6)
