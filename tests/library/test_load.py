"""Loading by name, and what is said when a file is wrong."""

import pytest

from hepatica.ensemble import write_ensemble
from hepatica.errors import FormatError, InputError, NotFoundError, StorageError
from hepatica.evidence import Evidence
from hepatica.library import (
    list_cell_lines,
    list_drugs,
    list_models,
    list_tools,
    load_cell_line,
    load_drug,
    load_ensemble,
    load_model,
    load_posterior,
    load_sources,
    load_tool,
    load_wirings,
)
from hepatica.library.files import library_root

from . import conftest as given

DRUG = """
id = "pill"
name = "Pill"
aliases = ["P 1"]
parameter = "k"
unit = "nM"

[[targets]]
name = "RAF"
ic50_nM = 6
basis = "literature"
source = "smith2020"

[binding]
fu_medium = 0.01
basis = "assumed"
source = "assumption"

[[regimens]]
name = "daily"
basis = "derived"
source = "smith2020"

[[regimens.changes]]
target = "k"
value = 3.0
unit = "nM"
start = "1 h"
stop = 120
basis = "derived"
source = "smith2020"
"""


def test_cell_line(shelf):
    shelf(cell_lines__c=given.CELLS)
    line = load_cell_line("c 1")
    assert line is load_cell_line("Cell")
    assert (line.id, line.name, line.refs) == ("Cell", "Cell line", ())
    (change,) = line.changes
    assert (change.target, change.how, change.value, change.start) == ("k", "scale", 2.0, None)
    assert change.evidence == Evidence(basis="literature", source="smith2020", note="twice")
    assert list_cell_lines() == ("Cell",)


def test_tool_is_a_manipulation(shelf):
    shelf(tools__t=given.CELLS)
    tool = load_tool("Cell")
    assert tool.labels == {"manipulation": "Cell"}
    assert tool.changes[0].target == "k"
    assert list_tools() == ("Cell",)


def test_drug(shelf):
    shelf(drugs__pill=DRUG)
    drug = load_drug("p1")
    assert drug.targets[0].ic50 == 6.0
    assert drug.binding.fu_medium == 0.01
    assert [s.key for s in drug.sources] == ["smith2020", "assumption"]
    (change,) = drug.regimen("daily").changes
    assert (change.start, change.stop) == (60.0, 120.0)
    assert change.evidence.basis == "derived"
    assert list_drugs() == ("pill",)


def test_model(shelf):
    model = load_model("toy")
    assert model is load_model("toy")
    assert (model.id, model.name) == ("toy", "Toy")
    (k,) = [p for p in model.parameters if p.id == "k"]
    assert (k.value, k.unit, k.bounds) == (0.1, "dimensionless", (0.01, 1.0))
    assert k.prior.arguments == (-2.3, 0.5)
    assert k.evidence == Evidence(basis="assumed", source="smith2020", note="slow")
    assert model.origin["k"] == "library/models/toy/parameters.tsv:2"
    assert model.origin["decay"] == "library/models/toy/a.ant:1"
    assert [s.key for s in model.sources] == ["assumption", "smith2020"]
    assert list_models() == ("toy",)


def test_wirings_and_ensemble(shelf):
    (wiring,) = load_wirings("toy")
    assert (wiring.parameter, wiring.probability, wiring.evidence.basis) == ("k", 0.5, "assumed")
    drawn = load_ensemble("toy", draws=5, seed=2)
    assert drawn.size == 5
    assert drawn.parameters == ("k",)


def test_unknown_names(shelf):
    shelf(cell_lines__c=given.CELLS)
    with pytest.raises(NotFoundError, match=r"^no cell line 'Cel' in the library\. Did you mean 'Cell'\?$"):
        load_cell_line("Cel")
    with pytest.raises(NotFoundError, match=r"^no model 'tooy' in the library\. Did you mean 'toy'\?$"):
        load_model("tooy")
    with pytest.raises(NotFoundError, match=r"^no model 'x' in the library\. Known: toy\.$"):
        load_wirings("x")
    with pytest.raises(NotFoundError, match=r"^no drug 'x' in the library\.$"):
        load_drug("x")


def test_model_from_antimony_and_sbml_files(tmp_path):
    from hepatica.sbml import write_sbml

    path = tmp_path / "tiny.ant"
    path.write_text("species A; A = 1; decay: A => ; k*A; k = 0.1;\n")
    model = load_model(path)
    assert model.reactions[0].id == "decay"
    write_sbml(model, tmp_path / "tiny.xml")
    assert load_model(str(tmp_path / "tiny.xml")).reactions[0].id == "decay"


def test_model_file_that_is_missing_or_of_another_kind(tmp_path, shelf):
    with pytest.raises(
        NotFoundError, match=r"^no file 'gone\.ant'; give a model's path, or one of the library: toy\.$"
    ):
        load_model("gone.ant")
    path = tmp_path / "model.txt"
    path.write_text("x")
    with pytest.raises(
        FormatError, match=r"model\.txt' is not a model; expected a file that ends in \.ant, \.xml, \.sbml\.$"
    ):
        load_model(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'how = "scale"', 'hov = "scale"',
            r"^library/cell_lines/c\.toml:8: unknown key 'hov' in \[\[changes\]\] number 1\. Did you mean 'how'\?$",
        ),
        (
            'how = "scale"', 'how = "scal"',
            r"^library/cell_lines/c\.toml:8: 'how' in \[\[changes\]\] number 1 is 'scal'; expected 'set', 'scale', ",
        ),
        (
            'target = "k"\n', "",
            r"^library/cell_lines/c\.toml:6: the key 'target' is missing in \[\[changes\]\] number 1\.$",
        ),
        (
            "value = 2.0", 'value = "2"',
            r"^library/cell_lines/c\.toml:9: 'value' in \[\[changes\]\] number 1 is '2'; expected number\.$",
        ),
        (
            "value = 2.0", "value = nan",
            r"^library/cell_lines/c\.toml:9: 'value' in \[\[changes\]\] number 1 is nan; expected a finite number\.$",
        ),
        (
            "value = 2.0", "value = -2.0",
            r"^library/cell_lines/c\.toml:6: change of 'k': the factor is -2; expected zero or more\.$",
        ),
        ('unit = "dim', 'unit = "dinm', r"^library/cell_lines/c\.toml:6: the unit 'dinmensionless' is unknown\.$"),
        (
            "smith2020", "smith2002",
            r"^library/cell_lines/c\.toml:6: no source 'smith2002' in sources\.toml\. Did you mean 'smith2020'\?$",
        ),
        (
            'note = "twice"', 'start = "1"',
            r"^library/cell_lines/c\.toml:6: '1' has no unit; expected one that converts to 'min', such as '1 min'\.$",
        ),
        ("value = 2.0", "value = ", r"^library/cell_lines/c\.toml:9: not valid TOML: invalid value\.$"),
        ('note = "twice"', 'note = "twice', r"^library/cell_lines/c\.toml:13: not valid TOML: "),
        ('id = "Cell"', 'id = ""', r"^library/cell_lines/c\.toml:2: 'id' is ''; expected "),
        (
            'basis = "literature"', 'basis = "guess"',
            r"'basis' in \[\[changes\]\] number 1 is 'guess'; expected 'measured'",
        ),
    ],
)  # fmt: skip
def test_wrong_cell_line_files(shelf, old, new, message):
    assert old in given.CELLS
    shelf(cell_lines__c=given.CELLS.replace(old, new))
    with pytest.raises(FormatError, match=message):
        load_cell_line("Cell")


def test_errors_in_one_file_are_counted(shelf):
    shelf(cell_lines__c=given.CELLS.replace("value = 2.0", 'value = "x"').replace('note = "twice"', "nota = 1"))
    with pytest.raises(FormatError, match=r" \(1 more in this file\)$"):
        load_cell_line("Cell")


def test_two_files_that_answer_to_one_name(shelf):
    shelf(
        cell_lines__a=given.CELLS,
        cell_lines__b=given.CELLS.replace('id = "Cell"', 'id = "Other"').replace("Cell line", "O"),
    )
    with pytest.raises(FormatError, match=r"^library/cell_lines/b\.toml: it answers to 'c1', and so does 'Cell'\.$"):
        load_cell_line("Cell")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "ic50_nM = 6", "ic50_nM = 0",
            r"^library/drugs/pill\.toml:8: target 'RAF': the IC50 is 0 nM; expected more than zero\.$",
        ),
        (
            "fu_medium = 0.01", "fu_medium = 2",
            r"^library/drugs/pill\.toml:14: the fraction unbound in medium is 2; expected above 0",
        ),
        (
            "fu_medium = 0.01", "fu_mediun = 2",
            r"^library/drugs/pill\.toml:15: unknown key 'fu_mediun' in \[binding\]\. Did you mean 'fu_medium'",
        ),
        (
            'unit = "nM"\n\n[[t', 'unit = "mg"\n\n[[t',
            r"^library/drugs/pill\.toml:6: '1 mg' cannot be given in 'uM': the dimensions differ\.$",
        ),
        (
            'name = "daily"', 'nama = "daily"',
            r"^library/drugs/pill\.toml:\d+: .*\[\[regimens\]\] number 1.* \(1 more in this file\)$",
        ),
        ('start = "1 h"', 'start = "3 h"', r"change of 'k': stop \(120 min\) must follow start \(180\.0 min\)\.$"),
    ],
)  # fmt: skip
def test_wrong_drug_files(shelf, old, new, message):
    assert old in DRUG
    shelf(drugs__pill=DRUG.replace(old, new))
    with pytest.raises(FormatError, match=message):
        load_drug("pill")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a = 1\n[b]\nreference = "x"\n', r"^library/sources\.toml:1: 'a' is not a table; expected \[a\]\.$"),
        ('[a]\nreference = ""\n', r"^library/sources\.toml:1: source 'a' has no reference; give a DOI"),
        ('[a]\ntitle = "x"\n', r"^library/sources\.toml:1: .*the key 'reference' is missing\.$"),
        ('[b]\nreference = "x"\n[a]\nreferense = "x"\n', r"^library/sources\.toml:3: .*'reference'"),
    ],
)
def test_wrong_sources(shelf, text, message):
    shelf(sources=text)
    with pytest.raises(FormatError, match=message):
        load_sources()


def test_wrong_wirings(shelf):
    shelf(wirings=given.WIRINGS.replace("0.5", "1.5"))
    with pytest.raises(
        FormatError, match=r"^library/models/toy/wirings\.toml:2: wiring 'fast': the probability is 1\.5"
    ):
        load_wirings("toy")


def test_file_that_a_model_names_is_missing(shelf):
    shelf(model=given.MODEL.replace("a.ant", "b.ant"))
    with pytest.raises(
        StorageError, match=r"^'library/models/toy/b\.ant' could not be read: No such file or directory\.$"
    ):
        load_model("toy")


def test_file_that_is_not_text(shelf, tmp_path):
    shelf()
    (tmp_path / "tools" / "t.toml").write_bytes(b'id = "\xff"')
    with pytest.raises(
        FormatError, match=r"^library/tools/t\.toml: not UTF-8 text at byte 6; save the file as UTF-8\.$"
    ):
        load_tool("t")


def test_a_posterior_is_of_one_version_of_its_model(shelf, tmp_path):
    with pytest.raises(NotFoundError, match=r"^the library has no posterior ensemble of model 'toy'; fit one with"):
        load_posterior("toy")
    (tmp_path / "ensembles").mkdir()
    drawn = load_ensemble("toy", draws=5, seed=2)
    write_ensemble(drawn, tmp_path / "ensembles" / "toy.nc")
    assert load_posterior("toy").draws.values == pytest.approx(drawn.draws.values)
    drawn.draws.attrs["model_digest"] = "0" * 64
    write_ensemble(drawn, tmp_path / "ensembles" / "toy.nc")
    with pytest.raises(
        InputError, match=r"was made for another version of the model \(000000000000, not [0-9a-f]{12}\)"
    ):
        load_posterior("toy")


def test_the_posterior_that_comes_with_the_library():
    ensemble = load_posterior("hcc")
    assert ensemble.size >= 2000
    assert {"command", "problem_digest", "sampled"} <= set(ensemble.draws.attrs)
    assert len((library_root() / "ensembles" / "hcc.nc").read_bytes()) < 5_000_000
