import dataclasses
import itertools
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import roadrunner
from scipy.integrate import solve_ivp

from hepatica import sandbox
from hepatica.errors import HostileFileError, ModelError, StorageError
from hepatica.model import (
    TIME,
    Apply,
    Compartment,
    Event,
    InitialAssignment,
    Model,
    Number,
    Parameter,
    Reaction,
    Rule,
    Species,
    Symbol,
)
from hepatica.sandbox import Sandbox
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


def test_an_annotation_can_be_read_by_itself(model):
    """AMICI does so, and other tools."""
    parts = re.findall(r"<annotation>.*?</annotation>", write_sbml(model), re.DOTALL)
    assert len({next(iter(ElementTree.fromstring(part))).tag for part in parts}) == 2


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


def open_system(**changes):
    """A -> B with everything that can be added to it."""
    fields = {
        "id": "open",
        "compartments": (Compartment(id="cell", size=2.0, constant=False),),
        "species": tuple(
            Species(id=key, compartment="cell", initial=1.0, conversion=factor)
            for key, factor in (("A", ""), ("B", "q"))
        ),
        "parameters": (
            Parameter(id="k", value=0.5),
            Parameter(id="q", value=1e-3),
            Parameter(id="x", value=0.0, constant=False),
            Parameter(id="most", value=math.inf),
            Parameter(id="least", value=-math.inf),
        ),
        "reactions": (Reaction(id="R", reactants=(("A", 1.0),), products=(("B", 1.0),), rate=Symbol("k")),),
    }
    return Model(**(fields | changes))


def op(operator, *arguments):
    return Apply(
        operator,
        tuple(Number(a) if isinstance(a, float) else Symbol(a) if isinstance(a, str) else a for a in arguments),
    )


LATE = op("gt", TIME, 3.0)
NAMED = (("A", "n"),)
HOLDERS = open_system().parameters


@pytest.mark.parametrize(
    "model",
    [
        open_system(
            events=(
                Event(
                    id="E", name="a <dose>", trigger=LATE, delay=Number(2.0), priority=op("+", "k", 1.0),
                    assignments=(("A", op("+", "A", 1.0)), ("x", Number(0.0)), ("cell", Number(3.0))), persistent=False,
                    initial_value=False, at_trigger=False,
                ),
                Event(id="F", trigger=op("and", LATE, op("lt", "A", 0.1))),
            ),
        ),
        open_system(rules=(Rule(kind="algebraic", variable="", expression=op("-", "x", op("*", "A", "B"))),)),
        open_system(
            parameters=(*HOLDERS, Parameter(id="n", value=2.0, constant=False)),
            reactions=(Reaction(id="R", reactants=NAMED, products=(), rate=Symbol("k")),),
            rules=(Rule(kind="rate", variable="n", expression=Number(0.1)),),
        ),
        open_system(
            parameters=(*HOLDERS, Parameter(id="n", value=math.nan)),
            reactions=(Reaction(id="R", reactants=NAMED, products=(), rate=Symbol("k")),),
            initial_assignments=(InitialAssignment(symbol="n", expression=op("*", "k", 4.0)),),
        ),
        open_system(rules=(Rule(kind="assignment", variable="x", expression=op("delay", op("*", "A", TIME), "k")),)),
        open_system(rules=(Rule(kind="assignment", variable="x", expression=op("rateOf", "A")),)),
        open_system(rules=(Rule(kind="assignment", variable="x", expression=op("factorial", "A")),)),
        open_system(rules=(Rule(kind="assignment", variable="x", expression=op("piecewise", "R", LATE)),)),
        open_system(rules=(Rule(kind="rate", variable="cell", expression=Number(math.inf)),)),
    ],
    ids=["events", "algebraic", "named", "named-start", "delay", "rateOf", "factorial", "piecewise", "infinity"],
)  # fmt: skip
def test_what_moves_survives(model):
    again = read_sbml(write_sbml(model))
    assert again.digest == model.digest
    assert again.events == model.events
    assert [(s.id, s.conversion) for s in again.species] == [("A", ""), ("B", "q")]
    assert again.by_id["most"].value == math.inf
    assert [i for i in validate_sbml(write_sbml(model)) if i.severity == "error"] == []


def test_an_event_without_an_sbml_id_keeps_its_number():
    unnamed = Event(id="event 1", trigger=LATE, assignments=(("x", Number(1.0)),))
    model = open_system(events=(unnamed,))
    assert read_sbml(write_sbml(model)).digest == model.digest


def test_a_made_up_name_of_a_stoichiometry_gets_an_sbml_id():
    name = "R.A.stoichiometry"
    model = open_system(
        parameters=(*HOLDERS, Parameter(id=name, value=math.nan, constant=False)),
        reactions=(Reaction(id="R", reactants=(("A", name),), products=(), rate=Symbol("k")),),
        rules=(Rule(kind="assignment", variable=name, expression=op("*", "k", 2.0)),),
    )
    again = read_sbml(write_sbml(model))
    assert again.reactions[0].reactants == (("A", "R_A_stoichiometry"),)
    assert again.rules[0].variable == "R_A_stoichiometry"


def unconverted(**changes):
    return open_system(species=tuple(dataclasses.replace(s, conversion="") for s in open_system().species), **changes)


def test_antimony_keeps_what_moves():
    algebraic = Rule(kind="algebraic", variable="", expression=op("-", "x", op("*", "A", "B")))
    rated = Rule(kind="rate", variable="cell", expression=op("delay", "A", "k"))
    model = unconverted(rules=(algebraic, rated))
    again = read_antimony(text=write_antimony(model))
    assert [r.expression for r in again.rules] == [r.expression for r in reversed(model.rules)]
    assert again.by_id["most"].value == math.inf


def test_antimony_keeps_events():
    event = Event(id="E", trigger=LATE, delay=Number(2.0), assignments=(("x", op("+", "x", 1.0)),))
    other = Event(
        id="F", trigger=op("and", LATE, op("lt", "A", 0.1)), priority=op("+", "k", 1.0), persistent=False,
        initial_value=False, at_trigger=False, assignments=(("A", op("*", "A", 2.5e-7)), ("cell", Number(3.0))),
    )  # fmt: skip
    model = unconverted(events=(event, other))
    assert read_antimony(text=write_antimony(model)).events == model.events


def test_a_long_chain_of_rules_is_not_given_to_antimony():
    names = [f"a{i}" for i in range(151)]
    rules = tuple(
        Rule(kind="assignment", variable=name, expression=op("+", before, 1.0))
        for before, name in itertools.pairwise(names)
    )
    model = Model(id="m", parameters=tuple(Parameter(id=n, value=1.0, constant=False) for n in names), rules=rules)
    with pytest.raises(ModelError) as error:
        write_antimony(model)
    assert str(error.value) == (
        "model 'm' cannot be written as Antimony, which takes minutes where more than 150 formulas build on one another, as up "
        "to 'a150'; write it as SBML."
    )
    assert len(read_antimony(text=write_antimony(dataclasses.replace(model, rules=rules[:-1]))).rules) == 149


def test_a_foreign_model_is_written_in_the_child_as_it_would_be_here():
    model = unconverted(events=(Event(id="E", trigger=LATE, assignments=(("x", Number(1.0)),)),))
    foreign = read_sbml(write_sbml(model))
    assert foreign.foreign
    assert write_antimony(foreign) == write_antimony(dataclasses.replace(foreign, foreign=False))


@pytest.mark.parametrize(
    ("call", "doing"),
    [
        (lambda: write_antimony(read_sbml(write_sbml(Model(id="m")))), "writing"),
        (lambda: validate_sbml(write_sbml(Model(id="m")), "m.xml"), "validating"),
    ],
)
def test_a_crash_while_a_foreign_model_is_written_or_validated_is_one_sentence(call, doing, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    crashing = Sandbox(dict.fromkeys(("write_antimony", "validate_sbml"), "tests.sandbox.misdeeds.segfault"))

    def run(target, arguments, data, **words):
        return (crashing.call if target in crashing.targets else sandbox.run)(target, arguments, data, **words)

    monkeypatch.setattr("hepatica.sbml.antimony.run", run)
    monkeypatch.setattr("hepatica.sbml.validate.run", run)
    with pytest.raises(HostileFileError, match=f"refused because {doing} it"):
        call()
    crashing.close()


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
        (
            open_system(reactions=(dataclasses.replace(open_system().reactions[0], fast=True),)),
            "reaction 'R' is fast, which SBML Level 3 Version 2 does not have; remove it.",
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
        assert (other.value, other.unit, other.name) == (pytest.approx(p.value, nan_ok=True), p.unit, p.name)


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
