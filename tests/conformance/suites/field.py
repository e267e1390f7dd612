"""Models of the field: sorafenib's body-wide pharmacokinetics (hierarchical, and as its authors flattened it), SPARCED.

There are no expected values. Each must load, compile and run to its end with finite values; and the hierarchical model
must give what the flattened one gives.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.sbml import read_sbml

from . import ROOT
from .engine import TIGHT, Curves, simulate
from .outcome import Outcome, reason_of

FOLDER = ROOT / "field-models"
SUITE = "field-models"
SAME = {"sorafenib_body.xml": "sorafenib_body_flat.xml"}
HORIZON = 24.0  # in each model's own unit of time
Array = NDArray[np.float64]


def cases() -> tuple[str, ...]:
    """Give the models' file names; parts of a hierarchical model are run with it."""
    return ("SPARCED.xml", "sorafenib_body.xml", "sorafenib_body_flat.xml")


def run(case: str) -> Iterator[Outcome]:
    """Run a model, and the one that it must equal."""
    blank = {"suite": SUITE, "case": case}
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(FOLDER / "field-models.zip") as archive:
            archive.extractall(folder)
        paths = {path.name: path for path in Path(folder).rglob("*.xml")}
        try:
            curves = [_simulate(paths[name]) for name in (case, SAME.get(case)) if name]
        except InputError as error:
            yield Outcome(**blank, outcome="refused", reason=reason_of(error))
            return
    if not curves[0].completed:
        yield Outcome(**blank, outcome="failed", reason=curves[0].sentence)
    elif not np.isfinite(curves[0].values).all():
        yield Outcome(**blank, outcome="wrong", reason="a completed run has values that are not finite")
    elif len(curves) > 1 and not _same(*curves):
        yield Outcome(**blank, outcome="wrong", reason=f"not the values of {SAME[case]}")
    else:
        yield Outcome(**blank, outcome="passed")


def _simulate(path: Path) -> Curves:
    model = read_sbml(path)
    names = [s.id for s in model.species]
    return simulate(model, np.linspace(0.0, HORIZON, 25), names, TIGHT)


def _same(a: Curves, b: Curves) -> bool:
    if sorted(a.names) != sorted(b.names):
        return False
    other = np.column_stack([b.of(name) for name in a.names])
    scale = np.abs(other).max(axis=0)
    return bool((np.abs(a.values - other) <= 1e-6 * scale).all())
