import pytest

from hepatica.errors import FormatError, HepaticaError, ModelError, UnsupportedError
from hepatica.model import Apply, Number, Symbol
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


def test_rates_and_constant_stoichiometry_in_formulas_are_replaced():
    reaction = PARTS["reactions"].replace('species="A" st', 'id="n" species="A" st').replace('ry="1"', 'ry="2"')
    model = read_sbml(
        sbml(
            parameters=PARTS["parameters"] + parameter("v") + parameter("w"),
            rules=rule("v", "<ci>R</ci>") + rule("w", "<ci>n</ci>"),
            reactions=reaction,
        )
    )
    assert model.rules[0].expression == model.reactions[0].rate
    assert model.rules[1].expression == Number(2.0)
    assert model.reactions[0].reactants == (("A", 2.0),)


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


EVENT = (
    '<event id="E" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">'
    + MATH.format("<true/>")
    + "</trigger></event>"
)
DELAY = (
    '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">delay</csymbol>'
    "<ci>A</ci><cn>1</cn></apply>"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (sbml(events=EVENT), "SBML text:6: the event 'E' is not supported; remove it."),
        (
            sbml(rules=f"<algebraicRule>{MATH.format('<ci>k</ci>')}</algebraicRule>"),
            "SBML text:5: the algebraic rule is not supported; remove it.",
        ),
        (
            sbml(constraints=f"<constraint>{MATH.format('<true/>')}</constraint>"),
            "SBML text:5: the constraint is not supported; remove it.",
        ),
        (
            sbml(parameters=PARTS["parameters"] + parameter("x"), rules=rule("x", DELAY)),
            "SBML text:5: the assignment rule of 'x': 'delay' is not supported.",
        ),
        (
            sbml(reactions=PARTS["reactions"].replace('"false">', '"false" fast="true">', 1))
            .replace("n2/", "n1/")
            .replace('version="2"', 'version="1"'),
            "SBML text:5: reaction 'R' is fast, which is not supported.",
        ),
        (
            sbml(model=' conversionFactor="k"'),
            "SBML text: the model's conversionFactor is not supported; rescale the species.",
        ),
        (
            sbml(species=PARTS["species"].replace(' id="A"', ' id="A" conversionFactor="k"')),
            "SBML text:3: species 'A' has a conversionFactor, which is not supported.",
        ),
        (
            sbml(
                reactions=PARTS["reactions"].replace('species="A" st', 'id="n" species="A" st'),
                assignments=f'<initialAssignment symbol="n">{MATH.format("<ci>k</ci>")}</initialAssignment>',
            ),
            "SBML text:6: reaction 'R' has a variable stoichiometry of 'A', which is not supported.",
        ),
        (
            sbml(
                compartments=PARTS["compartments"].replace('"true"', '"false"'),
                rules=rule("c", "<ci>k</ci>", "rate"),
            ),
            "SBML text:5: compartment 'c' changes in time, which is not supported.",
        ),
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
            "SBML text:4: parameter 'k' is nan; expected a finite number.",
        ),
        (
            sbml(
                parameters=PARTS["parameters"] + parameter("x") + parameter("y"),
                rules=rule("x", "<ci>y</ci>") + rule("y", "<ci>x</ci>"),
            ),
            "SBML text:4: the rules x -> y -> x depend on each other in a circle; break it.",
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
            "SBML text:5: the rates R -> R depend on each other in a circle; break it.",
        ),
        (
            sbml(reactions=PARTS["reactions"].replace(' stoichiometry="1"', "")),
            "SBML text:5: reaction 'R' has no stoichiometry of 'A'.",
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
