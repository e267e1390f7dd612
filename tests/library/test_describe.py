"""Things in words."""

import pytest

from hepatica.ensemble import Wiring
from hepatica.errors import NotFoundError
from hepatica.evidence import Source
from hepatica.library import citation, describe, find, load_drug, load_model, load_tool
from hepatica.model import Parameter, Prior

from . import conftest as given
from .test_load import DRUG


def test_drug_in_words(shelf):
    shelf(drugs__pill=DRUG)
    assert describe("p 1") == "\n".join((
        "pill (Pill), drug",
        "  also called P 1",
        "  given as k, nominal concentration in the medium, nM",
        "  targets",
        "    RAF                          IC50 6 nM  [literature, smith2020]",
        "  free fraction 1.00% in 10 % serum  [assumed, assumption]",
        "  regimen daily  [derived, smith2020]",
        "    k                            set to 3 nM from 60 min to 120 min  [derived, smith2020]",
        "  sources",
        "    smith2020: Livers. Smith A et al., 2020. doi:10.1/x",
        "    assumption: assumed; the reason stands in the row",
    ))  # fmt: skip


def test_cell_line_and_tool_in_words(shelf):
    shelf(
        cell_lines__c=given.CELLS,
        tools__t=given.CELLS.replace('"Cell"', '"Tool"').replace("C-1", "T-1").replace("Cell line", "T"),
    )
    body = "\n".join((
        "  changes",
        "    k                            times 2  [literature, smith2020]: twice",
        "  sources",
        "    smith2020: Livers. Smith A et al., 2020. doi:10.1/x",
    ))  # fmt: skip
    assert describe("Cell") == f"Cell (Cell line), cell line\n{body}"
    assert describe("T-1") == f"Tool (T), tool\n{body}"


def test_parameter_in_words(shelf):
    assert describe("k") == "\n".join((
        "k (decay), parameter",
        "  0.1  [assumed, smith2020]: slow",
        "  prior log-normal, median 0.1, 90 % within 0.0441 to 0.228",
        "  bounds 0.01 to 1",
        "  sources",
        "    smith2020: Livers. Smith A et al., 2020. doi:10.1/x",
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (Prior(distribution="uniform", arguments=(1.0, 2.0)), "  prior uniform, 1 to 2 nM"),
        (Prior(distribution="normal", arguments=(1.0, 0.5)), "  prior normal, median 1, 90 % within 0.178 to 1.82 nM"),
    ],
)
def test_priors_in_words(shelf, prior, words):
    assert describe(Parameter(id="p", value=1.0, unit="nM", prior=prior)).split("\n") == [
        "p, parameter",
        "  1 nM",
        words,
    ]


def test_wiring_and_source_in_words(shelf):
    assert describe("fast") == "fast, wiring (k = 0 or 1)\n  Decay is fast.\n  probability 0.5  [assumed, assumption]"
    assert describe("smith2020") == "smith2020, source\n  Livers. Smith A et al., 2020. doi:10.1/x"


def test_citation_names_every_identifier_once():
    source = Source(
        key="a", reference="pmid:2", title="T", journal="J", year=2020, doi="10.1/x", pmid="2", pmcid="PMC3"
    )
    assert citation(source) == "T. J, 2020. pmid:2, doi:10.1/x, PMC3"


def test_find(shelf):
    shelf(drugs__pill=DRUG, tools__t=given.CELLS)
    assert find("pill") is load_drug("pill")
    assert find("c1") is load_tool("Cell")
    assert find("k") in load_model("toy").parameters
    assert isinstance(find("fast"), Wiring)
    assert isinstance(find("assumption"), Source)


def test_nothing_of_that_name(shelf):
    with pytest.raises(
        NotFoundError, match=r"^nothing in the library is called 'smith2002'\. Did you mean 'smith2020'\?$"
    ):
        describe("smith2002")
