"""Parts of the model in words."""

import pytest

from hepatica.library import describe, find, load_model
from hepatica.library.parts import Part, parts_of


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("ppERK", ["ppERK (ERK1/2, two phosphates), species of hcc, nM", "  ERK_phosphorylation_2: pERK -> ppERK"]),
        ("akt_output", ["akt_output, computed quantity of hcc, nM", "  akt_output"]),
        ("RAF_recruitment", ["RAF_recruitment, reaction of hcc", "  RAF -> RAF_membrane"]),
        (
            "cells",
            ["cells (live cells, relative to seeding), state with a rate rule of hcc, dimensionless", "  d cells/dt"],
        ),
    ],
)
def test_a_part_says_where_it_is_written_and_what_makes_it(name: str, lines: list[str]) -> None:
    text = describe(name).splitlines()
    assert text[0] == lines[0]
    assert lines[1] in text
    assert any(line.startswith("  written in library/models/hcc/") for line in text)


def test_the_model_says_how_large_it_is() -> None:
    model = load_model("hcc")
    assert f"  {len(model.reactions)} reactions" in describe("hcc").splitlines()


def test_every_element_has_a_part_with_a_formula() -> None:
    model = load_model("hcc")
    parts = parts_of(model)
    for name in (*(s.id for s in model.species), *(r.id for r in model.reactions), *(r.variable for r in model.rules)):
        assert parts[name].formulas, name
    assert isinstance(find("PIP3"), Part)
