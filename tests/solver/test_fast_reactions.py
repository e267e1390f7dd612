"""Fast reactions are at rest at all times, and what they cannot change moves as the slow ones say."""

from dataclasses import replace

import numpy as np
import pytest

from hepatica.compiler import compile_model
from hepatica.model import Model
from hepatica.sbml import read_antimony

from .runs import Run, follow


def fast(text: str, *names: str) -> Model:
    """Read Antimony, and make some reactions fast, for which it has no word."""
    model = read_antimony(text=text)
    reactions = tuple(replace(r, fast=r.id in names) for r in model.reactions)
    assert {r.id for r in reactions if r.fast} == set(names)
    return replace(model, reactions=reactions)


def run(model: Model, at: list[float], observables: str) -> Run:
    return follow(compile_model(model, observables.split(), cached=False), at)


HALVES = "A = 9; B = 0; F: A -> B; kf*A - kr*B; kf = 4; kr = 2; "
AT = [0.0, 0.5, 2.0]


def test_an_exchange_is_at_rest_from_the_start() -> None:
    """B drains at 0.6: two thirds of the pool are B, so that the pool decays at 0.4."""
    got = run(fast(HALVES + "species A, B, C; C = 0; S: B -> C; 0.6*B;", "F"), AT, "A B C")
    pool = 9.0 * np.exp(-0.4 * np.array(AT))
    np.testing.assert_allclose(got["A"], pool / 3.0, rtol=1e-6)
    np.testing.assert_allclose(got["B"], 2.0 * pool / 3.0, rtol=1e-6)
    np.testing.assert_allclose(got["C"], 9.0 - pool, rtol=1e-6, atol=1e-6)


def test_a_chain_of_fast_reactions() -> None:
    text = "species A, B, C, D; A = 7; B = 0; C = 0; D = 0; F: A -> B; 3*(A*2 - B); G: B -> C; 5*(B*2 - C); S: C -> D; 0.7*C;"
    got = run(fast(text, "F", "G"), AT, "A B C D")
    pool = 7.0 * np.exp(-0.4 * np.array(AT))
    for name, share in (("A", 1.0), ("B", 2.0), ("C", 4.0)):
        np.testing.assert_allclose(got[name], share * pool / 7.0, rtol=1e-6)
    np.testing.assert_allclose(got["D"], 7.0 - pool, rtol=1e-6, atol=1e-6)


def test_binding_that_rests_with_two_conserved_sums() -> None:
    """``A + B <-> C`` with K = 2: a quadratic; A is made slowly."""
    text = "species A, B, C; A = 3; B = 2; C = 1; F: A + B -> C; 10*(A*B - 2*C); S: -> A; 0.5;"
    got = run(fast(text, "F"), at := [0.0, 4.0], "A B C")
    bound, free = 3.0, 4.0 + 0.5 * np.array(at)
    b = bound + free + 2.0
    np.testing.assert_allclose(got["C"], (b - np.sqrt(b * b - 4 * bound * free)) / 2.0, rtol=1e-6)
    np.testing.assert_allclose(got["B"] + got["C"], 3.0, rtol=1e-9)
    np.testing.assert_allclose(got["A"] + got["C"], free, rtol=1e-7)


def test_two_fast_reactions_between_the_same_species() -> None:
    """Their sum rests, not each of them: 3 A - B plus A - 3 B."""
    text = "species A, B, C; A = 4; B = 0; C = 0; F: A -> B; 3*A - B; G: A -> B; A - 3*B; S: B -> C; 0.2*B;"
    got = run(fast(text, "F", "G"), AT, "A B")
    half = 2.0 * np.exp(-0.1 * np.array(AT))
    np.testing.assert_allclose(got["A"], half, rtol=1e-6)
    np.testing.assert_allclose(got["B"], half, rtol=1e-6)


def test_a_circle_of_three() -> None:
    text = "species A, B, C; A = 6; B = 0; C = 0; F: A -> B; A - B; G: B -> C; 2*B - C; H: C -> A; C - 2*A;"
    got = run(fast(text, "F", "G", "H"), AT, "A B C")
    for name, value in (("A", 1.5), ("B", 1.5), ("C", 3.0)):
        np.testing.assert_allclose(got[name], value, rtol=1e-7)


def test_a_fast_reaction_that_is_switched_off_leaves_things_as_they_are() -> None:
    text = "species A, B, C; A = 9; B = 1; C = 0; on = 0; F: A -> B; on*(A - B); S: B -> C; 0.5*B; E: at (time >= 1): on = 1;"
    got = run(fast(text, "F"), at := [0.5, 1.0, 3.0], "A B")
    pool = 9.0 + np.exp(-0.5)
    late = pool * np.exp(-0.25 * (np.array(at) - 1.0)) / 2.0
    np.testing.assert_allclose(got["A"], [9.0, late[1], late[2]], rtol=1e-6)
    np.testing.assert_allclose(got["B"], [np.exp(-0.25), late[1], late[2]], rtol=1e-6)


def test_an_event_disturbs_the_rest_and_it_comes_back_at_once() -> None:
    got = run(fast(HALVES + "species A, B; E: at (time >= 1): A = A + 6;", "F"), [0.5, 1.0, 2.0], "A B")
    np.testing.assert_allclose(got["A"], [3.0, 5.0, 5.0], rtol=1e-8)
    np.testing.assert_allclose(got["B"], [6.0, 10.0, 10.0], rtol=1e-8)


def test_the_amounts_of_two_compartments_are_kept() -> None:
    """Concentrations become equal: the amounts are as the sizes."""
    text = "compartment c = 1, d = 4; species A in c, B in d, C in d; A = 10; B = 0; C = 0; F: A -> B; A - B; S: B -> C; 0.5*d*B;"
    got = run(fast(text, "F"), AT, "A B C")
    level = 2.0 * np.exp(-0.4 * np.array(AT))
    np.testing.assert_allclose(got["A"], level, rtol=1e-6)
    np.testing.assert_allclose(got["B"], level, rtol=1e-6)
    np.testing.assert_allclose(got["A"] + 4 * (got["B"] + got["C"]), 10.0, rtol=1e-9)


@pytest.mark.parametrize("start", [1.0, 6.0, 0.0])
def test_a_species_at_the_boundary_holds_the_other(start: float) -> None:
    text = f"species $A, B, C; A = 3; B = {start}; C = 0; F: A -> B; 2*A - B; S: B -> C; 0.1*B;"
    got = run(fast(text, "F"), AT, "A B C")
    np.testing.assert_allclose(got["B"], 6.0, rtol=1e-7)
    np.testing.assert_allclose(got["C"], 0.6 * np.array(AT), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("draws", [1, 20])
def test_each_draw_rests_where_its_parameters_say(draws: int) -> None:
    kernel = compile_model(fast(HALVES + "species A, B;", "F"), ["A", "B"], cached=False)
    base = np.tile(kernel.p0, (draws, 1))
    ratio = np.geomspace(0.01, 100.0, draws)
    base[:, kernel.parameter_index("kf")] = 2.0 * ratio
    values = follow(kernel, [1.0], draws=base).trajectories.values[:, 0]
    np.testing.assert_allclose(values[:, 1] / values[:, 0], ratio, rtol=1e-6)
    np.testing.assert_allclose(values.sum(axis=1), 9.0, rtol=1e-9)
