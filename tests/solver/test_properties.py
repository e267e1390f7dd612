"""What holds for every network: nothing is lost, and neither the unit of time nor that of amounts matters."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.compiler import Kernel, compile_model
from hepatica.model import Apply, Compartment, Model, Number, Parameter, Reaction, Species, Symbol, moieties
from hepatica.solver import Status, Tolerances

from .runs import follow

SPECIES = tuple("ABCDE")
AT = np.array([0.1, 1.0, 10.0, 100.0])
SLACK = Tolerances(rtol=1e-6)


@dataclass(frozen=True)
class Step:
    """A reaction of mass action: what goes in, what comes out, and its constant."""

    reactants: tuple[str, ...]
    products: tuple[str, ...]
    constant: float


sides = st.lists(st.sampled_from(SPECIES), min_size=1, max_size=2).map(lambda side: tuple(sorted(side)))
steps = st.builds(Step, sides, sides, st.floats(-2.0, 3.0).map(lambda x: 10.0**x)).filter(
    lambda s: s.reactants != s.products and len(s.products) <= len(s.reactants)  # nothing grows without end
)
networks = st.lists(steps, min_size=2, max_size=7)
starts = st.lists(st.sampled_from([0.0, 0.3, 1.0, 5.0, 40.0]), min_size=len(SPECIES), max_size=len(SPECIES)).filter(any)


def network(steps: list[Step], start: list[float], amount: float = 1.0, time: float = 1.0) -> Model:
    """Write a network with all amounts times a factor, and all times."""
    pairs = [Reaction(
        id=f"r{i}", reactants=tuple((n, float(s.reactants.count(n))) for n in dict.fromkeys(s.reactants)),
        products=tuple((n, float(s.products.count(n))) for n in dict.fromkeys(s.products)),
        rate=Apply("*", (Symbol(f"k{i}"), *(Apply("pow", (Symbol(n), Number(1.0))) for n in s.reactants))),
    ) for i, s in enumerate(steps)]  # fmt: skip
    return Model(
        id="network", compartments=(Compartment(id="c", size=1.0),),
        species=tuple(Species(id=n, compartment="c", initial=x * amount) for n, x in zip(SPECIES, start, strict=True)),
        parameters=tuple(
            Parameter(id=f"k{i}", value=s.constant / time * amount ** (1 - len(s.reactants))) for i, s in enumerate(steps)
        ),
        reactions=tuple(pairs),
    )  # fmt: skip


def compiled(model: Model) -> Kernel:
    return compile_model(model, SPECIES, cached=False)


@given(networks, starts)
@settings(max_examples=30)
def test_moieties_are_conserved(steps: list[Step], start: list[float]) -> None:
    model = network(steps, start)
    run = follow(compiled(model), AT, tolerances=SLACK)
    assert run.status == Status.OK
    for moiety in moieties(model):
        weights = dict(moiety.terms)
        total = sum(weights[n] * run[n] for n in weights)
        first = sum(weights[n] * start[SPECIES.index(n)] for n in weights)
        size = sum(abs(weights[n]) * np.abs(run[n]) for n in weights)
        assert (np.abs(total - first) <= 1e-9 * np.maximum(size, abs(first))).all()


@given(networks, starts)
@settings(max_examples=15)
def test_concentrations_stay_above_zero_within_the_tolerance(steps: list[Step], start: list[float]) -> None:
    run = follow(compiled(network(steps, start)), AT, tolerances=SLACK)
    lowest = min(run[n].min() for n in SPECIES)
    assert lowest >= -1e-5 * max(start)


@given(networks, starts, st.integers(-30, 30))
@settings(max_examples=15)
def test_the_unit_of_amounts_does_not_matter(steps: list[Step], start: list[float], power: int) -> None:
    factor = 2.0**power
    plain, scaled = (follow(compiled(network(steps, start, amount=f)), AT, tolerances=SLACK) for f in (1.0, factor))
    for n in SPECIES:
        np.testing.assert_allclose(scaled[n] / factor, plain[n], rtol=1e-4, atol=1e-6 * max(start))


@given(networks, starts, st.integers(-12, 12))
@settings(max_examples=15)
def test_the_unit_of_time_does_not_matter(steps: list[Step], start: list[float], power: int) -> None:
    factor = 2.0**power
    plain = follow(compiled(network(steps, start)), AT, tolerances=SLACK)
    scaled = follow(compiled(network(steps, start, time=factor)), AT * factor, tolerances=SLACK)
    for n in SPECIES:
        np.testing.assert_allclose(scaled[n], plain[n], rtol=1e-4, atol=1e-6 * max(start))


@given(networks, starts)
@settings(max_examples=15)
def test_the_order_of_species_and_reactions_does_not_matter(steps: list[Step], start: list[float]) -> None:
    model = network(steps, start)
    other = replace(
        model, species=model.species[::-1], reactions=model.reactions[::-1], parameters=model.parameters[::-1]
    )
    plain, mixed = (follow(compiled(m), AT, tolerances=SLACK) for m in (model, other))
    for n in SPECIES:
        np.testing.assert_allclose(mixed[n], plain[n], rtol=1e-4, atol=1e-6 * max(start))
