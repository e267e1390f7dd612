import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.model import Model, Number, Reaction, Rule, Species, moieties


def network(*reactions, **special):
    names = sorted({n for left, right in reactions for n, _ in (*left, *right)})
    return Model(
        id="m",
        species=tuple(Species(id=n, compartment="c", **special.get(n, {})) for n in names),
        reactions=tuple(
            Reaction(id=f"r{i}", reactants=tuple(left), products=tuple(right), rate=Number(1.0))
            for i, (left, right) in enumerate(reactions)
        ),
    )


def test_an_enzyme_and_its_substrate():
    binding = ([("E", 1.0), ("S", 1.0)], [("ES", 1.0)])
    catalysis = ([("ES", 1.0)], [("E", 1.0), ("P", 1.0)])
    assert sorted(map(str, moieties(network(binding, catalysis)))) == ["E + ES", "ES + P + S"]


def test_coefficients_and_open_systems():
    assert [str(m) for m in moieties(network(([("A", 2.0)], [("A2", 1.0)])))] == ["A + 2 A2"]
    assert moieties(network(([], [("A", 1.0)]))) == ()
    assert [str(m) for m in moieties(network(([("A", 1.0), ("B", 1.0)], [])))] == ["A - B"]


def test_what_reactions_do_not_change_is_left_out():
    step = ([("A", 1.0), ("B", 1.0)], [("C", 1.0)])
    assert [str(m) for m in moieties(network(step, B={"boundary": True}))] == ["A + C"]
    model = network(step, A={"constant": True})
    assert [str(m) for m in moieties(model)] == ["B + C"]
    ruled = Model(
        id="m",
        species=(Species(id="A", compartment="c"),),
        rules=(Rule(kind="rate", variable="A", expression=Number(0.0)),),
    )
    assert moieties(ruled) == ()


sides = st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from([1.0, 2.0])), max_size=2, unique_by=lambda p: p[0])


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_they_span_the_left_null_space(reactions):
    model = network(*reactions)
    names = [s.id for s in model.species]
    matrix = np.zeros((len(names), len(reactions)))
    for j, (left, right) in enumerate(reactions):
        for sign, side in ((-1, left), (1, right)):
            for name, n in side:
                matrix[names.index(name), j] += sign * n
    found = np.array([[dict(m.terms).get(n, 0) for n in names] for m in moieties(model)], float)
    assert len(found) == len(names) - (np.linalg.matrix_rank(matrix) if names else 0)
    if len(found):
        assert not (found @ matrix).any()
        assert np.linalg.matrix_rank(found) == len(found)
