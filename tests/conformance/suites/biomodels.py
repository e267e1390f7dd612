"""BioModels: published models, their curves as two other engines agree on them.

Origin: BioModels (ebi.ac.uk/biomodels); the references were computed with libRoadRunner and kept where COPASI gave the
same. Models without a reference must load, or be refused by name.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler import compile_model
from hepatica.errors import InputError
from hepatica.model import Model
from hepatica.sbml import read_sbml

from . import ROOT
from .engine import TIGHT, simulate
from .outcome import Outcome, reason_of

FOLDER = ROOT / "biomodels"
SUITE = "biomodels"
TINY = replace(TIGHT, atol=1e-20)
"""Some models count in mol: their largest value is 1e-9 and less, and an atol of 1e-14 would be coarse."""
Array = NDArray[np.float64]


@cache
def index() -> dict[str, dict[str, str]]:
    """Give the rows of the index by model."""
    with (FOLDER / "index.tsv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}


@cache
def _archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(FOLDER / "biomodels.zip")


def text_of(case: str) -> str:
    """Give a model's SBML."""
    return _archive().read(f"models/{case}.xml").decode("utf-8-sig")


def reference_of(case: str) -> tuple[Array, dict[str, Array]]:
    """Give the times, shape (time,), and the reference curve of each name."""
    text = _archive().read(f"reference/{case}.csv").decode()
    header, *rows = list(csv.reader(io.StringIO(text)))
    table = np.array(rows, dtype=float)
    return table[:, 0], dict(zip(header[1:], table[:, 1:].T, strict=True))


def run(case: str) -> Iterator[Outcome]:
    """Run a model and compare it with its reference, or only compile it where there is none."""
    blank = {"suite": SUITE, "case": case}
    row = index()[case]
    try:
        model = read_sbml(text_of(case))
        if row["has_reference"] != "1":
            compile_model(model, (), cached=False)
            yield Outcome(**blank, outcome="passed")
            return
        times, reference = reference_of(case)
        homes = {s.id: s.compartment for s in model.species}
        curves = simulate(model, times, (*reference, *(homes[n] for n in reference if n in homes)), TINY)
    except InputError as error:
        yield Outcome(**blank, outcome="refused", reason=reason_of(error))
        return
    got = {name: curves.of(name) for name in curves.names}
    beyond = missed(model, row, got, reference)
    if not curves.completed:
        yield Outcome(**blank, outcome="failed", reason=curves.sentence)
    elif beyond:
        worst = max(beyond, key=lambda name: beyond[name])
        reason = f"{len(beyond)} of {len(reference)} curves are not the expected ones, '{worst}' by {beyond[worst]:.2g} tolerances"
        yield Outcome(**blank, outcome="wrong", reason=reason)
    else:
        yield Outcome(**blank, outcome="passed")


def missed(
    model: Model, row: Mapping[str, str], got: Mapping[str, Array], reference: Mapping[str, Array]
) -> dict[str, float]:
    """Give the curves that are not within the suite's tolerance, each with the largest distance in tolerances."""
    amounts = {entry.removesuffix(":amount") for entry in row["amount_columns"].split()}
    species = {s.id: s for s in model.species}
    relative = max(1e-4, 10 * float(row["max_rel_disagreement"] or 0))
    table = max(float(np.nanmax(np.abs(v))) for v in reference.values())
    found = {}
    for name, want in reference.items():
        mine = got[name]
        if name in species:
            size = got[species[name].compartment]
            given, wanted = species[name].substance_only, name in amounts
            mine = mine * size if wanted and not given else mine / size if given and not wanted else mine
        allowed = relative * np.abs(want) + 1e-6 * np.abs(want).max() + 1e-12 * table
        distance = np.abs(mine - want)
        ok = distance <= allowed
        if not ok.all():
            with np.errstate(divide="ignore", invalid="ignore"):
                found[name] = float(np.nan_to_num(distance[~ok] / allowed[~ok], nan=np.inf).max())
    return found
