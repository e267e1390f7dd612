"""The good files of which broken ones are made."""

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hepatica.errors import HepaticaError
from hepatica.sbml import read_sbml, write_antimony

ROOT = Path(os.environ.get("HEPATICA_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance"))
MOST_BYTES = 120_000
TEXTS = (
    "species A, B; A = 1; B = 0; A => B; k1*A; B => A; k2*B/(K + B); k1 = 0.3; k2 = 0.1; K = 0.5;",
    "compartment c = 2; species S in c, $X in c; S = 3; X = 1; J: X -> S; c*(v - k*S)\nv := piecewise(1, time < 3, 2)\nk = 0.2",
    "function mm(s, V, K)\n V*s/(K + s)\nend\nmodel m()\nspecies S, P; S = 10; S -> P; mm(S, v, k); v = 1;\n"
    "k = 2; x := S/P; P = 1; y = 2; y' = 1\nend",
    "x = 1; y = 0; x' = y; y' = -x; e := x^2 + y^2; z = e*2; n = log10(100); m := max(x, min(y, 0.5)) + abs(x) - exp(-y)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seed:
    """A good file."""

    name: str
    kind: str
    data: bytes


def load_corpus(*, biomodels: bool = True, every: int = 1) -> tuple[list[Seed], list[Seed], list[Seed]]:
    """Give SBML files that hepatica reads, SBML files that it refuses, and Antimony texts."""
    accepted: list[Seed] = []
    refused: list[Seed] = []
    antimony = [Seed(f"text{k}", "antimony", text.encode()) for k, text in enumerate(TEXTS)]
    seeds = [*_semantic(), *(_biomodels() if biomodels else ())][::every]
    for number, seed in enumerate(seeds):
        try:
            model = read_sbml(seed.data.decode())
        except HepaticaError:
            refused.append(seed)
            continue
        accepted.append(seed)
        if number % 8 == 0:
            try:
                antimony.append(Seed(seed.name, "antimony", write_antimony(model).encode()))
            except HepaticaError:
                continue
    return accepted, refused, antimony


def _semantic() -> Iterator[Seed]:
    folder = ROOT / "sbml-semantic"
    with zipfile.ZipFile(folder / "sbml-semantic.zip") as archive:
        rows = csv.DictReader(io.StringIO((folder / "index.tsv").read_text(encoding="utf-8")), delimiter="\t")
        for row in rows:
            data = archive.read(f"cases/semantic/{row['case']}/{row['sbml']}")
            if len(data) <= MOST_BYTES:
                yield Seed(row["case"], "sbml", data)


def _biomodels() -> Iterator[Seed]:
    with zipfile.ZipFile(ROOT / "biomodels" / "biomodels.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".xml") and archive.getinfo(name).file_size <= MOST_BYTES:
                yield Seed(Path(name).stem, "sbml", archive.read(name))
