import pytest

from hepatica.model import TIME, Apply, Number, Symbol, substitute, symbols, to_infix, uses_time, walk

A, B, C = Symbol("a"), Symbol("b"), Symbol("c")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Apply("*", (A, Apply("+", (B, Number(1.0))))), "a*(b + 1)"),
        (Apply("-", (A, Apply("-", (B, C)))), "a - (b - c)"),
        (Apply("/", (A, Apply("*", (B, C)))), "a/(b*c)"),
        (Apply("pow", (Apply("pow", (A, B)), C)), "(a^b)^c"),
        (Apply("pow", (Apply("neg", (A,)), Number(2.0))), "(-a)^2"),
        (Apply("neg", (Apply("pow", (A, Number(2.0))),)), "-a^2"),
        (Apply("*", (A, Number(-2.5))), "a*(-2.5)"),
        (Apply("and", (Apply("lt", (A, B)), Apply("not", (C,)))), "a < b && !(c)"),
        (Apply("le", (Apply("lt", (A, B)), C)), "piecewise(1, a < b, 0) <= c"),
        (Apply("piecewise", (A, Apply("gt", (TIME, B)), C)), "piecewise(a, time > b, c)"),
        (Apply("max", (A, Number(1e-30))), "max(a, 1e-30)"),
    ],
)
def test_infix(expression, text):
    assert to_infix(expression) == text


def test_infix_renames():
    assert to_infix(Apply("+", (A, B)), str.upper) == "A + B"


def test_reading_trees():
    tree = Apply("+", (A, Apply("*", (B, TIME)), Number(2.0)))
    assert symbols(tree) == {"a", "b"}
    assert uses_time(tree)
    assert not uses_time(A)
    assert [type(n).__name__ for n in walk(tree)] == ["Apply", "Symbol", "Apply", "Symbol", "Apply", "Number"]
    assert substitute(tree, {"a": B, "b": Number(3.0)}) == Apply("+", (B, Apply("*", (Number(3.0), TIME)), Number(2.0)))
