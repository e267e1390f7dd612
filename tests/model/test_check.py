import dataclasses
import math

import pytest

from hepatica.errors import ModelError
from hepatica.evidence import Evidence, Source
from hepatica.model import (
    TIME,
    Apply,
    Compartment,
    InitialAssignment,
    Model,
    Number,
    Parameter,
    Prior,
    Reaction,
    Rule,
    Species,
    Symbol,
    basis_share,
    check_balance,
    check_model,
    check_structure,
    require_structure,
)

GUESS = Evidence(basis="assumed", source="assumption", note="a guess")
UNITS = {"time": "min", "substance": "nmol", "volume": "litre"}


def symbol(text):
    return Number(float(text)) if text[0].isdigit() else Symbol(text)


def op(operator, *arguments):
    return Apply(operator, tuple(symbol(a) if isinstance(a, str) else a for a in arguments))


def parameter(key, value, unit, **more):
    return Parameter(id=key, value=value, unit=unit, **({"evidence": GUESS} | more))


def species(key, initial=0.0, **more):
    return Species(id=key, compartment="cell", **({"initial": initial, "unit": "nM", "annotations": ("urn:x",)} | more))


def make(**changes):
    fields = {
        "id": "m",
        "units": UNITS,
        "compartments": (Compartment(id="cell", size=1.0, unit="litre"),),
        "species": (species("A", 100.0), species("B")),
        "parameters": (parameter("k", 0.1, "1/min"), parameter("K", 50.0, "nM")),
        "reactions": (
            Reaction(
                id="R",
                reactants=(("A", 1.0),),
                products=(("B", 1.0),),
                rate=op("/", op("*", "cell", "k", "A"), op("+", "1", op("/", "A", "K"))),
            ),
            Reaction(id="S", reactants=(("B", 1.0),), products=(("A", 1.0),), rate=op("*", "cell", "k", "B")),
        ),
        "sources": (Source(key="assumption", reference="assumed"),),
        "origin": {"R": "a.ant:7"},
    }
    return Model(**(fields | changes))


def texts(issues):
    return [str(i) for i in issues]


def with_rate(rate):
    first, second = make().reactions
    return make(reactions=(dataclasses.replace(first, rate=rate), second))


def test_a_clean_model_has_no_issue():
    assert check_model(make()) == ()
    assert require_structure(make()) == make()


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (op("*", "k", "A"), "a.ant:7: the rate of 'R' is in nM/min; expected nmol/min."),
        (op("*", "cell", op("+", "k", "A")), "a.ant:7: the rate of 'R' takes together 'k' in 1/min and 'A' in nM."),
        (
            op("*", op("*", "cell", "k", "A"), op("exp", "A")),
            "a.ant:7: the rate of 'R' takes exp of 'A' in nM; expected a number without unit.",
        ),
        (
            op("*", "cell", "k", op("pow", "A", "k")),
            "a.ant:7: the rate of 'R' has the exponent 'k' in 1/min; expected a number without unit.",
        ),
        (
            op("*", "cell", "k", op("piecewise", "A", op("lt", "A", "k"), "K")),
            "a.ant:7: the rate of 'R' compares 'A' in nM and 'k' in 1/min.",
        ),
        (
            op("*", "cell", "k", op("piecewise", "A", op("lt", TIME, "5"), "K")),
            "a.ant:7: the rate of 'R' compares 'time' in min and '5' in dimensionless.",
        ),
        (
            op("*", "cell", op("piecewise", "A", op("lt", "A", "K"), "k")),
            "a.ant:7: the rate of 'R' chooses between 'A' in nM and 'k' in 1/min.",
        ),
        (
            op("*", "cell", "k", op("max", "A", "1")),
            "a.ant:7: the rate of 'R' takes together 'A' in nM and '1' in dimensionless.",
        ),
    ],
)
def test_units_that_do_not_balance(rate, message):
    assert texts(check_balance(with_rate(rate))) == [message]


@pytest.mark.parametrize(
    "rate",
    [
        op("*", "cell", "k", op("max", "A", "0")),
        op("*", "cell", "k", op("sqrt", op("*", "A", "K"))),
        op("*", "cell", "k", "K", op("pow", op("/", "A", "K"), "2.5")),
        op("/", op("*", "cell", "k", op("pow", "A", "2")), "K"),
        op("*", "cell", "k", op("pow", "A", "2"), op("pow", "K", Apply("neg", (Number(1.0),)))),
        op("*", "cell", "k", op("abs", op("neg", "A"))),
        op("*", "cell", "k", op("piecewise", "A", op("and", op("lt", "A", "K"), op("not", op("gt", "B", "K"))), "0")),
        op("*", "cell", "k", op("piecewise", "A", op("lt", "A", "K"))),
        op("*", "cell", "k", op("piecewise", "A", op("lt", "A", "K"), "B", op("lt", "B", "K"))),
        op("*", "cell", "k", "A", op("exp", op("neg", op("*", "k", TIME)))),
        Number(0.0),
    ],
)
def test_units_that_balance(rate):
    assert check_balance(with_rate(rate)) == ()


def test_a_choice_of_nothing_has_no_unit():
    assert check_balance(with_rate(op("*", "k", op("piecewise")))) == ()


def test_a_variable_power_needs_a_pure_number():
    hill = op("*", "cell", "k", op("pow", "A", "n"))
    model = dataclasses.replace(with_rate(hill), parameters=(*make().parameters, parameter("n", 2.0, "dimensionless")))
    assert texts(check_balance(model)) == [
        "a.ant:7: the rate of 'R' raises 'A' in nM to the variable power 'n'; divide it by a quantity in nM first."
    ]


def test_scale_matters_not_only_dimension():
    model = make(parameters=(parameter("k", 0.1, "1/min"), parameter("K", 50.0, "uM")))
    assert texts(check_balance(model)) == [
        "a.ant:7: the rate of 'R' takes together '1' in dimensionless and 'A/K' in 0.001*dimensionless."
    ]


def test_missing_units_are_listed_and_not_guessed():
    model = make(units={}, parameters=(parameter("k", 0.1, ""), parameter("K", 50.0, "nM")))
    assert texts(check_balance(model)) == [
        "k: 'k' has no unit; declare one.",
        "m: the model has no time unit; declare one.",
    ]


def test_rules_and_initial_assignments_balance():
    variables = tuple(Parameter(id=i, value=0.0, unit="nM", constant=False) for i in "xyz")
    model = make(
        parameters=(*make().parameters, *variables),
        rules=(
            Rule(kind="assignment", variable="x", expression=op("*", "k", "A")),
            Rule(kind="rate", variable="y", expression=Symbol("A")),
        ),
        initial_assignments=(InitialAssignment(symbol="z", expression=op("*", "A", "cell")),),
    )
    assert texts(check_balance(model)) == [
        "x: the assignment rule of 'x' is in nM/min; expected nM.",
        "y: the rate rule of 'y' is in nM; expected nM/min.",
        "z: the initial assignment of 'z' is in nmol; expected nM.",
    ]


def test_amounts_stand_for_what_they_are():
    pools = (species("A", 1.0, amount=True, unit="nmol"), species("B", substance_only=True, amount=True, unit="nmol"))
    model = make(species=pools)
    first, second = model.reactions
    model = dataclasses.replace(model, reactions=(first, dataclasses.replace(second, rate=op("*", "k", "B"))))
    assert check_balance(model) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"parameters": (*make().parameters, parameter("spare", 1.0, "nM"))},
            "spare: parameter 'spare' is never used; remove it or use it.",
        ),
        (
            {"parameters": (parameter("k", 0.1, "1/min", evidence=None), make().parameters[1])},
            "k: parameter 'k' has no source; give basis and source.",
        ),
        (
            {
                "sources": (Source(key="other", reference="doi:x"),),
                "parameters": (
                    parameter("k", 0.1, "1/min", evidence=Evidence(basis="measured", source="other")),
                    make().parameters[1],
                ),
            },
            "K: parameter 'K' cites 'assumption', which is no source.",
        ),
        (
            {
                "parameters": (
                    parameter("k", 0.1, "1/min", evidence=Evidence(basis="derived", source="assumption")),
                    make().parameters[1],
                )
            },
            "k: parameter 'k' is derived without a note; say from where or why.",
        ),
        (
            {"parameters": (parameter("k", 0.1, "1/min", bounds=(1.0, 2.0)), make().parameters[1])},
            "k: parameter 'k' is 0.1, outside of its bounds 1 and 2.",
        ),
        (
            {"parameters": (parameter("k", 0.1, "1/min", bounds=(2.0, 1.0)), make().parameters[1])},
            "k: the bounds 2 and 1 of 'k' are not in order.",
        ),
        (
            {
                "parameters": (
                    parameter("k", 0.1, "1/min", prior=Prior(distribution="log-normal", arguments=(0.0, 0.0))),
                    make().parameters[1],
                )
            },
            "k: the prior log-normal 0, 0 of 'k' is improper.",
        ),
        (
            {
                "parameters": (
                    parameter("k", 0.1, "1/min", prior=Prior(distribution="log-normal", arguments=(3.0, 0.5))),
                    make().parameters[1],
                )
            },
            "k: the prior log-normal 3, 0.5 of 'k' rules its value 0.1 out.",
        ),
        (
            {
                "parameters": (
                    parameter("k", 0.1, "1/min", prior=Prior(distribution="uniform", arguments=(1.0, 2.0))),
                    make().parameters[1],
                )
            },
            "k: the prior uniform 1, 2 of 'k' rules its value 0.1 out.",
        ),
        (
            {
                "parameters": (
                    parameter("k", 0.0, "1/min", prior=Prior(distribution="log-normal", arguments=(0.0, 1.0))),
                    make().parameters[1],
                )
            },
            "k: the prior log-normal 0, 1 of 'k' rules its value 0 out.",
        ),
        (
            {"species": (species("A", 100.0), species("B", annotations=()))},
            "B: species 'B' has no identifier (UniProt, ChEBI, GO); annotate it.",
        ),
    ],
)
def test_one_issue_for_each_mistake(changes, message):
    assert texts(check_model(make(**changes))) == [message]


def test_normal_priors_and_errors_before_warnings():
    k = parameter("k", 0.1, "1/min", prior=Prior(distribution="normal", arguments=(0.1, 0.01)), bounds=(1.0, 2.0))
    issues = check_model(make(parameters=(parameter("a", 1.0, "nM"), k, make().parameters[1])))
    assert [i.severity for i in issues] == ["error", "warning"]


def test_empty_pools_are_found():
    issues = texts(check_model(make(species=(species("A"), species("B")))))
    assert issues == [
        "A: species 'A' starts at zero and nothing makes it; give it a source.",
        "B: species 'B' starts at zero and nothing makes it; give it a source.",
        "A: the conserved sum A + B is zero at the start and stays so.",
    ]


def test_reversible_reactions_reach_backwards():
    first, _ = make().reactions
    model = make(species=(species("A"), species("B", 1.0)), reactions=(dataclasses.replace(first, reversible=True),))
    assert check_model(model) == ()


def variable(key, text):
    return Rule(kind="assignment", variable=key, expression=Symbol(text))


FREE = tuple(Parameter(id=i, value=0.0, unit="nM", constant=False) for i in "xy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"parameters": (*make().parameters, parameter("A", 1.0, "nM"))},
            "A: the id 'A' is given to 2 elements; rename all but one.",
        ),
        (
            {"parameters": make().parameters[:1]},
            "a.ant:7: no species or parameter 'K' for the rate of 'R'. Did you mean 'k'?",
        ),
        (
            {"compartments": (Compartment(id="cel", unit="litre"),), "reactions": ()},
            "A: species 'A' lies in no compartment 'cell'. Did you mean 'cel'? (1 more like this.)",
        ),
        ({"observables": ("AA",)}, "AA: no species or parameter 'AA'. Did you mean 'A'?"),
        (
            {"parameters": (*make().parameters, *FREE), "rules": (variable("x", "y"), variable("y", "x"))},
            "x: x -> y -> x depend on each other in a circle; break it.",
        ),
        (
            {
                "parameters": (*make().parameters, *FREE),
                "rules": (variable("x", "y"),),
                "initial_assignments": (InitialAssignment(symbol="y", expression=Symbol("x")),),
            },
            "x: x -> y -> x depend on each other in a circle; break it.",
        ),
        (
            {"parameters": (*make().parameters, *FREE), "rules": (variable("x", "y"), variable("x", "k"))},
            "x: 'x' has 2 rules; keep one.",
        ),
        ({"rules": (variable("k", "K"),)}, "k: 'k' is constant but has a rule; declare it variable."),
        (
            {"rules": (variable("A", "K"),)},
            "a.ant:7: species 'A' is changed by reaction 'R' and by a rule; keep one. (1 more like this.)",
        ),
        (
            {
                "parameters": (*make().parameters, *FREE),
                "rules": (variable("x", "k"),),
                "initial_assignments": (InitialAssignment(symbol="x", expression=Symbol("k")),),
            },
            "x: 'x' is given at time zero more than once; keep one.",
        ),
        (
            {"parameters": (parameter("k", math.nan, "1/min"), make().parameters[1])},
            "k: parameter 'k' has no value; give it one.",
        ),
        (
            {"initial_assignments": (InitialAssignment(symbol="A", expression=op("cosine", "K")),)},
            "A: no operator 'cosine' for the initial assignment of 'A'. Did you mean 'sin' or 'cos' or 'sinh'?",
        ),
        (
            {"initial_assignments": (InitialAssignment(symbol="A", expression=op("exp", "k", "K")),)},
            "A: 'exp' does not take 2 arguments; correct the initial assignment of 'A'.",
        ),
        (
            {"compartments": (Compartment(id="cell", size=math.inf),)},
            "cell: the size of compartment 'cell' is inf; expected a finite number.",
        ),
    ],
)
def test_contradictions(changes, message):
    with pytest.raises(ModelError) as error:
        require_structure(make(**changes))
    assert str(error.value) == message


def test_contradictions_come_alone():
    issues = check_model(make(observables=("nothing",), species=(species("A", annotations=()), species("B", math.inf))))
    assert texts(issues) == [
        "nothing: no species or parameter 'nothing'. Known: A, B, K, R, S, cell, k.",
        "B: the initial value of species 'B' is inf; expected a finite number.",
    ]
    assert check_structure(make()) == ()


def test_shares_of_the_bases():
    free = (Parameter(id="x", value=0.0, constant=False),)
    model = make(parameters=(*make().parameters, *free), rules=(variable("x", "K"),))
    nothing = {"measured": 0, "literature": 0, "derived": 0, "fitted": 0, "none": 0, "input": 0}
    assert basis_share(model) == {**nothing, "assumed": 2}
    given = Parameter(id="dose", value=0.0, evidence=Evidence(basis="derived", source="experiment"))
    model = make(parameters=(*make().parameters, given, Parameter(id="k", value=1.0)))
    assert basis_share(model) == {**nothing, "assumed": 2, "input": 1, "none": 1}
