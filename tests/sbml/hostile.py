"""Files made to crash, hang or mislead a reader of models, each with what hepatica must say about it."""

import itertools
from collections.abc import Callable

SBML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="m">{}</model></sbml>'
)
CELL = '<listOfCompartments><compartment id="c" size="{}" constant="true"/></listOfCompartments>'
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'


def species(name: str, more: str = 'initialConcentration="1"') -> str:
    return f'<species id="{name}" compartment="c" {more} hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>'


def parameter(name: str, value: str = "1", constant: str = "false") -> str:
    return f'<parameter id="{name}" value="{value}" constant="{constant}"/>'


def assignment(name: str, formula: str) -> str:
    return f'<assignmentRule variable="{name}">{MATH.format(formula)}</assignmentRule>'


def rate(name: str, formula: str) -> str:
    return f'<rateRule variable="{name}">{MATH.format(formula)}</rateRule>'


def initially(name: str, formula: str) -> str:
    return f'<initialAssignment symbol="{name}">{MATH.format(formula)}</initialAssignment>'


def function(name: str, arguments: str, body: str) -> str:
    names = "".join(f"<bvar><ci>{a}</ci></bvar>" for a in arguments.split())
    return f'<functionDefinition id="{name}">{MATH.format(f"<lambda>{names}{body}</lambda>")}</functionDefinition>'


def reaction(name: str, formula: str, reactants: str = "", products: str = "") -> str:
    sides = "".join(
        f"<listOf{side}>"
        + "".join(f'<speciesReference species="{s}" stoichiometry="1" constant="true"/>' for s in names.split())
        + f"</listOf{side}>"
        for side, names in (("Reactants", reactants), ("Products", products))
        if names
    )
    law = f"<kineticLaw>{MATH.format(formula)}</kineticLaw>"
    return f'<reaction id="{name}" reversible="false">{sides}{law}</reaction>'


def model(
    *, parameters: str = "", rules: str = "", initial: str = "", functions: str = "", pools: str = "", reactions: str = "", size: str = "1",
) -> str:  # fmt: skip
    lists = (
        ("FunctionDefinitions", functions), ("Species", pools), ("Parameters", parameters), ("InitialAssignments", initial),
        ("Rules", rules), ("Reactions", reactions),
    )  # fmt: skip
    parts = [f"<listOf{kind}>{content}</listOf{kind}>" if content else "" for kind, content in lists]
    return SBML.format(parts[0] + CELL.format(size) + "".join(parts[1:]))


def ci(name: str) -> str:
    return f"<ci>{name}</ci>"


def cn(value: str) -> str:
    return f"<cn>{value}</cn>"


def apply(operator: str, *arguments: str) -> str:
    return f"<apply><{operator}/>{''.join(arguments)}</apply>"


def ruled(formula: str, *more: str) -> str:
    """One rule for x, and further parameters."""
    return model(parameters=parameter("x") + "".join(map(parameter, more)), rules=assignment("x", formula))


def laughs(exponent: int) -> str:
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, exponent + 1))
    return f'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY l0 "ha">{entities}]><sbml>&l{exponent};</sbml>'


def nested(depth: int, *, operator: str = "minus") -> str:
    return ruled(f"<apply><{operator}/>" * depth + ci("a") + "</apply>" * depth, "a")


def doubling(depth: int) -> str:
    twice = function("f0", "x", apply("plus", ci("x"), ci("x")))
    more = (
        function(f"f{i}", "x", apply("plus", *[f"<apply><ci>f{i - 1}</ci><ci>x</ci></apply>"] * 2))
        for i in range(1, depth)
    )
    return model(
        functions=twice + "".join(more), parameters=parameter("x") + parameter("a"),
        rules=assignment("x", f"<apply><ci>f{depth - 1}</ci><ci>a</ci></apply>"),
    )  # fmt: skip


def chain(count: int) -> str:
    names = [f"y{i}" for i in range(count)]
    rules = "".join(assignment(b, apply("times", ci(a), ci(a))) for a, b in itertools.pairwise(names))
    return model(
        pools=species("S"), parameters="".join(map(parameter, names)), rules=rules,
        reactions=reaction("r", apply("times", ci("c"), ci("S"), ci(names[-1])), "S"),
    )  # fmt: skip


def dense(count: int) -> str:
    """Every species made of every other."""
    names = [f"S{i}" for i in range(count)]
    total = apply("plus", *map(ci, names))
    return model(
        pools="".join(map(species, names)), parameters=parameter("total"), rules=assignment("total", total),
        reactions="".join(reaction(f"r{n}", apply("times", ci("total"), ci(n)), n) for n in names),
    )  # fmt: skip


def numerous(count: int) -> str:
    """A long chain of species."""
    return model(
        pools="".join(species(f"S{i}") for i in range(count)),
        reactions="".join(reaction(f"r{i}", ci(f"S{i}"), f"S{i}", f"S{i - 1}") for i in range(1, count)),
    )  # fmt: skip


LEVELS = 'level="3" version="2"'
ATTACKS: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "laughs 10^5": (lambda: laughs(5), "refused because it has a DOCTYPE"),
    "laughs 10^9": (lambda: laughs(9), "refused because it has a DOCTYPE"),
    "external entity": (
        lambda: '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]><sbml>&x;</sbml>',
        "refused because it has a DOCTYPE",
    ),
    "undeclared entity": (lambda: SBML.format("&x;"), "not well-formed XML (undefined entity)"),
    "nested 150": (lambda: nested(150), "nested more than 128 levels deep"),
    "nested 4000": (lambda: nested(4000), "nested more than 128 levels deep"),
    "nested 6000": (lambda: nested(6000, operator="exp"), "nested more than 128 levels deep"),
    "nested 500000": (lambda: nested(500_000), "nested more than 128 levels deep"),
    "million terms": (
        lambda: ruled(apply("plus", *[ci("a")] * 900_000), "a"),
        "a formula has more than 10000 terms side by side",
    ),
    "ten thousand differences": (
        lambda: ruled(apply("minus", *[ci("a")] * 9_000), "a"),
        "x.xml",
    ),
    "too many elements": (lambda: ruled("<ci/>" * 1_100_000), "x.xml"),
    "too large": (lambda: SBML.format(" " * 21_000_000), "refused because it has 21 MB; a model has at most 20 MB"),
    "long id": (lambda: model(parameters=parameter("x" * 5000)), "the id of a 'parameter' has more than 1000 characters"),
    "long attribute": (
        lambda: model(parameters=parameter("x", "1" * 2_000_000)),
        "the value of a 'parameter' has more than 1000000 characters",
    ),
    "nul": (lambda: ruled(cn("1\0")).encode(), "not well-formed XML"),
    "latin-1": (lambda: ruled(cn("1")).replace('id="m"', 'id="m" name="Zürich"').encode("latin-1"), "not UTF-8 text"),
    "utf-16": (lambda: ruled(cn("1")).encode("utf-16"), "not UTF-8 text"),
    "wrong encoding declared": (
        lambda: ruled(ci("absent")).replace("UTF-8", "UTF-16"),
        "Invalid or unrecognized XML declaration or XML encoding",
    ),
    "empty": (lambda: "", "not well-formed XML (no element found)"),
    "truncated": (lambda: ruled(cn("1"))[:-30], "not well-formed XML"),
    "other XML": (lambda: "<html><body/></html>", "x.xml"),
    "level 99": (lambda: ruled(cn("1")).replace(LEVELS, 'level="99" version="2"'), "x.xml:2: level '99' and version '2' are not those"),
    "version 1e308": (lambda: ruled(cn("1")).replace(LEVELS, 'level="3" version="1e308"'), "level '3' and version '1e308' are not those"),
    "huge level": (lambda: ruled(cn("1")).replace(LEVELS, 'level="99999999999999999999" version="2"'), "x.xml"),
    "levels mixed": (
        lambda: ruled(cn("1")).replace(
            "<listOfRules>", '<listOfRules xmlns="http://www.sbml.org/sbml/level2/version4">'
        ),
        "keep to one level and version",
    ),
    "loop of rules": (
        lambda: model(
            parameters=parameter("a") + parameter("b"), rules=assignment("a", ci("b")) + assignment("b", ci("a"))
        ),
        "depend on each other in a circle",
    ),
    "rule of itself": (lambda: ruled(ci("x")), "depend on each other in a circle"),
    "loop of initial assignments": (
        lambda: model(
            parameters=parameter("a") + parameter("b"), initial=initially("a", ci("b")) + initially("b", ci("a"))
        ),
        "depend on each other in a circle",
    ),
    "loop of a rule and an initial assignment": (
        lambda: model(
            parameters=parameter("a") + parameter("b"), initial=initially("a", ci("b")), rules=assignment("b", ci("a"))
        ),
        "depend on each other in a circle",
    ),
    "loop of rates": (
        lambda: model(
            pools=species("S"), reactions=reaction("r", ci("q"), "S") + reaction("q", ci("r"), "", "S")
        ),
        "depend on each other in a circle",
    ),
    "function of itself": (
        lambda: model(
            functions=function("f", "x", "<apply><ci>f</ci><ci>x</ci></apply>"), parameters=parameter("x"),
            rules=assignment("x", f"<apply><ci>f</ci>{cn('1')}</apply>"),
        ),
        "x.xml",
    ),
    "doubling functions": (lambda: doubling(30), "nested too deeply"),
    "long chain of functions": (lambda: doubling(2000), "x.xml"),
    "undefined symbol": (lambda: ruled(ci("absent")), "no species or parameter 'absent' for the assignment rule of 'x'"),
    "ten thousand undefined symbols": (
        lambda: ruled(apply("plus", *(ci(f"absent{i}") for i in range(9_999))), *(f"present{i}" for i in range(5_000))),
        "no species or parameter 'absent0'",
    ),
    "undefined function": (lambda: ruled("<apply><ci>f</ci><cn>1</cn></apply>"), "f"),
    "undefined species": (lambda: model(reactions=reaction("r", cn("1"), "absent")), "absent"),
    "undefined compartment": (lambda: model(pools=species("S").replace('"c"', '"d"')), "d"),
    "overflowing constant": (lambda: ruled(cn("1e400")), "Failed to read a valid double value"),
    "used parameter of nan": (
        lambda: model(parameters=parameter("x") + parameter("k", "NaN", "true"), rules=assignment("x", ci("k"))),
        "parameter 'k' has no value; give it one",
    ),
    "infinite species": (
        lambda: model(pools=species("S", 'initialConcentration="INF"'), reactions=reaction("r", ci("S"), "S")),
        "the initial value of species 'S' is inf",
    ),
    "nan compartment": (lambda: model(pools=species("S"), size="NaN"), "compartment 'c' has no size; give it one"),
    "negative compartment": (
        lambda: model(pools=species("S"), reactions=reaction("r", ci("S"), "S"), size="-1"),
        "compartment 'c' has the size -1",
    ),
    "empty compartment": (
        lambda: model(pools=species("S"), reactions=reaction("r", ci("S"), "S"), size="0"),
        "compartment 'c' has the size 0",
    ),
    "amount in an empty compartment": (
        lambda: model(pools=species("S", 'initialAmount="1"'), reactions=reaction("r", ci("S"), "S"), size="0"),
        "compartment 'c' has the size 0",
    ),
    "empty compartment that grows": (
        lambda: model(pools=species("S", 'initialAmount="1"'), rules=rate("c", cn("1")), size="0").replace(
            '"0" constant="true"', '"0" constant="false"'
        ),
        "compartment 'c' has the size 0",
    ),
    "wide formula in a submodel": (
        lambda: ruled(apply("plus", *[ci("a")] * 400), "a").replace(
            "<sbml ", '<sbml xmlns:k="http://www.sbml.org/sbml/level3/version1/comp/version1" k:required="true" '
        ),
        "a formula has more than 300 terms side by side",
    ),
    "duplicate parameters": (lambda: model(parameters=parameter("x") * 2), "x"),
    "one id for two kinds": (lambda: model(pools=species("x"), parameters=parameter("x")), "x"),
    "two rules": (lambda: model(parameters=parameter("x"), rules=assignment("x", cn("1")) * 2), "x"),
    "rule of a constant": (lambda: model(parameters=parameter("x", constant="true"), rules=assignment("x", cn("1"))), "x"),
    "wrong number of arguments": (lambda: ruled(apply("divide", *[ci("a")] * 3), "a"), "x.xml"),
}  # fmt: skip
"""What to write into ``x.xml``, and a part of the sentence that must come."""


def functions(count: int, body: str) -> str:
    return "".join(f"function f{i}(x)\n {body.format(f'f{i - 1}') if i else 'x'}\nend\n" for i in range(count))


TEXT_ATTACKS: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "nul": (lambda: "x = \0 1", "refused because it contains a NUL byte"),
    "escape": (lambda: 'x = 1\nx is "\x1b[2Jgone"', "x.ant:2: refused because it contains the control character 27"),
    "not UTF-8": (lambda: b"x = \xff", "not UTF-8 text"),
    "surrogate": (lambda: "x = \ud800", "not UTF-8 text"),
    "import": (lambda: 'import "/etc/passwd"', "'import' is not supported"),
    "too large": (lambda: "x = 1;" + " " * 21_000_000, "refused because it has 21 MB"),
    "nested": (lambda: "x = " + "( " * 100_000 + "1" + " )" * 100_000, "parentheses are nested more than 128 deep"),
    "million terms": (lambda: "x = 1" + " + 1" * 1_000_000, "one statement has more than 1000 operators"),
    "long word": (lambda: "x" * 1_000_000 + " = 1", "a word has more than 10000 characters"),
    "many names": (lambda: "x = " + " ".join(["y"] * 200_000), "x.ant"),
    "two models": (lambda: "model a()\nend\nmodel b()\nend", "a second model in one text is not supported"),
    "undefined": (lambda: "x := absent", "absent"),
    "loop": (lambda: "a := b; b := a", "depend on each other in a circle"),
    "given twice": (lambda: "a = 1; a = 2", "'a' is given twice"),
    "doubling functions": (lambda: functions(30, "{0}(x) + {0}(x)") + "y := f29(1)", "nested too deeply"),
    "chain of functions": (lambda: functions(300, "{0}(x)") + "y := f299(1)", "formulas build on one another"),
    "chain of rules": (
        lambda: "y0 := time;" + "".join(f"y{i} := y{i - 1} + 1;" for i in range(1, 400)),
        "formulas build on one another",
    ),
    "infinite": (lambda: "species S; S = inf; S -> ; S", "the initial value of species 'S' is inf"),
    "overflow": (lambda: "x = 1e400", "x.ant:1: 1e400 is too large for a number"),
    "grouped digits": (lambda: "a = 1;\nx = 1_000", "x.ant:2: '1_000' is no number; write a space before a unit"),
    "Fortran": (lambda: "x := time*1d5", "x.ant:1: '1d5' is no number; write a space before a unit"),
    "empty compartment": (lambda: "compartment c = 0; species S in c; S = 1; S -> ; c*S", "compartment 'c' has the size 0"),
    "binary": (lambda: bytes(range(128, 256)) * 100, "not UTF-8 text"),
}  # fmt: skip
"""What to write into ``x.ant``, and a part of the sentence that must come."""
