"""Quantities with units."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.errors import UnitError
from hepatica.units import check_unit, convert, quantity, registry


@pytest.mark.parametrize(
    ("text", "to", "expected"),
    [
        ("10 uM", "nM", 10_000.0),
        ("10uM", "nM", 10_000.0),
        ("5 µM", "nM", 5_000.0),
        ("72 h", "min", 4_320.0),
        ("3 d", "h", 72.0),
        ("0 min", "min", 0.0),
        ("-2 uM", "uM", -2.0),
        ("1e-3 mM", "uM", 1.0),
        (".5 h", "min", 30.0),
        ("10 %", "", 0.1),
        ("0.25", "", 0.25),
        ("2 fold", "dimensionless", 2.0),
        ("0.1/day", "1/h", 0.1 / 24),
        ("30 mg/kg/d", "g/kg/day", 0.03),
        ("1 1/(nM*min)", "1/(uM*min)", 1000.0),
        ("4 mm^3", "mm**3", 4.0),
        ("6 cells/well", "cells/well", 6.0),
        ("2 nM^-1*min^(-1)", "1/nM/min", 2.0),
        ("9 nM^0.5", "nM**0.5", 9.0),
        ("7 m^0", "", 7.0),
    ],
)
def test_quantity_converts(text, to, expected):
    assert quantity(text, to) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "to", "message"),
    [
        ("10", "nM", r"'10' has no unit; expected one that converts to 'nM', such as '10 nM'\."),
        ("10 min", "nM", r"'10 min' has the wrong unit; expected one that converts to 'nM'\."),
        ("10 min", "", r"'10 min' has the wrong unit; expected one that converts to a plain number\."),
        ("10 uMM", "nM", r"in '10 uMM': the unit 'uMM' is unknown\. Did you mean 'uM'\?"),
        ("ten uM", "nM", r"'ten uM' is not a quantity; expected a number and a unit, such as '10 nM'\."),
        ("", "", r"'' is not a quantity; expected a number and a unit, such as '10 uM'\."),
        ("nan uM", "nM", r"'nan uM' is not a quantity"),
        ("1e999 uM", "nM", r"'1e999 uM' is not a quantity"),
        ("1.2.3 uM", "nM", r"'1.2.3 uM' is not a quantity"),
        (
            "10 uM; x",
            "nM",
            r"in '10 uM; x': 'uM; x' is not a unit; expected one such as 'uM', '1/min' or 'mg/kg/day'\.",
        ),
        ("37 degC", "kelvin", r"in '37 degC': 'degC' to 'kelvin' is not a factor; use units that start at zero"),
    ],
)
def test_quantity_says_what_is_wrong(text, to, message):
    with pytest.raises(UnitError, match=f"^{message}"):
        quantity(text, to)


def test_quantity_refuses_bare_numbers():
    with pytest.raises(
        UnitError, match=r"^10 has no unit; expected text with a unit that converts to 'nM', such as '1 nM'\.$"
    ):
        quantity(10, "nM")


@pytest.mark.parametrize(
    "text",
    [
        "(",
        "(m",
        "m)",
        "()",
        "*m",
        "m*",
        "m//s",
        "m***2",
        "m**2**3",
        "^2",
        "2",
        "99**9",
        "m**999",
        "m^x",
        "m#",
        "m" * 101,
    ],
)
def test_what_is_not_a_unit_is_refused(text):
    with pytest.raises(UnitError, match="is not a unit"):
        check_unit(text)


def test_a_unit_is_never_evaluated():
    with pytest.raises(UnitError, match=r"the unit '__import__' is unknown\."):
        check_unit("__import__(os)")


@pytest.mark.parametrize("unit", ["", "uM", "((nM))", "cells", "OD", "AU", "IU/mL", "fold", "wells", "%"])
def test_known_units(unit):
    check_unit(unit)


def test_prefix_that_pint_refuses_is_unknown():
    with pytest.raises(UnitError, match=r"the unit 'cdegC' is unknown\."):
        check_unit("cdegC")


def test_convert():
    assert convert(10.0, "uM", "nM") == 10_000.0
    assert convert(1.0, "nM", "uM") == 0.001
    assert convert(3.0, "made up", "made up") == 3.0
    assert convert(5.0, "", "dimensionless") == 5.0


def test_convert_between_dimensions():
    with pytest.raises(UnitError, match=r"^'2 uM' cannot be given in 'min': the dimensions differ\.$"):
        convert(2.0, "uM", "min")
    with pytest.raises(UnitError, match=r"^'2' cannot be given in 'min': the dimensions differ\.$"):
        convert(2.0, "", "min")
    with pytest.raises(UnitError, match="cannot be given in 'kelvin/m'"):
        convert(2.0, "degC/m", "kelvin/m")


def test_one_registry():
    assert registry() is registry()


@given(
    st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-200),
    st.sampled_from(["pM", "nM", "uM", "mM"]),
    st.sampled_from(["pM", "nM", "uM", "mM"]),
)
def test_there_and_back(value, unit, to):
    assert math.isclose(convert(convert(value, unit, to), to, unit), value, rel_tol=1e-14)


@given(st.text(alphabet="munM1%*/()^ -2.x_", max_size=12))
def test_any_text_is_a_unit_or_a_unit_error(text):
    try:
        check_unit(text)
    except UnitError as error:
        said = str(error)
    else:
        said = text
    assert text in said or "unknown" in said
