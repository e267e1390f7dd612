"""A small library of its own for tests of errors."""

import pytest

from hepatica.library import files, load

SOURCES = """
[assumption]
reference = "assumed; the reason stands in the row"

[smith2020]
reference = "doi:10.1/x"
title = "Livers."
authors = "Smith A et al."
year = 2020
"""
MODEL = 'id = "toy"\nname = "Toy"\nmodules = ["a.ant"]\n'
MODULE = "species A; A = 1; decay: A => ; k*A;\n"
HEADER = "\t".join((
    "parameterId", "parameterName", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate",
    "objectivePriorType", "objectivePriorParameters", "unit", "basis", "source", "note",
))  # fmt: skip
ROW = [
    "k",
    "decay",
    "log10",
    "0.01",
    "1",
    "0.1",
    "1",
    "log-normal",
    "-2.3;0.5",
    "dimensionless",
    "assumed",
    "smith2020",
    "slow",
]
CELLS = """
id = "Cell"
name = "Cell line"
aliases = ["C-1"]

[[changes]]
target = "k"
how = "scale"
value = 2.0
unit = "dimensionless"
basis = "literature"
source = "smith2020"
note = "twice"
"""
WIRINGS = """
[[wirings]]
id = "fast"
parameter = "k"
sentence = "Decay is fast."
probability = 0.5
basis = "assumed"
source = "assumption"
"""
CACHED = (
    load._index,
    load._cell_line,
    load._tool,
    load._drug,
    load._library_model,
    load.load_sources,
    load.load_wirings,
)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Write files into a library of its own and let the loaders see it."""
    for folder in ("cell_lines", "drugs", "tools", "models/toy"):
        (tmp_path / folder).mkdir(parents=True)

    def put(**texts):
        for name, text in texts.items():
            folder, _, stem = name.partition("__")
            path = tmp_path / (f"{folder}/{stem}.toml" if stem else PLACES[folder])
            path.write_text(text, encoding="utf-8")
        forget()

    put(sources=SOURCES, model=MODEL, module=MODULE, table="\n".join([HEADER, "\t".join(ROW)]) + "\n", wirings=WIRINGS)
    for module in (files, load):
        monkeypatch.setattr(module, "library_root", lambda: tmp_path)
    yield put
    forget()


PLACES = {
    "sources": "sources.toml", "model": "models/toy/model.toml", "module": "models/toy/a.ant",
    "table": "models/toy/parameters.tsv", "wirings": "models/toy/wirings.toml",
}  # fmt: skip


def forget():
    for function in CACHED:
        function.cache_clear()
