import math
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.errors import FormatError, ModelError, UnsupportedError
from hepatica.model import TIME, Apply, Number, Symbol, to_infix
from hepatica.sbml import read_antimony
from hepatica.sbml.mathml import AVOGADRO, read_mathml, to_mathml

UNARY = (
    "neg",
    "exp",
    "ln",
    "sqrt",
    "abs",
    "floor",
    "ceil",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "not",
)
BINARY = ("-", "/", "pow", "lt", "le", "gt", "ge", "eq", "ne")
MANY = ("+", "*", "and", "or", "min", "max")

numbers = st.floats(0, 1e6, allow_nan=False, allow_subnormal=False).map(lambda v: Number(float(f"{v:.12g}")))
leaves = st.one_of(numbers, st.sampled_from([Symbol("a"), Symbol("b"), TIME]))


def applied(inner):
    return st.one_of(
        st.builds(lambda o, x: Apply(o, (x,)), st.sampled_from(UNARY), inner),
        st.builds(lambda o, x, y: Apply(o, (x, y)), st.sampled_from(BINARY), inner, inner),
        st.builds(lambda o, x: Apply(o, tuple(x)), st.sampled_from(MANY), st.lists(inner, min_size=2, max_size=4)),
        st.builds(lambda x: Apply("piecewise", tuple(x)), st.lists(inner, min_size=3, max_size=3)),
    )


def flat(node):
    """Sums in a sum's first place are one sum: what the reader gives."""
    if not isinstance(node, Apply):
        return node
    arguments = tuple(flat(a) for a in node.arguments)
    first = arguments[0] if arguments else None
    if node.operator in {"+", "*", "and", "or"} and isinstance(first, Apply) and first.operator == node.operator:
        arguments = first.arguments + arguments[1:]
    return Apply(node.operator, arguments)


expressions = st.recursive(leaves, applied, max_leaves=12).map(flat)


@given(expressions)
@settings(max_examples=150, deadline=None)
def test_round_trip_through_mathml(expression):
    assert read_mathml(ElementTree.tostring(to_mathml(expression), encoding="unicode")) == expression


def evaluate(node, values):
    """A plain evaluator, independent of the compiler; NaN where the mathematics has no answer."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Symbol):
        return values[node.name]
    x = [evaluate(a, values) for a in node.arguments]
    try:
        match node.operator:
            case "time":
                return values["time"]
            case "+":
                return math.fsum(x)
            case "*":
                return math.prod(x)
            case "-":
                return x[0] - x[1]
            case "/":
                return x[0] / x[1]
            case "neg":
                return -x[0]
            case "pow":
                out = x[0] ** x[1]
                return out if isinstance(out, float) else math.nan
            case "ln":
                return math.log(x[0])
            case "abs":
                return abs(x[0])
            case "min" | "max":
                return (min if node.operator == "min" else max)(x)
            case "lt" | "le" | "gt" | "ge" | "eq" | "ne":
                signs = {
                    "lt": x[0] < x[1],
                    "le": x[0] <= x[1],
                    "gt": x[0] > x[1],
                    "ge": x[0] >= x[1],
                    "eq": x[0] == x[1],
                }
                return float(signs.get(node.operator, x[0] != x[1]))
            case "and":
                return float(all(x))
            case "or":
                return float(any(x))
            case "not":
                return float(not x[0])
            case "piecewise":
                return x[0] if x[1] else x[2] if len(x) > 2 else math.nan
            case "factorial":
                return math.gamma(x[0] + 1.0)
            case other:
                return float(getattr(math, other)(x[0]))
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


@given(expressions, st.floats(0.1, 3), st.floats(0.1, 3))
@settings(max_examples=60, deadline=None)
def test_infix_means_the_same_to_antimony(expression, a, b):
    values = {"a": a, "b": b, "time": 1.5}
    model = read_antimony(text=f"a = 1; b = 2; y := {to_infix(expression)};")
    expected, got = evaluate(expression, values), evaluate(model.rules[0].expression, values)
    assert math.isnan(expected) or got == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def math_of(text):
    return read_mathml(f'<math xmlns="http://www.w3.org/1998/Math/MathML">{text}</math>')


def value_of(text):
    return evaluate(math_of(text), {"x": 0.4, "time": 2.0})


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("sec", 1 / math.cos(0.4)),
        ("csc", 1 / math.sin(0.4)),
        ("cot", 1 / math.tan(0.4)),
        ("sech", 1 / math.cosh(0.4)),
        ("csch", 1 / math.sinh(0.4)),
        ("coth", 1 / math.tanh(0.4)),
        ("arcsinh", math.asinh(0.4)),
        ("arctanh", math.atanh(0.4)),
        ("arccot", math.atan(1 / 0.4)),
        ("arccsch", math.asinh(1 / 0.4)),
        ("arcsech", math.acosh(1 / 0.4)),
        ("log", math.log10(0.4)),
        ("root", 0.4**0.5),
    ],
)
def test_further_functions_are_unfolded(tag, value):
    assert value_of(f"<apply><{tag}/><ci>x</ci></apply>") == pytest.approx(value)


def test_inverse_functions_beyond_one():
    assert value_of("<apply><arccosh/><cn>3</cn></apply>") == pytest.approx(math.acosh(3))
    assert value_of("<apply><arcsec/><cn>3</cn></apply>") == pytest.approx(math.acos(1 / 3))
    assert value_of("<apply><arccsc/><cn>3</cn></apply>") == pytest.approx(math.asin(1 / 3))
    assert value_of("<apply><arccoth/><cn>3</cn></apply>") == pytest.approx(math.atanh(1 / 3))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<apply><quotient/><cn>-7</cn><cn>2</cn></apply>", -3.0),
        ("<apply><rem/><cn>-7</cn><cn>2</cn></apply>", -1.0),
        ("<apply><xor/><true/><false/></apply>", 1.0),
        ("<apply><xor/><true/><true/></apply>", 0.0),
        ("<apply><xor/></apply>", 0.0),
        ("<apply><implies/><true/><false/></apply>", 0.0),
        ("<apply><lt/><cn>1</cn><cn>2</cn><cn>3</cn></apply>", 1.0),
        ("<apply><lt/><cn>1</cn><cn>3</cn><cn>2</cn></apply>", 0.0),
        ("<apply><plus/></apply>", 0.0),
        ("<apply><times/><ci>x</ci></apply>", 0.4),
        ("<apply><root/><degree><cn>3</cn></degree><cn>8</cn></apply>", 2.0),
        ("<apply><log/><logbase><cn>2</cn></logbase><cn>8</cn></apply>", 3.0),
        ("<apply><log/><logbase><ci>x</ci></logbase><cn>0.16</cn></apply>", 2.0),
        ("<piecewise><otherwise><cn>3</cn></otherwise></piecewise>", 3.0),
        ('<cn type="e-notation">1.5<sep/>-3</cn>', 1.5e-3),
        ('<cn type="rational">1<sep/>4</cn>', 0.25),
        ("<apply><factorial/><cn>5</cn></apply>", 120.0),
        ("<infinity/>", math.inf),
        ("<apply><minus/><infinity/></apply>", -math.inf),
        ("<pi/>", math.pi),
        ("<exponentiale/>", math.e),
        ('<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/avogadro">N</csymbol>', AVOGADRO),
        ('<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>', 2.0),
    ],
)
def test_values(text, value):
    assert value_of(text) == pytest.approx(value)


def test_what_has_no_value_is_not_a_number():
    assert math.isnan(value_of("<notanumber/>"))
    assert math.isnan(value_of("<piecewise><piece><cn>3</cn><false/></piece></piecewise>"))
    assert value_of("<piecewise><piece><cn>3</cn><true/></piece></piecewise>") == 3.0


SYMBOL = '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/{0}">{0}</csymbol>{1}</apply>'


@pytest.mark.parametrize(
    "expression",
    [
        Apply("delay", (Apply("*", (Symbol("a"), TIME)), Number(2.5))),
        Apply("rateOf", (Symbol("a"),)),
        Apply("factorial", (Symbol("a"),)),
        Apply("piecewise", (Symbol("a"), Apply("lt", (TIME, Number(1.0))))),
        Apply("piecewise", (Number(1.0), Symbol("a"), Number(2.0), Symbol("b"), Number(3.0))),
        Number(math.inf),
        Apply("neg", (Number(math.inf),)),
        Number(math.nan),
    ],
)
def test_what_looks_back_or_beyond_makes_the_round_trip(expression):
    assert repr(read_mathml(ElementTree.tostring(to_mathml(expression), encoding="unicode"))) == repr(expression)


def test_long_sums_stay_flat():
    terms = "".join(f"<cn>{i}</cn>" for i in range(500))
    assert len(math_of(f"<apply><plus/>{terms}</apply>").arguments) == 500


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("<apply><factorial/><cn>3</cn><cn>4</cn></apply>", ModelError, "MathML: 'factorial' is given 2 arguments."),
        ("<apply><ci>f</ci><cn>3</cn></apply>", ModelError, "MathML: no function 'f'."),
        ("<apply><divide/><cn>3</cn></apply>", ModelError, "MathML: 'divide' is given 1 arguments."),
        (SYMBOL.format("delay", "<ci>x</ci>"), ModelError, "MathML: 'delay' is given 1 arguments."),
        (SYMBOL.format("normal", "<ci>x</ci>"), UnsupportedError, "MathML: 'normal' is not supported."),
    ],
)
def test_refusals(text, kind, message):
    with pytest.raises(kind) as error:
        math_of(text)
    assert str(error.value) == message


def test_text_that_is_no_mathml():
    with pytest.raises(FormatError, match="the MathML cannot be read"):
        read_mathml("nonsense")


@pytest.mark.parametrize(
    ("mantissa", "exponent", "value"),
    [("1.1", "-5", 1.1e-5), ("1e-320", "3", 1e-317), ("123456789012345678901234", "2", 1.23456789012345678901234e25)],
)
def test_numbers_with_an_exponent_are_rounded_once(mantissa, exponent, value):
    number = f'<cn type="e-notation">{mantissa}<sep/>{exponent}</cn>'
    assert read_mathml(f'<math xmlns="http://www.w3.org/1998/Math/MathML">{number}</math>') == Number(value)
