"""Sorafenib's pharmacokinetics: the hierarchical model, flattened here, is the model that its authors flattened."""

import re
import zipfile

import pytest
from suites import ROOT, field

from hepatica.sbml.flatten import flatten_hierarchy

pytestmark = pytest.mark.skipif(not field.FOLDER.exists(), reason=f"conformance data 'field-models' is not at {ROOT}")


def test_the_hierarchical_model_is_the_flat_one(tmp_path):
    with zipfile.ZipFile(field.FOLDER / "field-models.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "sorafenib-pbpk"
    text = flatten_hierarchy((folder / "sorafenib_body.xml").read_text(), "sorafenib_body.xml", folder)
    flat = (folder / "sorafenib_body_flat.xml").read_text()
    pattern = re.compile(r"<(species|reaction|parameter|compartment|assignmentRule|speciesReference) [^>]*>")
    mine, theirs = ([" ".join(sorted(m[0].split())) for m in pattern.finditer(t)] for t in (text, flat))
    assert len(mine) > 300
    assert sorted(mine) == sorted(theirs)
