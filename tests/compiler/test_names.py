"""What each name of a model is to the solver."""

from dataclasses import replace

import pytest

from hepatica.compiler.names import CLOCK, Names
from hepatica.errors import ModelError
from hepatica.sbml import read_antimony


def names(text: str) -> Names:
    return Names(read_antimony(text=text))


def test_species_of_reactions_rate_rules_and_what_events_change_are_states() -> None:
    found = names(
        "species A, B, $C, D; A = 1; B = 0; C = 2; D = 3; R: A -> B; C*A; k = 1; q = 2; x = 0; x' = k; E: at (A < 0.5): q = 3, D = 1;"
    )
    assert found.states == ["A", "B", "x", "q", "D"]
    assert list(found.values()) == ["default_compartment", "k", "C", "q", "x", "A", "B", "D"]


def test_algebraic_variables_come_last() -> None:
    found = names("x = 1; x' = -x; y = 1; z = 1; 0 = y + z - x; 0 = y - z; E: at (x < 0.5): k = 1; k = 0;")
    assert found.states == ["x", "k", "y", "z"]
    assert found.differential == ["x", "k"]


def test_an_algebraic_rule_leaves_what_events_change_to_the_events() -> None:
    found = names("a = 1; b = 2; x = 1; x' = -x; 0 = a + b - x; E: at (x < 0.5): a = 2;")
    assert list(found.algebraic) == ["b"]


def test_rules_find_their_variables_in_a_roundabout_way() -> None:
    found = names("a = 1; b = 1; c = 1; x = 1; x' = -x; 0 = a + b + c - x; 0 = a - 2*x; 0 = a + b - 3*x;")
    assert set(found.algebraic) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("x = 1; x' = time;", True),
        ("x = 1; x' = -x; y := time;", True),
        ("x = 1; x' = -delay(x, 1);", True),
        ("x = 1; x' = -x; E: at (time > 1): x = 2;", True),
        ("x = 1; x' = -x; E: at (x < 0.5): x = time;", True),
        ("x = 1; x' = -x; E: at (x < 0.5), priority = time: x = 1;", True),
        ("x = 1; x' = -x; E: at time after (x < 0.5): x = 1;", True),
        ("x = 1; x' = -x; E: at (x < 0.5): x = 1;", False),
        ("x = 1;", True),
    ],
)
def test_a_clock_runs_where_time_is_named_or_nothing_else_moves(text: str, clock: bool) -> None:
    assert (CLOCK in names(text).states) == clock


def test_concentrations_are_kept_as_amounts_where_the_compartment_changes() -> None:
    text = "compartment c = 1, d = 1; species A in c, B in d; A = 1; B = 1; A -> B; A; c' = 1;"
    found = names(text)
    assert [found.by_amount(name) for name in ("A", "B", "c")] == [True, False, False]
    assert "A" in found.states


def test_initial_values_in_the_unit_of_formulas() -> None:
    found = names("compartment c = 4; species A in c; substanceOnly species B in c; A = 8; B = 8; A -> B; A;")
    assert found.initial_value("A") == 8.0
    assert found.initial_value("B") == 8.0
    assert found.initial_value("c") == 4.0


def test_a_fast_reaction_is_noticed() -> None:
    assert not names("species A; A = 1; A -> ; A;").fast


def test_two_rules_for_one_variable_are_one_too_many() -> None:
    model = read_antimony(text="x = 1; x' = -x; y = 1; 0 = y - x;")
    twice = replace(model, rules=(*model.rules, model.rules[-1]))
    with pytest.raises(ModelError, match=r"algebraic rule 2 of model '.*' determines no variable"):
        Names(twice)
