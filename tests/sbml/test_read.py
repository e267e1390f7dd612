import math

import pytest

from hepatica.errors import FormatError, HepaticaError, ModelError, UnsupportedError
from hepatica.model import TIME, Apply, Event, InitialAssignment, Number, Parameter, Rule, Symbol
from hepatica.sbml import read_sbml

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'
TIMES = MATH.format("<apply><times/><ci>k</ci><ci>A</ci></apply>")
PARTS = {
    "functions": "",
    "units": "",
    "compartments": '<compartment id="c" size="2" constant="true" spatialDimensions="3"/>',
    "species": '<species id="A" compartment="c" initialConcentration="3" hasOnlySubstanceUnits="false" '
    'boundaryCondition="false" constant="false"/>',
    "parameters": '<parameter id="k" value="0.5" constant="true"/>',
    "assignments": "",
    "rules": "",
    "constraints": "",
    "reactions": '<reaction id="R" reversible="false"><listOfReactants><speciesReference species="A" stoichiometry="1" '
    f'constant="true"/></listOfReactants><kineticLaw>{TIMES}</kineticLaw></reaction>',
    "events": "",
}
LISTS = {
    "functions": "FunctionDefinitions",
    "units": "UnitDefinitions",
    "compartments": "Compartments",
    "species": "Species",
    "parameters": "Parameters",
    "assignments": "InitialAssignments",
    "rules": "Rules",
    "constraints": "Constraints",
    "reactions": "Reactions",
    "events": "Events",
}


def sbml(model="", root="", level="3", version="2", **parts):
    uri = (
        "http://www.sbml.org/sbml/level3/version2/core" if level == "3" else "http://www.sbml.org/sbml/level2/version4"
    )
    body = "\n".join(f"<listOf{LISTS[k]}>{v}</listOf{LISTS[k]}>" for k, v in (PARTS | parts).items() if v)
    return f'<sbml xmlns="{uri}" level="{level}" version="{version}"{root}><model id="m"{model}>\n{body}</model></sbml>'


def rule(variable, text, kind="assignment"):
    return f'<{kind}Rule variable="{variable}">{MATH.format(text)}</{kind}Rule>'


def parameter(key, constant="false", extra=""):
    return f'<parameter id="{key}" constant="{constant}"{extra}/>'


def test_a_plain_model():
    model = read_sbml(sbml())
    assert model.id == "m"
    assert model.compartments[0].size == 2
    assert (model.species[0].initial, model.species[0].amount, model.species[0].unit) == (3.0, False, "")
    assert model.reactions[0].rate == Apply("*", (Symbol("k"), Symbol("A")))
    assert model.origin["k"] == "SBML text:4"
    assert model.units == {}


def test_from_a_file(tmp_path):
    path = tmp_path / "my.xml"
    path.write_text("\ufeff" + sbml())
    assert read_sbml(path).origin["A"] == "my.xml:3"
    assert read_sbml(str(path)) == read_sbml(path)


def test_functions_are_expanded_and_local_parameters_renamed():
    lambda_ = MATH.format(
        "<lambda><bvar><ci>x</ci></bvar><bvar><ci>y</ci></bvar><apply><minus/><ci>y</ci><ci>x</ci></apply></lambda>"
    )
    law = MATH.format("<apply><times/><ci>k</ci><apply><ci>f</ci><ci>A</ci><ci>k</ci></apply></apply>")
    model = read_sbml(
        sbml(
            functions=f'<functionDefinition id="f">{lambda_}</functionDefinition>',
            parameters="",
            reactions=f'<reaction id="R" reversible="true"><kineticLaw>{law}<listOfLocalParameters><localParameter '
            'id="k" value="7"/></listOfLocalParameters></kineticLaw></reaction>',
        )
    )
    k = Symbol("R.k")
    assert model.reactions[0].rate == Apply("*", (k, Apply("-", (k, Symbol("A")))))
    assert [(p.id, p.value) for p in model.parameters] == [("R.k", 7.0)]


def test_names_of_reactions_and_stoichiometries_stay_symbols():
    reaction = PARTS["reactions"].replace('species="A" st', 'id="n" species="A" st').replace('ry="1"', 'ry="2"')
    model = read_sbml(
        sbml(
            parameters=PARTS["parameters"] + parameter("v") + parameter("w"),
            rules=rule("v", "<ci>R</ci>") + rule("w", "<ci>n</ci>"),
            reactions=reaction,
        )
    )
    assert [r.expression for r in model.rules] == [Symbol("R"), Symbol("n")]
    assert model.reactions[0].reactants == (("A", "n"),)
    assert model.by_id["n"] == Parameter(id="n", value=2.0)


@pytest.mark.parametrize("unit", ["seven", "hot", "none"])
def test_a_unit_without_a_name_counts_as_not_declared(unit):
    parts = {
        "seven": 'kind="second" exponent="1" scale="0" multiplier="7"',
        "hot": 'kind="kelvin" exponent="1" scale="400" multiplier="1"',
    }
    text = "".join(
        f'<unitDefinition id="{key}"><listOfUnits><unit {part}/></listOfUnits></unitDefinition>'
        for key, part in parts.items()
    )
    model = read_sbml(sbml(parameters=parameter("k", "true", f' value="3" units="{unit}"'), units=text))
    assert (model.parameters[0].value, model.parameters[0].unit) == (3.0, "")


def test_level_2_brings_its_own_units():
    kinetics = PARTS["reactions"].replace(' constant="true"', "")
    text = sbml(
        level="2",
        version="4",
        compartments='<compartment id="c" size="2"/><compartment id="m2" size="1" spatialDimensions="2"/>'
        '<compartment id="m1" size="1" spatialDimensions="1"/><compartment id="m0" spatialDimensions="0"/>',
        species='<species id="A" compartment="c" initialAmount="3"/>',
        parameters='<parameter id="k" value="0.5" units="per_h"/>',
        units='<unitDefinition id="per_h"><listOfUnits><unit kind="second" multiplier="3600" exponent="-1"/>'
        '</listOfUnits></unitDefinition><unitDefinition id="substance"><listOfUnits><unit kind="mole" scale="-6"/>'
        "</listOfUnits></unitDefinition>",
        reactions=kinetics,
    )
    model = read_sbml(text)
    assert model.units == {"time": "s", "substance": "umol", "volume": "litre"}
    assert [c.unit for c in model.compartments] == ["litre", "m^2", "m", "dimensionless"]
    assert (model.species[0].unit, model.species[0].amount) == ("umol", True)
    assert model.parameters[0].unit == "1/h"
    assert model.parameters[0].constant


def test_annotations_keep_their_qualifier():
    rdf = (
        '<annotation><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:bqbiol="http://biomodels.net/biology-qualifiers/"><rdf:Description rdf:about="#a"><bqbiol:is><rdf:Bag>'
        '<rdf:li rdf:resource="urn:x"/></rdf:Bag></bqbiol:is><bqbiol:hasPart><rdf:Bag><rdf:li rdf:resource="urn:y"/>'
        "</rdf:Bag></bqbiol:hasPart></rdf:Description></rdf:RDF></annotation>"
    )
    species = PARTS["species"].replace("/>", f' metaid="a">{rdf}</species>')
    assert read_sbml(sbml(species=species)).species[0].annotations == ("urn:x", "hasPart urn:y")


def symbol(name, *arguments):
    url = f"http://www.sbml.org/sbml/symbols/{name}"
    return f'<apply><csymbol encoding="text" definitionURL="{url}">{name}</csymbol>{"".join(arguments)}</apply>'


TIME_TAG = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'
AFTER = f"<apply><gt/>{TIME_TAG}<cn>3</cn></apply>"


def event(trigger=AFTER, flags="", parts="", changes=(("x", "<cn>1</cn>"),), head=' id="E"', use=True):
    use = ' useValuesFromTriggerTime="true"' if use is True else use
    assignments = "".join(
        f'<eventAssignment variable="{name}">{MATH.format(text)}</eventAssignment>' for name, text in changes
    )
    body = f"<listOfEventAssignments>{assignments}</listOfEventAssignments>" if changes else ""
    return f"<event{head}{use}><trigger{flags}>{MATH.format(trigger)}</trigger>{parts}{body}</event>"


L3 = ' initialValue="true" persistent="true"'
WITH_X = PARTS["parameters"] + '<parameter id="x" value="0" constant="false"/>'


def test_an_event_with_everything():
    parts = f"<delay>{MATH.format('<cn>2</cn>')}</delay><priority>{MATH.format('<ci>k</ci>')}</priority>"
    text = event(
        flags=' initialValue="false" persistent="false"', use=' useValuesFromTriggerTime="false" name="dose"', parts=parts,
        changes=(("x", "<ci>A</ci>"), ("A", "<cn>0</cn>")),
    )  # fmt: skip
    model = read_sbml(sbml(parameters=WITH_X, events=text))
    assert model.events == (
        Event(
            id="E", name="dose", trigger=Apply("gt", (TIME, Number(3.0))), delay=Number(2.0), priority=Symbol("k"),
            assignments=(("x", Symbol("A")), ("A", Number(0.0))), persistent=False, initial_value=False, at_trigger=False,
        ),
    )  # fmt: skip


def test_events_of_level_2_persist_and_take_values_from_the_trigger():
    level2 = {
        "level": "2",
        "version": "4",
        "compartments": '<compartment id="c" size="2"/>',
        "species": '<species id="A" compartment="c" initialAmount="3"/>',
        "reactions": PARTS["reactions"].replace(' constant="true"', ""),
        "parameters": WITH_X,
    }
    plain, later = event(use=""), event(use=' useValuesFromTriggerTime="false"', head=' id="F"')
    model = read_sbml(sbml(**level2, events=plain + later))
    assert [(e.persistent, e.initial_value, e.at_trigger) for e in model.events] == [
        (True, True, True),
        (True, True, False),
    ]


def test_an_event_without_id_or_changes():
    model = read_sbml(sbml(parameters=WITH_X, events=event(flags=L3, head="") + event(flags=L3, changes=())))
    assert [(e.id, len(e.assignments)) for e in model.events] == [("event 1", 1), ("E", 0)]


def test_algebraic_rules_need_no_value():
    algebraic = MATH.format("<apply><minus/><ci>x</ci><ci>A</ci></apply>")
    model = read_sbml(
        sbml(parameters=PARTS["parameters"] + parameter("x"), rules=f"<algebraicRule>{algebraic}</algebraicRule>")
    )
    assert model.rules == (Rule(kind="algebraic", variable="", expression=Apply("-", (Symbol("x"), Symbol("A")))),)
    assert math.isnan(model.by_id["x"].value)


def test_constraints_are_left_out():
    text = sbml(constraints=f"<constraint>{MATH.format('<false/>')}</constraint>")
    assert read_sbml(text) == read_sbml(sbml())


def test_functions_of_the_past_and_of_the_slope():
    model = read_sbml(
        sbml(
            parameters=PARTS["parameters"] + "".join(parameter(n) for n in "xyz"),
            rules=rule("x", symbol("delay", "<ci>A</ci>", "<cn>1</cn>"))
            + rule("y", symbol("rateOf", "<ci>A</ci>"))
            + rule("z", f"<piecewise><piece><ci>k</ci>{AFTER}</piece></piecewise>"),
        )
    )
    assert [r.expression for r in model.rules] == [
        Apply("delay", (Symbol("A"), Number(1.0))),
        Apply("rateOf", (Symbol("A"),)),
        Apply("piecewise", (Symbol("k"), Apply("gt", (TIME, Number(3.0))))),
    ]


def level_3_version_1(text):
    return text.replace("version2/core", "version1/core").replace('version="2"', 'version="1"')


@pytest.mark.parametrize("fast", ["true", "false"])
def test_fast_reactions(fast):
    text = sbml(reactions=PARTS["reactions"].replace('"false">', f'"false" fast="{fast}">', 1))
    assert read_sbml(level_3_version_1(text)).reactions[0].fast == (fast == "true")


def test_conversion_factors_of_species_go_before_the_one_of_the_model():
    b = PARTS["species"].replace('"A"', '"B"').replace(' id="B"', ' id="B" conversionFactor="q"')
    parameters = PARTS["parameters"] + '<parameter id="q" value="2" constant="true"/>'
    model = read_sbml(sbml(model=' conversionFactor="k"', species=PARTS["species"] + b, parameters=parameters))
    assert [(s.id, s.conversion) for s in model.species] == [("A", "k"), ("B", "q")]


def test_a_named_stoichiometry_is_a_parameter_that_can_be_given_a_formula():
    named = PARTS["reactions"].replace(
        'species="A" stoichiometry="1" constant="true"', 'id="n" species="A" constant="{}"'
    )
    start = f'<initialAssignment symbol="n">{MATH.format("<ci>k</ci>")}</initialAssignment>'
    model = read_sbml(sbml(reactions=named.format("true"), assignments=start))
    assert model.reactions[0].reactants == (("A", "n"),)
    assert (model.by_id["n"].constant, math.isnan(model.by_id["n"].value)) == (True, True)
    assert model.initial_assignments == (InitialAssignment(symbol="n", expression=Symbol("k")),)
    moved = read_sbml(sbml(reactions=named.format("false"), rules=rule("n", TIME_TAG)))
    assert moved.rules == (Rule(kind="assignment", variable="n", expression=TIME),)
    assert not moved.by_id["n"].constant


def test_stoichiometry_math_of_level_2_is_an_assignment_rule():
    reference = f'<speciesReference species="A"><stoichiometryMath>{MATH.format("<ci>k</ci>")}</stoichiometryMath>'
    twice = f"<listOfReactants>{reference}</speciesReference>{reference}</speciesReference></listOfReactants>"
    model = read_sbml(
        sbml(
            level="2",
            version="4",
            compartments='<compartment id="c" size="2"/>',
            species='<species id="A" compartment="c" initialAmount="3"/>',
            reactions=f'<reaction id="R" reversible="false">{twice}<kineticLaw>{TIMES}</kineticLaw></reaction>',
        )
    )
    first, second = "R.A.stoichiometry", "R.A.stoichiometry.2"
    assert model.reactions[0].reactants == (("A", first), ("A", second))
    assert [(r.variable, r.expression) for r in model.rules] == [(first, Symbol("k")), (second, Symbol("k"))]


def test_a_compartment_may_change():
    rate = rule("c", "<ci>k</ci>", "rate")
    model = read_sbml(sbml(compartments=PARTS["compartments"].replace('"true"', '"false"'), rules=rate))
    assert model.rules == (Rule(kind="rate", variable="c", expression=Symbol("k")),)
    assert not model.compartments[0].constant


def test_infinity_is_a_number():
    model = read_sbml(sbml(parameters=parameter("k", "true", ' value="INF"') + parameter("q", "true", ' value="-INF"')))
    assert [p.value for p in model.parameters] == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m"/></sbml>',
            "SBML text: SBML Level 1 is not supported; convert it to Level 3.",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(text, message):
    with pytest.raises(UnsupportedError) as error:
        read_sbml(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (sbml(parameters=parameter("k", "true")), "SBML text:4: parameter 'k' has no value; give it one."),
        (
            sbml(species=PARTS["species"].replace('initialConcentration="3"', "")),
            "SBML text:3: species 'A' has no value; give it one.",
        ),
        (
            sbml(parameters=parameter("kk", "true", ' value="1"')),
            "SBML text:5: no species or parameter 'k' for the rate of 'R'. Did you mean 'kk'?",
        ),
        (
            sbml(reactions=PARTS["reactions"].replace('species="A"', 'species="AA"')),
            "SBML text:5: no species 'AA'. Did you mean 'A'?",
        ),
        (
            sbml(compartments=PARTS["compartments"].replace('size="2"', "")),
            "SBML text:2: compartment 'c' has no size; give it one.",
        ),
        (
            sbml(parameters=parameter("k", "true", ' value="NaN"')),
            "SBML text:4: parameter 'k' has no value; give it one.",
        ),
        (
            sbml(
                parameters=PARTS["parameters"] + parameter("x") + parameter("y"),
                rules=rule("x", "<ci>y</ci>") + rule("y", "<ci>x</ci>"),
            ),
            "SBML text:4: x -> y -> x depend on each other in a circle; break it.",
        ),
        (
            sbml(parameters=PARTS["parameters"] + parameter("A", "true", ' value="1"')),
            "SBML text:4: the id 'A' is given to 2 elements; rename all but one.",
        ),
        (
            sbml(reactions='<reaction id="R" reversible="false"/>'),
            "SBML text:5: reaction 'R' has no rate law; give it one.",
        ),
        (
            sbml(reactions=PARTS["reactions"].replace(TIMES, MATH.format("<ci>R</ci>"))),
            "SBML text:5: R -> R depend on each other in a circle; break it.",
        ),
        (
            sbml(reactions=PARTS["reactions"].replace(' stoichiometry="1"', "")),
            "SBML text:5: reaction 'R' has no stoichiometry of 'A'; give it one.",
        ),
        (
            sbml(parameters=WITH_X, events=event(flags=L3, changes=(("x", "<cn>1</cn>"), ("x", "<cn>2</cn>")))),
            "SBML text:6: event 'E' gives 'x' a value 2 times; keep one.",
        ),
        (
            sbml(events=event(flags=L3, changes=(("k", "<cn>1</cn>"),))),
            "SBML text:6: event 'E' changes 'k', which is constant; remove one of the two.",
        ),
        (
            sbml(parameters=WITH_X, rules=rule("x", "<ci>k</ci>"), events=event(flags=L3)),
            "SBML text:7: event 'E' changes 'x', which has an assignment rule; remove one of the two.",
        ),
        (
            sbml(parameters=WITH_X, events=event(flags=L3, trigger="<ci>y</ci>")),
            "SBML text:6: no species or parameter 'y' for the trigger of event 'E'. Known: A, R, c, k, x.",
        ),
        (
            sbml(parameters=PARTS["parameters"] + parameter("x"), events=event(flags=L3)),
            "SBML text:4: parameter 'x' has no value before event 'E' gives it one; give it one, which counts until then.",
        ),
        (
            sbml(parameters=WITH_X, events="\n" + event(flags=L3, trigger="<ci>y</ci>", head="")),
            "SBML text:7: no species or parameter 'y' for the trigger of event 'event 1'. Known: A, R, c, k, x.",
        ),
        (
            sbml(species=PARTS["species"].replace(' id="A"', ' id="A" conversionFactor="kk"')),
            "SBML text:3: species 'A' has no conversion factor 'kk'. Did you mean 'k'?",
        ),
        (
            sbml(reactions=PARTS["reactions"].replace(TIMES, "")),
            "SBML text:5: the rate of 'R' has no formula.",
        ),
    ],
)
def test_contradictions_are_named(text, message):
    with pytest.raises(ModelError) as error:
        read_sbml(text)
    assert str(error.value) == message


def test_several_missing_values_are_counted():
    with pytest.raises(ModelError, match=r"parameter 'k' has no value; give it one\. \(1 more like this\.\)$"):
        read_sbml(sbml(parameters=parameter("k", "true") + parameter("q", "true")))


def test_what_libsbml_cannot_read_names_the_line():
    with pytest.raises(FormatError, match=r"^SBML text:4: not valid SBML: "):
        read_sbml(sbml(parameters='<parameter id="k" value="zero" constant="true"/>'))
    with pytest.raises(HepaticaError):
        read_sbml("<html/>")
    with pytest.raises(FormatError, match="no SBML model"):
        read_sbml('<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"/>')
