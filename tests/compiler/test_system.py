"""Models as equations: compartments that change, stoichiometries, conversion factors, slopes; all with closed forms."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hepatica.compiler import compile_model
from hepatica.compiler.system import build_system
from hepatica.errors import ModelError, UnsupportedError
from hepatica.model import (
    Apply,
    Compartment,
    Event,
    Expression,
    InitialAssignment,
    Model,
    Number,
    Parameter,
    Reaction,
    Rule,
    Species,
    Symbol,
)
from hepatica.sbml import read_antimony
from tests.solver.runs import compiled, follow

AT = np.array([0.0, 0.5, 2.0])


def test_a_compartment_that_grows_dilutes_and_keeps_amounts() -> None:
    text = "compartment c = 2; species A in c, B in c; A = 6; B = 0; R: A -> B; c*0.5*A; c' = 1;"
    got = follow(compiled(text, "A B c"), AT)
    size, amount = 2.0 + AT, 12.0 * np.exp(-0.5 * AT)
    np.testing.assert_allclose(got["c"], size, rtol=1e-8)
    np.testing.assert_allclose(got["A"], amount / size, rtol=1e-8)
    np.testing.assert_allclose(got["B"], (12.0 - amount) / size, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose((got["A"] + got["B"]) * got["c"], 12.0, rtol=1e-9)


def test_a_compartment_with_an_assignment_rule() -> None:
    text = "compartment c; species A in c, $S in c; A = 6; S = 3; R: A -> ; c*0.5*A; c := 2 + sin(time);"
    got = follow(compiled(text, "A S c"), AT)
    np.testing.assert_allclose(got["c"], 2.0 + np.sin(AT), rtol=1e-9)
    np.testing.assert_allclose(got["A"] * got["c"], 12.0 * np.exp(-0.5 * AT), rtol=1e-7)
    np.testing.assert_allclose(got["S"] * got["c"], 6.0, rtol=1e-8)


def test_an_event_resizes_a_compartment_and_keeps_amounts() -> None:
    text = "compartment c = 2; species A in c, $S in c; A = 6; S = 3; R: A -> ; c*0.5*A; E: at (time >= 1): c = 4;"
    got = follow(compiled(text, "A S c"), at := np.array([0.5, 1.0, 2.0]))
    size = np.array([2.0, 4.0, 4.0])
    np.testing.assert_allclose(got["c"], size)
    np.testing.assert_allclose(got["A"], 12.0 * np.exp(-0.5 * at) / size, rtol=1e-8)
    np.testing.assert_allclose(got["S"], 6.0 / size, rtol=1e-8)


def test_an_algebraic_compartment() -> None:
    text = "var compartment c = 2; species A in c; A = 6; R: A -> ; c*0.5*A; x = 2; x' = 1; 0 = c - x;"
    got = follow(compiled(text, "A c"), AT)
    np.testing.assert_allclose(got["A"] * got["c"], 12.0 * np.exp(-0.5 * AT), rtol=1e-7)
    np.testing.assert_allclose(got["c"], 2.0 + AT, rtol=1e-8)


def test_a_rate_rule_of_a_concentration_is_about_the_concentration() -> None:
    text = "compartment c = 2; var species $A in c; A = 6; A' = 1; c' = 3;"
    np.testing.assert_allclose(follow(compiled(text, "A c"), AT)["A"], 6.0 + AT, rtol=1e-8)


def test_a_flow_between_compartments_of_different_size_keeps_the_amount() -> None:
    text = "compartment c = 2, d = 5; species A in c, B in d; A = 6; B = 0; R: A -> B; 0.5*A*c; d' = -1;"
    got = follow(compiled(text, "A B c d"), AT)
    np.testing.assert_allclose(got["A"] * 2.0 + got["B"] * got["d"], 12.0, rtol=1e-9)
    np.testing.assert_allclose(got["A"], 6.0 * np.exp(-0.5 * AT), rtol=1e-8)


def amounts(**changes: object) -> Model:
    """``A -> 2 B`` at rate k A in a compartment of size 2, all in amounts."""
    fields: dict[str, object] = {
        "id": "m",
        "compartments": (Compartment(id="c", size=2.0),),
        "species": tuple(
            Species(id=key, compartment="c", initial=value, amount=True, substance_only=True)
            for key, value in (("A", 10.0), ("B", 1.0))
        ),
        "parameters": (Parameter(id="k", value=0.5), Parameter(id="f", value=3.0), Parameter(id="g", value=0.1)),
        "reactions": (
            Reaction(
                id="R", reactants=(("A", 1.0),), products=(("B", 2.0),), rate=Apply("*", (Symbol("k"), Symbol("A")))
            ),
        ),
    }
    return Model(**(fields | changes))  # type: ignore[arg-type]


def run(model: Model, *names: str, **values: float) -> dict[str, np.ndarray]:
    kernel = compile_model(model, names, cached=False)
    base = kernel.p0[None, :].copy()
    for name, value in values.items():
        base[0, kernel.parameter_index(name)] = value
    got = follow(kernel, AT, draws=base)
    return {name: got[name] for name in names}


def test_conversion_factors_scale_what_a_reaction_does_to_a_species() -> None:
    a, b = amounts().species
    model = amounts(species=(replace(a, conversion="g"), replace(b, conversion="f")))
    decay = 10.0 * np.exp(-0.05 * AT)
    got = run(model, "A", "B")
    np.testing.assert_allclose(got["A"], decay, rtol=1e-8)
    np.testing.assert_allclose(got["B"], 1.0 + 2.0 * 3.0 * (10.0 - decay) / 0.1, rtol=1e-8)
    faster = run(model, "A", g=0.2)
    np.testing.assert_allclose(faster["A"], 10.0 * np.exp(-0.1 * AT), rtol=1e-8)


def named(value: float, **changes: object) -> Model:
    (reaction,) = amounts().reactions
    more = (*amounts().parameters, Parameter(id="n", value=value, constant=False))
    return amounts(parameters=more, reactions=(replace(reaction, products=(("B", "n"),)),), **changes)


def test_a_named_stoichiometry_is_a_parameter_like_any_other() -> None:
    decay = 10.0 * np.exp(-0.5 * AT)
    np.testing.assert_allclose(run(named(4.0), "B")["B"], 1.0 + 4.0 * (10.0 - decay), rtol=1e-8)
    np.testing.assert_allclose(run(named(4.0), "B", n=0.5)["B"], 1.0 + 0.5 * (10.0 - decay), rtol=1e-8)


def test_a_stoichiometry_that_a_rule_moves() -> None:
    """``B' = t k A`` by an assignment rule, and by a rate rule from zero."""
    want = 1.0 + 5.0 * (4.0 - np.exp(-0.5 * AT) * (4.0 + 2.0 * AT))
    for rule in (
        Rule(kind="assignment", variable="n", expression=Apply("time")),
        Rule(kind="rate", variable="n", expression=Number(1.0)),
    ):
        np.testing.assert_allclose(run(named(0.0, rules=(rule,)), "B")["B"], want, rtol=1e-7)


def test_a_stoichiometry_that_an_event_changes() -> None:
    late = Event(id="E", trigger=Apply("ge", (Apply("time"), Number(1.0))), assignments=(("n", Number(5.0)),))
    got = run(named(2.0, events=(late,)), "B", "n")
    one, two = 10.0 * (1.0 - np.exp(-0.5)), 10.0 * (np.exp(-0.5) - np.exp(-1.0))
    assert got["n"].tolist() == [2.0, 2.0, 5.0]
    np.testing.assert_allclose(got["B"][2], 1.0 + 2.0 * one + 5.0 * two, rtol=1e-8)


def test_reactions_are_observables_and_stand_in_formulas() -> None:
    model = amounts(
        parameters=(*amounts().parameters, Parameter(id="twice", value=0.0, constant=False)),
        rules=(Rule(kind="assignment", variable="twice", expression=Apply("*", (Number(2.0), Symbol("R")))),),
    )
    got = run(model, "R", "twice", "A")
    np.testing.assert_allclose(got["R"], 0.5 * got["A"], rtol=1e-12)
    np.testing.assert_allclose(got["twice"], got["A"], rtol=1e-12)


def test_the_slope_of_a_species_is_that_of_its_own_unit() -> None:
    text = "compartment c = 2; species A in c; A = 6; R: A -> ; 0.5*A*c; y := rateOf(A); z := rateOf(c);"
    got = follow(compiled(text, "A y z"), AT)
    np.testing.assert_allclose(got["y"], -0.5 * got["A"], rtol=1e-12)
    assert got["z"].tolist() == [0.0] * 3
    growing = follow(compiled(text + "c' = 1;", "A c y z"), AT)
    np.testing.assert_allclose(growing["y"], -0.5 * growing["A"] - growing["A"] / growing["c"], rtol=1e-12)
    assert growing["z"].tolist() == [1.0] * 3


def test_the_slope_of_a_rate_rule_and_of_what_depends_on_it() -> None:
    got = follow(compiled("x = 1; x' = -2*x; v = 0; v' = rateOf(x); k = 3; w := rateOf(k);", "x v w"), AT)
    np.testing.assert_allclose(got["v"], got["x"] - 1.0, rtol=1e-7, atol=1e-9)
    assert got["w"].tolist() == [0.0] * 3


def test_a_slope_that_is_its_own_is_refused() -> None:
    x = Parameter(id="x", value=1.0, constant=False)
    circle = Model(
        id="m", parameters=(x,), rules=(Rule(kind="rate", variable="x", expression=Apply("rateOf", (Symbol("x"),))),)
    )
    with pytest.raises(ModelError, match="the rate of change of 'x' depends on itself"):
        build_system(circle)
    whole = replace(circle, rules=(Rule(kind="rate", variable="x", expression=Apply("rateOf", (Number(1.0),))),))
    with pytest.raises(ModelError, match="asks for the rateOf a formula; expected a name"):
        build_system(whole)


def test_the_slope_of_an_algebraic_variable_is_refused() -> None:
    model = read_antimony(text="x = 1; x' = -x; y = 1; 0 = y - x;")
    more = Rule(kind="assignment", variable="z", expression=Apply("rateOf", (Symbol("y"),)))
    asked = replace(
        model, parameters=(*model.parameters, Parameter(id="z", value=0.0, constant=False)), rules=(*model.rules, more)
    )
    with pytest.raises(UnsupportedError, match="the rate of 'y' is asked for, which an algebraic rule determines"):
        build_system(asked)


def test_factorials() -> None:
    got = follow(compiled("x = 0; x' = 1; y := factorial(k); k = 5; z := factorial(floor(x));", "y z"), [0.5, 4.5])
    np.testing.assert_allclose(got["y"], 120.0, rtol=1e-14)
    np.testing.assert_allclose(got["z"], [1.0, 24.0], rtol=1e-14)


def test_what_has_no_value_is_not_a_number_and_infinity_is_a_bound() -> None:
    got = follow(
        compiled("x = 0; x' = min(1, most); most = inf; y := piecewise(1, x > 1); least = -inf; z := max(x, least);"),
        [0.5, 2.0],
    )
    np.testing.assert_allclose(got["x"], [0.5, 2.0], rtol=1e-9)
    np.testing.assert_allclose(got["y"], [np.nan, 1.0])
    np.testing.assert_allclose(got["z"], [0.5, 2.0], rtol=1e-9)


def test_changes_of_the_initial_value_of_a_state_act_through_initial_assignments() -> None:
    model = read_antimony(text="x = 2; x' = -x; y = 3*x; y' = 0;")
    np.testing.assert_allclose(run(model, "x", "y", x=5.0)["y"], 15.0)


LONG = 2000


def chain(what: str) -> Model:
    """``x' = a2000``, where each of ``a1 .. a2000`` is the one before plus 1 by a rule, by a reaction or at the start."""
    ids = [f"a{i}" for i in range(LONG + 1)]
    steps = [(key, Apply("+", (Symbol(before), Number(1.0)))) for before, key in itertools.pairwise(ids)]
    made = () if what == "reactions" else ids[1:]
    numbers = tuple(Parameter(id=key, value=0.0, constant=False) for key in (*made, "x"))
    rules = tuple(Rule(kind="assignment", variable=key, expression=x) for key, x in steps if what == "rules")
    return Model(
        id="m",
        parameters=(Parameter(id="a0", value=0.5), *numbers),
        rules=(Rule(kind="rate", variable="x", expression=Symbol(ids[-1])), *rules),
        reactions=tuple(Reaction(id=k, reactants=(), products=(), rate=x) for k, x in steps if what == "reactions"),
        initial_assignments=tuple(InitialAssignment(symbol=k, expression=x) for k, x in steps if what == "starts"),
    )  # fmt: skip


@pytest.mark.parametrize("what", ["rules", "reactions", "starts"])
def test_a_long_chain_of_rules_is_not_deep(what: str) -> None:
    run = follow(compile_model(chain(what), ("x",), cached=False), AT)
    np.testing.assert_allclose(run["x"], (LONG + 0.5) * AT, rtol=1e-9)


def test_a_long_chain_whose_ends_need_each_other() -> None:
    """A rule is computed before what needs it, whichever of its users is met first."""
    model = chain("rules")
    ids = [f"a{i}" for i in range(LONG)]
    both = Rule(kind="assignment", variable="b", expression=Apply("-", (Symbol(ids[-1]), Symbol(ids[-2]))))
    rules = (replace(model.rules[0], expression=Symbol("c")), *model.rules[1:], both)
    last = Rule(kind="assignment", variable="c", expression=Apply("+", (Symbol("b"), Symbol(f"a{LONG}"))))
    added = tuple(Parameter(id=key, value=0.0, constant=False) for key in ("b", "c"))
    model = replace(model, rules=(*rules, last), parameters=(*model.parameters, *added))
    run = follow(compile_model(model, ("x",), cached=False), AT)
    np.testing.assert_allclose(run["x"], (LONG + 1.5) * AT, rtol=1e-9)


def test_a_formula_that_is_too_deep_is_refused_in_one_sentence() -> None:
    deep: Expression = Symbol("x")
    for _ in range(20_000):
        deep = Apply("neg", (deep,))
    x = Parameter(id="x", value=1.0, constant=False)
    model = Model(id="m", parameters=(x,), rules=(Rule(kind="rate", variable="x", expression=deep),))
    with pytest.raises(
        ModelError, match=r"^a formula of model 'm' is nested too deeply; split it into assignment rules\.$"
    ):
        compile_model(model, cached=False)


@pytest.mark.parametrize(
    ("operator", "count", "message"),
    [
        ("frobnicate", 1, "no operator 'frobnicate' for {}."),
        ("past", 3, "no operator 'past' for {}."),
        ("select", 3, "no operator 'select' for {}."),
        ("-", 1, "'-' does not take 1 arguments; correct {}."),
        ("exp", 2, "'exp' does not take 2 arguments; correct {}."),
        ("time", 1, "'time' does not take 1 arguments; correct {}."),
    ],
)
@pytest.mark.parametrize("kind", ["rate", "assignment"])
def test_operators_that_no_target_knows_are_refused(kind: str, operator: str, count: int, message: str) -> None:
    """They reached the machine code, and some ended the process."""
    expression = Apply("neg", (Apply(operator, (Symbol("x"),) * count),))  # type: ignore[arg-type]
    model = Model(
        id="m",
        parameters=tuple(Parameter(id=key, value=1.0, constant=False) for key in ("x", "z")),
        rules=(
            Rule(kind="rate", variable="x", expression=Number(1.0)),
            Rule(kind=kind, variable="z", expression=expression),  # type: ignore[arg-type]
        ),
    )
    with pytest.raises(ModelError) as error:
        build_system(model)
    assert str(error.value).startswith("z: " + message.format(f"the {kind} rule of 'z'"))


@pytest.mark.parametrize("exponent", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("base", [1.0, -1.0, 0.5])
def test_powers_without_a_finite_exponent_compile_and_are_the_same_in_both_targets(
    base: float, exponent: float
) -> None:
    """One to an infinite or undefined power is undefined."""
    x = Parameter(id="x", value=base, constant=False)
    raised = Apply("pow", (Symbol("x"), Number(exponent)))
    rules = (
        Rule(kind="rate", variable="x", expression=Apply("*", (Number(0.0), Symbol("x")))),
        Rule(kind="assignment", variable="z", expression=raised),
    )
    z = Parameter(id="z", value=0.0, constant=False)
    kernel = compile_model(Model(id="m", parameters=(x, z), rules=rules), ("z",), cached=False)
    want = np.nan if abs(base) == 1.0 or np.isnan(exponent) else base**exponent
    np.testing.assert_equal(follow(kernel, [0.0])["z"], [want])
    states = np.where(np.array(kernel.states)[:, None] == "x", base, 0.0)
    observed = kernel.reference().observe(states, kernel.p0[:, None])
    np.testing.assert_equal(observed, [[want]])
    moving = (Rule(kind="rate", variable="x", expression=raised),)
    compile_model(Model(id="m", parameters=(x,), rules=moving), cached=False)
