import json
import math
import struct
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.errors import FormatError
from hepatica.library import load_model
from hepatica.model import (
    Apply,
    Compartment,
    InitialAssignment,
    Model,
    Number,
    Parameter,
    Prior,
    Reaction,
    Rule,
    Species,
    Symbol,
)
from hepatica.model.codec import _classes, from_json, to_json
from hepatica.model.expression import OPERATORS

names = st.text(min_size=1, max_size=8)
numbers = st.floats(width=64)
leaves = st.one_of(st.builds(Number, numbers), st.builds(Symbol, names), st.just(Apply("time")))
expressions = st.recursive(
    leaves,
    lambda inner: st.builds(Apply, st.sampled_from(sorted(OPERATORS)), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=20,
)
sides = st.lists(st.tuples(names, numbers), max_size=3).map(tuple)
models = st.builds(
    Model,
    id=names, name=st.text(), units=st.dictionaries(names, names, max_size=3), foreign=st.booleans(),
    compartments=st.lists(st.builds(Compartment, id=names, size=numbers), max_size=2).map(tuple),
    species=st.lists(st.builds(Species, id=names, compartment=names, initial=numbers), max_size=3).map(tuple),
    parameters=st.lists(
        st.builds(
            Parameter, id=names, value=numbers, bounds=st.none() | st.tuples(numbers, numbers),
            prior=st.none() | st.builds(Prior, distribution=st.just("normal"), arguments=st.tuples(numbers, numbers)),
            annotations=st.lists(names, max_size=2).map(tuple),
        ), max_size=3,
    ).map(tuple),
    reactions=st.lists(st.builds(Reaction, id=names, reactants=sides, products=sides, rate=expressions), max_size=3).map(tuple),
    rules=st.lists(
        st.builds(Rule, kind=st.sampled_from(["assignment", "rate"]), variable=names, expression=expressions), max_size=3
    ).map(tuple),
    initial_assignments=st.lists(st.builds(InitialAssignment, symbol=names, expression=expressions), max_size=2).map(tuple),
    origin=st.dictionaries(names, names, max_size=3),
)  # fmt: skip


@given(models)
def test_every_model_comes_back_as_it_was(model):
    back = from_json(to_json(model))
    assert back.digest == model.digest
    assert repr(back) == repr(model)  # equality would not do: nan is not nan


@given(numbers)
def test_every_bit_of_a_number_comes_back(value):
    back = from_json(to_json(Model(id="m", parameters=(Parameter(id="k", value=value),)))).parameters[0].value
    assert math.isnan(value) == math.isnan(back)
    assert math.isnan(value) or struct.pack("<d", back) == struct.pack("<d", value)


def test_zeros_of_both_signs_and_whole_numbers_stay_apart():
    values = (Number(0.0), Number(-0.0), Number(1.0), Number(1))
    rules = tuple(Rule(kind="assignment", variable=f"x{k}", expression=v) for k, v in enumerate(values))
    assert repr(from_json(to_json(Model(id="m", rules=rules))).rules) == repr(rules)


def test_the_library_model_comes_back():
    model = load_model("hcc")
    back = from_json(to_json(model))
    assert repr(back) == repr(model)
    assert back.digest == model.digest
    assert back.origin == model.origin


def test_a_missing_value_is_the_one_that_readers_give():
    model = Model(id="m", parameters=(Parameter(id="k", value=math.nan),))
    assert from_json(to_json(model)) == model


def test_shared_parts_are_written_once():
    expression = Symbol("x")
    for _ in range(100):
        expression = Apply("+", (expression, expression))
    model = Model(id="m", rules=(Rule(kind="assignment", variable="y", expression=expression),))
    data = to_json(model)
    assert len(data) < 3000
    back = from_json(data).rules[0].expression
    for _ in range(100):
        assert back.arguments[0] is back.arguments[1]
        back = back.arguments[0]
    assert back == Symbol("x")


def test_depth_does_not_matter():
    expression = Symbol("x")
    for _ in range(50_000):
        expression = Apply("neg", (expression,))
    back = from_json(to_json(Model(id="m", rules=(Rule(kind="assignment", variable="y", expression=expression),))))
    node, depth = back.rules[0].expression, 0
    while isinstance(node, Apply):
        node, depth = node.arguments[0], depth + 1
    assert depth == 50_000


def test_every_class_that_a_model_can_hold_is_known():
    held = {type(getattr(Model(id="m"), f.name)).__name__ for f in fields(Model)}
    assert {"Model", "Species", "Parameter", "Prior", "Evidence", "Source", "Reaction", "Rule"} <= set(_classes())
    assert held <= {"str", "tuple", "dict", "bool", "NoneType"}


def test_what_cannot_be_written_or_read_is_refused():
    with pytest.raises(FormatError, match=r"^a object in a model cannot be written as JSON\.$"):
        to_json(replace(Model(id="m"), name=object()))
    good = json.loads(to_json(Model(id="m")))
    for bad in (
        b"",
        b"[]",
        b'{"nodes": [], "model": 3}',
        b'{"nodes": [], "model": ["Popen", "x"]}',
        json.dumps(good["model"]).encode(),
    ):
        with pytest.raises(FormatError, match="this is no model as hepatica writes it"):
            from_json(bad)
    good["model"].pop()
    with pytest.raises(FormatError, match="this is no model as hepatica writes it"):
        from_json(json.dumps(good).encode())
