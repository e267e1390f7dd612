"""SBML Test Suite 3.4, semantic cases, in every level and version that the suite has.

Origin: the SBML Test Suite (sbmlteam/sbml-test-suite), expected results as published with each case. Models of the same
case in different levels are often the same once read: what has the same digest is simulated once.
"""

import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
import zstandard
from numpy.typing import NDArray

from hepatica.errors import InputError
from hepatica.model import Model
from hepatica.sbml import read_sbml

from . import ROOT
from .engine import Curves, simulate
from .outcome import Outcome, reason_of

FOLDER = ROOT / "sbml-semantic"
SUITE = "sbml-semantic"
LEFT_OUT = {
    ("01399", "2.5"): "its reaction is not fast in this file only, and the expected values are those of a fast reaction"
}
"""Files that are not the model of their case."""
_LEVEL = re.compile(r"-l(\d)v(\d)\.xml$")
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a case asks for, and how near it must come."""

    times: Array
    variables: tuple[str, ...]
    amounts: frozenset[str]
    concentrations: frozenset[str]
    absolute: float
    relative: float


@cache
def index() -> dict[str, dict[str, str]]:
    """Give the rows of the suite's index by case."""
    with (FOLDER / "index.tsv").open(encoding="utf-8", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file, delimiter="\t")}


@cache
def _latest() -> zipfile.ZipFile:
    return zipfile.ZipFile(FOLDER / "sbml-semantic.zip")


@cache
def _others() -> Mapping[str, Mapping[str, bytes]]:
    """Give the files of the other levels by case and name."""
    files: dict[str, dict[str, bytes]] = {}
    with (FOLDER / "sbml-semantic-other-levels.tar.zst").open("rb") as packed:
        plain = io.BytesIO(zstandard.ZstdDecompressor().stream_reader(packed).read())
    with tarfile.open(fileobj=plain) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                path = PurePosixPath(member.name)
                files.setdefault(path.parent.name, {})[path.name] = file.read()
    return files


def files_of(case: str, *, latest_only: bool = False) -> dict[str, bytes]:
    """Give the SBML files of a case by name."""
    archive, folder = _latest(), f"cases/semantic/{case}/"
    files = {
        name.removeprefix(folder): archive.read(name)
        for name in archive.namelist()
        if name.startswith(folder) and name.endswith(".xml")
    }
    return files if latest_only else dict(_others().get(case, {})) | files


def settings_of(case: str) -> Settings:
    """Give what a case asks for."""
    text = _latest().read(f"cases/semantic/{case}/{case}-settings.txt").decode()
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    asked = {key.strip(): value.strip() for key, value in pairs}

    def names(key: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in asked.get(key, "").split(",") if part.strip())

    start, duration, steps = float(asked["start"]), float(asked["duration"]), int(asked["steps"])
    return Settings(
        times=np.linspace(start, start + duration, steps + 1),
        variables=names("variables"),
        amounts=frozenset(names("amount")),
        concentrations=frozenset(names("concentration")),
        absolute=float(asked["absolute"]),
        relative=float(asked["relative"]),
    )


def expected_of(case: str) -> dict[str, Array]:
    """Give the expected column of each variable."""
    text = _latest().read(f"cases/semantic/{case}/{case}-results.csv").decode()
    header = [h.strip().strip('"') for h in text.splitlines()[0].split(",")]
    table = np.genfromtxt(io.StringIO(text), delimiter=",", skip_header=1).reshape(-1, len(header))
    return dict(zip(header[1:], table.T[1:], strict=True))  # the first column is time, whatever it is called


def latest_level(case: str) -> str:
    """Give the latest level and version that a case has, such as ``3.2``."""
    level = index()[case]["level"]
    return f"{level[1]}.{level[3]}"


def run(case: str, *, latest_only: bool = False) -> Iterator[Outcome]:
    """Run a case in the levels it has."""
    files = files_of(case, latest_only=latest_only)
    known: dict[str, Outcome] = {}
    for name in sorted(files):
        match = _LEVEL.search(name)
        level = f"{match[1]}.{match[2]}" if match else ""
        if name.startswith(f"{case}-sbml") and (case, level) not in LEFT_OUT:
            blank = Outcome(suite=SUITE, case=case, level=level, outcome="passed")
            yield _run(case, name, files, blank, known)


def _run(case: str, name: str, files: Mapping[str, bytes], blank: Outcome, known: dict[str, Outcome]) -> Outcome:
    try:
        model = _read(name, files)
        if model.digest in known:
            return replace(known[model.digest], level=blank.level)
        asked = settings_of(case)
        curves = simulate(model, asked.times, (*asked.variables, *_sizes(model, asked).values()))
    except InputError as error:
        return replace(blank, outcome="refused", reason=reason_of(error))
    outcome, reason = judge(curves, asked, expected_of(case), model)
    known[model.digest] = replace(blank, outcome=outcome, reason=reason)
    return known[model.digest]


def _read(name: str, files: Mapping[str, bytes]) -> Model:
    if b"externalModelDefinition" not in files[name]:
        return read_sbml(files[name].decode())
    with TemporaryDirectory() as folder:
        for other, content in files.items():
            Path(folder, other).write_bytes(content)
        return read_sbml(Path(folder, name))


def _sizes(model: Model, asked: Settings) -> dict[str, str]:
    """Give the compartments of the species that are asked for in another unit than the model's."""
    return {
        s.id: s.compartment
        for s in model.species
        if s.id in asked.variables and s.id in (asked.concentrations if s.substance_only else asked.amounts)
    }


def judge(curves: Curves, asked: Settings, expected: Mapping[str, Array], model: Model) -> tuple[str, str]:
    """Compare with the expected values; give outcome and reason."""
    sizes = _sizes(model, asked)
    only_amount = {s.id for s in model.species if s.substance_only}
    missing, wrong = [], []
    for name in asked.variables:
        got, want = curves.of(name), expected[name]
        if name in sizes:
            size = curves.of(sizes[name])
            got = got / size if name in only_amount else got * size
        with np.errstate(invalid="ignore"):
            near = np.abs(want - got) <= asked.absolute + asked.relative * np.abs(want)
        fits = near | (got == want) | (np.isnan(got) & np.isnan(want))
        if not fits[~np.isnan(got) | curves.completed].all():
            wrong.append(f"{name} at {asked.times[~fits][0]:g}")
        elif not fits.all():
            missing.append(name)
    if wrong:
        return "wrong", f"not the expected values: {', '.join(wrong)}"
    return ("failed", curves.sentence) if missing else ("passed", "")
