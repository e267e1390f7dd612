"""Sources and citations."""

from dataclasses import FrozenInstanceError

import pytest

from hepatica.errors import InputError, NotFoundError
from hepatica.evidence import BASES, Evidence, Source, cite, find_source

PAPER = Source(
    key="smith2020", reference="doi:10.1/x_y", title="50 % of {all} & more", authors="Smith A et al.",
    journal="J Hepat", year=2020, doi="10.1/x_y", pmid="1",
)  # fmt: skip
NOTE = Source(key="assumption", reference="a judgement of the authors")


@pytest.mark.parametrize("basis", BASES)
def test_every_basis(basis):
    assert Evidence(basis=basis, source="a").basis == basis


def test_unknown_basis():
    with pytest.raises(
        InputError, match=r"^basis 'mesured' is none of measured, .*, assumed\. Did you mean 'measured'\?$"
    ):
        Evidence(basis="mesured", source="a")


def test_number_without_source():
    with pytest.raises(
        InputError, match=r"^a number with basis 'assumed' has no source; name a key of sources\.toml\.$"
    ):
        Evidence(basis="assumed", source="")


def test_source_without_reference():
    with pytest.raises(InputError, match=r"^source 'x' has no reference; give a DOI, a PMID or the place in words\.$"):
        Source(key="x", reference="")


def test_evidence_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Evidence(basis="assumed", source="a").basis = "measured"


def test_url():
    assert PAPER.url == "https://doi.org/10.1/x_y"
    assert Source(key="a", reference="pmid:2", pmid="2").url == "https://pubmed.ncbi.nlm.nih.gov/2/"
    assert NOTE.url == ""


def test_cite_escapes_sorts_and_writes_each_once():
    text = cite([PAPER, NOTE, PAPER])
    assert text.count("@article{smith2020,") == 1
    assert text.index("@misc{assumption,") < text.index("@article{smith2020,")
    assert r"title = {50 \% of \{all\} \& more}" in text
    assert "author = {Smith A and others}" in text
    assert "doi = {10.1/x_y}" in text
    assert "howpublished = {a judgement of the authors}" in text
    assert text.count("howpublished") == 1


def test_cite_nothing():
    assert cite([]) == ""


def test_find_source():
    assert find_source("smith2020", [NOTE, PAPER]) is PAPER
    with pytest.raises(NotFoundError, match=r"^no source 'smith2021' in sources\.toml\. Did you mean 'smith2020'\?$"):
        find_source("smith2021", [NOTE, PAPER])
