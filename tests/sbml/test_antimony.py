import contextlib
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.errors import FormatError, HepaticaError, InputError, ModelError, UnitError, UnsupportedError
from hepatica.evidence import Evidence
from hepatica.model import TIME, Apply, Event, Number, Prior, Symbol, check_model
from hepatica.sbml import assemble, read_antimony, read_sbml, write_sbml


def test_modules_and_table_become_one_model(model):
    assert (model.id, model.name) == ("toy", "A toy")
    assert model.units == {"time": "min", "substance": "nmol", "volume": "litre"}
    assert [s.id for s in model.species] == ["MEK", "pMEK"]
    assert model.species[0].unit == "nM"
    assert model.species[1].annotations[-1] == "hasPart http://identifiers.org/chebi/CHEBI:18367"
    level = model.by_id["MEK_level"]
    assert (level.value, level.unit, level.name) == (1000.0, "nM", "the MEK_level")
    assert level.prior == Prior(distribution="log-normal", arguments=(6.9, 0.3))
    assert level.bounds == (100.0, 10000.0)
    assert level.evidence == Evidence(basis="assumed", source="assumption", note="toy")
    assert model.by_id["k_on"].value == 0.30000000000000004
    assert model.origin["activation"] == "kinase.ant:9"
    assert model.origin["growth"] == "parameters.tsv:9"
    assert check_model(model) == ()


def test_a_data_frame_does_as_well(model, toy, sources):
    table = pd.DataFrame(list(toy.ROWS)).replace("", float("nan"))
    assert assemble("toy", toy.MODULES, table, name="A toy", sources=sources) == model


def with_module(toy, text, rows=None):
    return assemble("toy", [*toy.MODULES, ("extra.ant", text)], toy.ROWS if rows is None else rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nr: pMEKK => ; cell*k_on*pMEK;", "extra.ant:2: no species 'pMEKK'. Did you mean 'pMEK' or 'MEK'?"),
        ("r: pMEK => ; cell*k_onn*pMEK;", "extra.ant:1: no species or parameter 'k_onn'. Did you mean 'k_on'?"),
        ("species X in cell;", "extra.ant:1: species 'X' has no value; give it one."),
        ("\n\nMEK = 3;", "extra.ant:3: 'MEK' is given twice, first at kinase.ant:3; keep one."),
        ("k_on = 3;", "parameters.tsv:4: 'k_on' is given twice, first at extra.ant:1; keep one."),
        ("activation: MEK => ; MEK;", "extra.ant:1: 'activation' is given twice, first at kinase.ant:9; keep one."),
        ("model x()\nend", "extra.ant: a module holds statements only; remove its 'model' and 'end' lines."),
        ("a := b;\nb := 2*a;", "extra.ant:1: a -> b -> a depend on each other in a circle; break it."),
    ],
)
def test_mistakes_in_modules_name_file_and_line(toy, text, message):
    with pytest.raises(ModelError) as error:
        with_module(toy, text)
    assert str(error.value) == message


def test_a_syntax_error_names_file_and_line(toy):
    with pytest.raises(FormatError, match=r"^extra\.ant:3: Antimony cannot read this: syntax error"):
        with_module(toy, "a = 1;\n\nfoo bar baz;")
    with pytest.raises(
        FormatError,
        match=r"^extra\.ant:1: 'ß' is no ASCII letter; Antimony takes others in quotes and comments only\.$",
    ):
        with_module(toy, "ß = 1; // ä")


def test_a_name_without_a_row_is_named(toy):
    rows = [r for r in toy.ROWS if r["parameterId"] != "K_sat"]
    with pytest.raises(ModelError, match=r"^kinase\.ant:10: no species or parameter 'K_sat'\.$"):
        with_module(toy, "", rows)


def test_a_row_that_nothing_uses_is_an_issue(toy, sources):
    model = assemble("toy", toy.MODULES, [*toy.ROWS, toy.row("spare", "1", "nM")], sources=sources)
    assert [str(i) for i in check_model(model)] == [
        "parameters.tsv:10: parameter 'spare' is never used; remove it or use it."
    ]


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ({"nominalValue": "abc"}, FormatError, "parameters.tsv:10: 'new': nominalValue is 'abc'; expected a number."),
        (
            {"nominalValue": ""},
            FormatError,
            "parameters.tsv:10: no 'nominalValue'; every row needs parameterId, nominalValue, unit.",
        ),
        ({"unit": "nN/minn"}, UnitError, "parameters.tsv:10: 'new': the unit 'minn' is unknown. Did you mean 'min'?"),
        (
            {"lowerBound": "1"},
            FormatError,
            "parameters.tsv:10: 'new': lowerBound and upperBound go together; give both or none.",
        ),
        (
            {"objectivePriorType": "cauchy", "objectivePriorParameters": "1;2"},
            InputError,
            "parameters.tsv:10: 'new': the prior 'cauchy' is none of log-normal, uniform, normal.",
        ),
        (
            {"objectivePriorType": "uniform", "objectivePriorParameters": "1"},
            FormatError,
            "parameters.tsv:10: 'new': objectivePriorParameters is '1'; expected two numbers such as '-2.3;0.5'.",
        ),
        (
            {"basis": "guess"},
            InputError,
            "parameters.tsv:10: 'new': basis 'guess' is none of measured, literature, derived, fitted, assumed. "
            "Known: assumed, derived, fitted, literature, measured.",
        ),
        (
            {"source": ""},
            InputError,
            "parameters.tsv:10: 'new': a number with basis 'assumed' has no source; name a key of sources.toml.",
        ),
        ({"parameterId": "a b"}, FormatError, "parameters.tsv:10: 'a b' is not an id; use letters, digits and '_'."),
        ({"parameterId": "k_on"}, ModelError, "parameters.tsv:10: parameter 'k_on' has two rows; keep one."),
    ],
)
def test_mistakes_in_the_table_name_the_line(toy, row, kind, message):
    with pytest.raises(kind) as error:
        with_module(toy, "", [*toy.ROWS, toy.row("new", "1", "nM") | row])
    assert str(error.value) == message


def test_a_row_without_a_value_is_named(toy):
    rows = [*toy.ROWS[:-1], toy.ROWS[-1] | {"nominalValue": "nan"}]
    with pytest.raises(ModelError, match=r"^parameters\.tsv:9: parameter 'growth' has no value; give it one\.$"):
        with_module(toy, "", rows)


def test_a_row_for_a_species_is_refused(toy):
    with pytest.raises(ModelError) as error:
        with_module(toy, "const species X in cell;", [*toy.ROWS, toy.row("X", "1", "nM")])
    assert str(error.value) == "parameters.tsv:10: 'X' is no parameter of the model but a species or compartment."


def test_evidence_is_optional(toy):
    model = with_module(toy, "", [*toy.ROWS[:-1], toy.ROWS[-1] | {"basis": "", "source": ""}])
    assert model.by_id["growth"].evidence is None


def test_a_text_with_functions_and_a_model_block():
    model = read_antimony(
        text="function mm(s, k)\n  s/(k + s)\nend\n\nmodel *cycle()\n  compartment c = 1; c has litre;\n"
        "  species A in c; A = 3; A has nM;\n  K = 2; K has nM; k = 1;\n  decay: A => ; k*mm(A, K);\nend\n"
    )
    assert model.id == "cycle"
    assert model.species[0].unit == model.by_id["K"].unit == "nM"
    assert model.reactions[0].rate == Apply(
        "*", (Symbol("k"), Apply("/", (Symbol("A"), Apply("+", (Symbol("K"), Symbol("A"))))))
    )
    assert model.origin["decay"] == "Antimony text:9"


def test_ways_to_declare():
    model = read_antimony(
        text="const c = 3; var x; x = 0; x' = c; compartment v = 2; A in v; A = 1; species $B in v, C = 4; B = 1;\n"
        "d := x + time; /* note\n; nothing = 1 */ R: A -> B; c*A # comment\n"
    )
    assert {s.id: s.boundary for s in model.species} == {"A": False, "B": True, "C": False}
    assert model.origin["R"] == "Antimony text:3"


def test_what_antimony_itself_lets_pass_is_refused():
    with pytest.raises(UnsupportedError, match="a second model in one text is not supported; give one model"):
        read_antimony(text="model a()\n x = 1\nend\nmodel b()\n A: a()\nend")
    with pytest.raises(ModelError, match="no species 'B'"):
        read_antimony(text="species A = 1; k = 1; R: A -> B; k*A")
    with pytest.raises(UnitError, match="Antimony text:1: the unit 'furlong_x' is not defined; define it"):
        read_antimony(text="x = 1; x has furlong_x;")


def test_events_of_antimony():
    model = read_antimony(
        text="x = 1; y = 2; E: at 2 after (time > 3), priority = y, t0 = false, persistent = false, fromTrigger = false:"
        " x = x + 1, y = 0; F: at (x > 5): y = 1;"
    )
    first, second = model.events
    assert first == Event(
        id="E", trigger=Apply("gt", (TIME, Number(3.0))), delay=Number(2.0), priority=Symbol("y"), persistent=False,
        assignments=(("x", Apply("+", (Symbol("x"), Number(1.0)))), ("y", Number(0.0))), initial_value=False, at_trigger=False,
    )  # fmt: skip
    assert (second.delay, second.priority) == (None, None)
    assert (second.persistent, second.initial_value, second.at_trigger) == (True, True, True)


def test_events_know_their_lines():
    model = read_antimony(text="x = 1\n\nE: at (time > 3): x = 2\nat (time > 5): x = 3")
    assert [model.origin[e.id] for e in model.events] == ["Antimony text:3", "Antimony text"]


def test_algebraic_rules_delays_and_slopes_of_antimony():
    model = read_antimony(
        text="x = 1; y = 2; 0 = x + y - 3; z' = rateOf(w) + delay(x, 2) + factorial(3); w' = y; w = 0; z = inf;"
    )
    assert [(r.kind, r.variable) for r in model.rules] == [("rate", "z"), ("rate", "w"), ("algebraic", "")]
    slope, past, _ = model.rules[0].expression.arguments
    assert (slope, past) == (Apply("rateOf", (Symbol("w"),)), Apply("delay", (Symbol("x"), Number(2.0))))
    assert model.by_id["z"].value == math.inf


@pytest.mark.parametrize("more", ["n = 2;", "n := 2*time;", "n = 2; n' = 1;", "n = 2; E: at (time > 3): n = 5;"])
def test_a_named_stoichiometry_of_antimony(more):
    model = read_antimony(text=f"species A = 1, B = 0; R: n A -> B; k*A; k = 1; {more}")
    assert model.reactions[0].reactants == (("A", "n"),)
    assert model.by_id["n"].constant == (more == "n = 2;")


def test_path_or_text():
    with pytest.raises(InputError, match="give read_antimony either a path or a text"):
        read_antimony()


PIECES = [
    "(",
    ")",
    "'",
    ":=",
    "=>",
    ";",
    "\n",
    "end",
    "model a()",
    "function f(x)",
    "^",
    "1e400",
    "{",
    "é",
    '"',
    "//",
    "at ",
    "species ",
    "unit ",
    "<apply>",
    "</apply>",
    "<ci>A</ci>",
    "\x01",
    "&lt;",
    "nan",
    "<!DOCTYPE a>",
    "has ",
    "$",
]


@st.composite
def mutations(draw):
    return [
        (draw(st.floats(0, 0.999)), draw(st.integers(0, 12)), draw(st.sampled_from(PIECES)))
        for _ in range(draw(st.integers(1, 4)))
    ]


def mutated(text, changes):
    for share, cut, piece in changes:
        at = int(share * len(text))
        text = text[:at] + piece + text[at + cut :]
    return text


@given(mutations())
@settings(max_examples=60, deadline=None)
def test_broken_text_raises_our_errors_only(toy, model, changes):
    for read in (
        lambda: assemble("toy", [("a.ant", mutated(toy.KINASE, changes))], toy.ROWS),
        lambda: read_antimony(text=mutated(toy.UNITS + "cell_volume = 1;" + toy.GROWTH, changes)),
        lambda: read_sbml("<" + mutated(write_sbml(model)[1:], changes)),
    ):
        with contextlib.suppress(HepaticaError):
            read()
