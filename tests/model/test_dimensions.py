import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.errors import UnitError
from hepatica.model.dimensions import DIMENSIONLESS, parse_unit
from hepatica.sbml.units import from_kind, from_parts, readable, to_parts, unit_id

TEXTS = (
    "nM",
    "uM",
    "1/(nM*min)",
    "nM/min",
    "1/min",
    "1/nM^2/h",
    "litre",
    "mm^3",
    "mm^2",
    "um^2",
    "nmol/min",
    "cells",
    "cells/mm^3",
    "count",
    "pg/cells",
    "kDa",
    "dimensionless",
    "",
    "day",
    "1/s",
    "mM/h",
    "mol/(litre*day)",
    "mg",
    "kelvin",
    "J/(mol*K)",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_unit_survives_its_text_and_its_sbml_parts(text):
    unit = parse_unit(text)
    if not unit.text[0].isdigit() or unit.text[:2] == "1/":
        assert parse_unit(unit.text).same(unit)
    assert from_parts(to_parts(text)).same(parse_unit(text.replace("cells", "count")))


@pytest.mark.parametrize(
    "text", ["nM", "1/(nM*min)", "nM/min", "litre", "mm^3", "nmol/min", "1/min", "dimensionless", "day"]
)
def test_readable_texts_are_the_ones_we_write(text):
    assert parse_unit(text).text == text.replace("mm^3", "mm^3")


@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS))
def test_products_and_quotients_undo_each_other(a, b):
    left, right = parse_unit(a), parse_unit(b)
    assert left.times(right).times(right, -1).same(left)
    assert left.times(left, -1).same(DIMENSIONLESS)
    assert left.power(2).same(left.times(left))


def test_scale_counts():
    assert not parse_unit("nM").same(parse_unit("uM"))
    assert parse_unit("nmol/litre").same(parse_unit("nM"))
    assert parse_unit("OD").same(DIMENSIONLESS)
    assert not parse_unit("cells").same(DIMENSIONLESS)


def test_unknown_units_are_named():
    with pytest.raises(UnitError, match=r"'furlung'"):
        parse_unit("furlung")


def test_sbml_kinds_and_ids():
    assert from_kind("avogadro").factor == pytest.approx(6.022e23, rel=1e-3)
    assert from_kind("celsius") is None
    assert from_kind("hertz").same(parse_unit("1/s"))
    assert [unit_id(t) for t in ("1/(nM*min)", "nM/min", "mm^3", "%", "nM^-1")] == [
        "per_nM_min",
        "nM_per_min",
        "mm3",
        "percent",
        "nM_minus_1",
    ]


def test_a_hint_is_taken_only_when_it_means_the_same():
    assert readable(parse_unit("nM"), "nmol/litre") == "nmol/litre"
    assert readable(parse_unit("nM"), "uM") == "nM"
    assert readable(parse_unit("nM"), "no unit at all") == "nM"
    assert readable(DIMENSIONLESS, "fold") == "fold"
