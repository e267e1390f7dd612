import pytest

from hepatica.errors import FormatError, UnsupportedError
from hepatica.sbml import read_sbml
from hepatica.sbml.packages import used_packages

PACKAGE = ' xmlns:{0}="http://www.sbml.org/sbml/level3/version1/{0}/version1" {0}:required="{1}"'
CORE = {
    "3": '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"{}>{}</sbml>',
    "2": '<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"{}>{}</sbml>',
}
GROWTH = (
    '<model id="m"><listOfParameters><parameter id="x" value="1" constant="false"/></listOfParameters><listOfRules>'
    '<rateRule variable="x"><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>x</ci></math></rateRule></listOfRules>'
    "{}</model>"
)
LAYOUT = '<layout:listOfLayouts><layout:layout layout:id="l" layout:nonsense="1"/></layout:listOfLayouts>'
FLUX = (
    '<model id="m" fbc:strict="false"><listOfCompartments><compartment id="c" size="1" constant="true"/>'
    '</listOfCompartments><listOfReactions><reaction id="R" reversible="false" fast="false"/></listOfReactions>\n'
    '<fbc:listOfObjectives fbc:activeObjective="most"><fbc:objective fbc:id="most" fbc:type="maximize">'
    '<fbc:listOfFluxObjectives><fbc:fluxObjective fbc:reaction="R" fbc:coefficient="1"/></fbc:listOfFluxObjectives>'
    "</fbc:objective></fbc:listOfObjectives></model>"
)


@pytest.mark.parametrize("package", ["spatial", "distrib", "multi", "arrays", "fbc"])
@pytest.mark.parametrize("required", ["true", "1"])
def test_a_required_package_is_refused_by_name(package, required):
    with pytest.raises(UnsupportedError) as error:
        read_sbml(CORE["3"].format(PACKAGE.format(package, required), GROWTH.format("")))
    assert str(error.value) == (
        f"SBML text: the SBML package '{package}' is required by the model and not supported; "
        "give a model that does without."
    )


def test_a_package_is_known_by_its_address_not_by_its_prefix():
    root = ' xmlns:layout="http://www.sbml.org/sbml/level3/version1/spatial/version1" layout:required="true"'
    with pytest.raises(UnsupportedError, match="package 'spatial'"):
        read_sbml(CORE["3"].format(root, GROWTH.format("")))
    comment = "<!-- <sbml> -->" + CORE["3"].format(PACKAGE.format("spatial", "true"), "")
    assert used_packages(comment) == {"spatial": True}
    assert used_packages('<sbml xmlns:a="urn:mine" a:required="true"/>') == {"urn:mine": True}


@pytest.mark.parametrize("level", ["2", "3"])
@pytest.mark.parametrize("package", ["layout", "qual", "groups", "render"])
def test_a_package_that_is_not_required_is_ignored(level, package):
    model = read_sbml(CORE[level].format(PACKAGE.format(package, "false"), GROWTH.format("")))
    assert [r.variable for r in model.rules] == ["x"]


def test_errors_in_a_package_that_is_not_required_are_ignored():
    model = read_sbml(CORE["3"].format(PACKAGE.format("layout", "false"), GROWTH.format(LAYOUT)))
    assert [r.variable for r in model.rules] == ["x"]
    with pytest.raises(FormatError, match=r"^SBML text:1: not valid SBML: "):
        read_sbml(CORE["3"].format(PACKAGE.format("layout", "false"), GROWTH.format("<oops/>")))


def test_a_flux_balance_model_is_refused_by_its_objective():
    with pytest.raises(UnsupportedError) as error:
        read_sbml(CORE["3"].format(PACKAGE.format("fbc", "false").replace("fbc/version1", "fbc/version2"), FLUX))
    assert str(error.value) == (
        "SBML text:2: objective 'most' makes this a flux-balance model (package 'fbc'), a linear program without time; "
        "it is not supported."
    )
