"""Every file of the library: it loads, names only what is there, and rests on sources."""

import re

import pytest

from hepatica.evidence import Evidence
from hepatica.library import (
    describe,
    list_cell_lines,
    list_drugs,
    list_models,
    list_tools,
    load_cell_line,
    load_drug,
    load_ensemble,
    load_model,
    load_sources,
    load_tool,
    load_wirings,
)
from hepatica.library.files import library_root
from hepatica.model import Species
from hepatica.units import convert

KEYS = {s.key for s in load_sources()}
MODEL = load_model("hcc")
PARAMETERS = {p.id: p for p in MODEL.parameters}
TABLE_IDS = {name for name, place in MODEL.origin.items() if "parameters.tsv" in place}
CHANGES = [
    *((f"cell line {n}", c) for n in list_cell_lines() for c in load_cell_line(n).changes),
    *((f"tool {n}", c) for n in list_tools() for c in load_tool(n).changes),
    *((f"drug {n}", c) for n in list_drugs() for r in load_drug(n).regimens for c in r.changes),
]


def check(evidence: Evidence | None) -> None:
    assert evidence is not None
    assert evidence.source in KEYS
    if evidence.basis == "assumed":
        assert evidence.note, "an assumed number needs its reason"
    if evidence.basis in {"measured", "literature"}:
        assert evidence.source != "assumption"


@pytest.mark.parametrize(
    ("folder", "listed"), [("drugs", list_drugs()), ("cell_lines", list_cell_lines()), ("tools", list_tools())]
)
def test_every_file_is_listed(folder, listed):
    count = sum(p.name.endswith(".toml") for p in library_root().joinpath(folder).iterdir())
    assert count == len(listed) > 0


def test_what_the_founding_study_needs_is_there():
    assert {"HepG2", "SK-Hep1", "Huh7", "Hep3B", "hepatocyte"} <= set(list_cell_lines())
    assert {"sorafenib", "linsitinib", "picropodophyllin", "mk2206", "trametinib"} <= set(list_drugs())
    assert {"shIGF1R", "shNT", "siIGF1R", "IGF1", "hyperinsulinaemia"} <= set(list_tools())
    assert "30 mg/kg/d" in {r.name for r in load_drug("sorafenib").regimens}
    assert list_models() == ("hcc",)


@pytest.mark.parametrize("alias", ["HepG2", "hepg2", "Hep G2"])
def test_names_of_hepg2(alias):
    assert load_cell_line(alias).id == "HepG2"


@pytest.mark.parametrize("alias", ["SK-Hep1", "SKHEP1", "sk-hep-1", "SK Hep 1"])
def test_names_of_sk_hep1(alias):
    assert load_cell_line(alias).id == "SK-Hep1"


@pytest.mark.parametrize(("where", "change"), CHANGES, ids=[f"{w}: {c.target}" for w, c in CHANGES])
def test_change_has_evidence_and_a_target_of_its_dimension(where, change):
    check(change.evidence)
    element = MODEL.by_id.get(change.target)
    assert element is not None, f"{where} changes '{change.target}', which the model does not have"
    unit = element.unit
    if change.how == "scale":
        convert(1.0, change.unit, "dimensionless")
    else:
        convert(1.0, change.unit, unit)
    ruled = {r.variable for r in MODEL.rules if r.kind == "assignment"}
    assert change.target not in ruled, f"{where} changes '{change.target}', which a rule computes"


@pytest.mark.parametrize("name", list_drugs())
def test_drug(name):
    drug = load_drug(name)
    assert drug.parameter in PARAMETERS
    convert(1.0, drug.unit, PARAMETERS[drug.parameter].unit)
    assert PARAMETERS[drug.parameter].value == 0.0
    assert drug.targets
    for target in drug.targets:
        check(target.evidence)
        assert not target.parameter or target.parameter in PARAMETERS
    for regimen in drug.regimens:
        check(regimen.evidence)
    if drug.binding is not None:
        check(drug.binding.evidence)
    assert not drug.chebi or re.fullmatch(r"CHEBI:\d+", drug.chebi)
    assert drug.sources


@pytest.mark.parametrize("name", list_cell_lines())
def test_cell_line(name):
    line = load_cell_line(name)
    assert {"doubling_time", "NRAS_mutant_fraction", "BRAF_V600E_fraction"} <= {c.target for c in line.changes}
    assert all(re.fullmatch(r"CVCL_\w{4}", ref) for ref in line.refs)


def test_table_rows_have_unit_source_and_basis():
    assert len(TABLE_IDS) > 100
    for name in sorted(TABLE_IDS):
        assert PARAMETERS[name].unit, name
        check(PARAMETERS[name].evidence)


def test_every_number_of_the_model_stands_in_the_table():
    computed = {r.variable for r in MODEL.rules} | {i.symbol for i in MODEL.initial_assignments}
    assert not sorted(set(PARAMETERS) - TABLE_IDS - computed)


def test_priors_hold_their_nominal_values():
    drawn = load_ensemble("hcc", draws=200, seed=1).draws
    for name in drawn["parameter"].values:
        value, values = PARAMETERS[name].value, drawn.sel(parameter=name).values
        assert values.min() <= value <= values.max(), name


def test_ensemble_is_within_bounds():
    drawn = load_ensemble("hcc", draws=50, seed=3).draws
    for name in drawn["parameter"].values:
        low, high = PARAMETERS[name].bounds or (-float("inf"), float("inf"))
        values = drawn.sel(parameter=name).values
        assert ((values >= low) & (values <= high)).all(), name


def test_wirings_are_switches_of_the_model():
    wirings = load_wirings("hcc")
    expected = {"erk_irs", "foxo_receptor", "sorafenib_offtarget", "paradox", "v600e", "vascular"}
    assert {w.parameter.removeprefix("wiring_") for w in wirings} == expected
    for wiring in wirings:
        check(wiring.evidence)
        assert PARAMETERS[wiring.parameter].value in {0.0, 1.0}
        assert wiring.sentence.endswith(".")


def test_every_source_is_used_or_says_why_it_is_there():
    used = {p.evidence.source for p in MODEL.parameters if p.evidence} | {c.evidence.source for _, c in CHANGES}
    used |= {s.key for n in list_drugs() for s in load_drug(n).sources}
    used |= {w.evidence.source for w in load_wirings("hcc")}
    for source in load_sources():
        assert source.key in used or source.note, source.key


def test_identifiers_of_sources_are_well_formed():
    for source in load_sources():
        assert not source.doi or re.fullmatch(r"10\.\d{4,}/\S+", source.doi), source.key
        assert not source.pmid or source.pmid.isdigit(), source.key
        assert not source.pmcid or re.fullmatch(r"PMC\d+", source.pmcid), source.key
        assert source.year is None or 1950 < source.year < 2030, source.key


def test_species_can_be_identified():
    nameless = [s.id for s in MODEL.species if isinstance(s, Species) and not s.annotations]
    assert not nameless


@pytest.mark.parametrize("name", [*list_drugs(), *list_cell_lines(), *list_tools(), *sorted(KEYS)])
def test_everything_can_be_described(name):
    assert describe(name).count("\n") >= 1
