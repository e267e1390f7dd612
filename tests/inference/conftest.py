"""A small problem of PEtab version 1, as files that tests change."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hepatica.model import Model
from hepatica.sbml import read_antimony, write_sbml

ANTIMONY = """
model toy
  compartment c = 1; species A in c, B in c; var S;
  forward: A -> B; c*k1*A; back: B -> A; c*k2*B;
  A = a0; B = b0; a0 = 1; b0 = 0.2; k1 = 0.8; k2 = 0.6; S := A + B;
end
"""
TABLES: Mapping[str, str] = {
    "parameters": "parameterId parameterScale lowerBound upperBound nominalValue estimate\n"
    "k1 log10 1e-3 1e3 0.8 1\nk2 log 1e-3 1e3 0.6 1\nsd lin 0 10 0.3 1\n",
    "conditions": "conditionId a0\none 1\ntwo 2.5\n",
    "observables": "observableId observableFormula noiseFormula\na 2*A sd\nb B 0.5\n",
    "measurements": "observableId simulationConditionId time measurement\na one 0 2\na one 1 1.4\na two 2 2.5\nb two 3 1.5\n",
}
YAML = """format_version: 1
parameter_file: parameters.tsv
problems:
- sbml_files: [model.xml]
  condition_files: [conditions.tsv]
  observable_files: [observables.tsv]
  measurement_files: [measurements.tsv]
"""
Writer = Callable[..., Path]


@pytest.fixture
def model() -> Model:
    return read_antimony(text=ANTIMONY)


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Give a function that writes the problem, with tables (blanks between cells), model or YAML text replaced."""

    def write(*, yaml: str = YAML, antimony: str = ANTIMONY, **tables: str) -> Path:
        write_sbml(read_antimony(text=antimony), tmp_path / "model.xml")
        for name, table in (TABLES | tables).items():
            (tmp_path / f"{name}.tsv").write_text(table.replace(" ", "\t"))
        (tmp_path / "toy.yaml").write_text(yaml)
        return tmp_path / "toy.yaml"

    return write
